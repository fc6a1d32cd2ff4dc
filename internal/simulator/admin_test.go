package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestAdmin(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, url := serve(t, smallWorld(), simulator.Options{Now: func() time.Time { return now }})
	admin := func(method, body string) rawResponse {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+"/simulator/clusters", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, r)
	}
	clusters := func() (rows []simulator.Cluster) {
		s.Update(func(w *simulator.World) {
			for _, c := range w.Account(outsider).Clusters {
				rows = append(rows, *c)
			}
		})
		return rows
	}
	const name = `{"account_id":"` + outsider + `","region":"us-east-1","cluster_name":"new"`
	for _, step := range []struct {
		method, body string
		status       int
		want         []simulator.Cluster
	}{
		{
			http.MethodPut, name + `,"coverage_status":"UNHEALTHY","issue":"i","issues":["a","b"],"management_type":"MANUAL","covered":1,"compatible":2}`,
			http.StatusNoContent,
			[]simulator.Cluster{{
				Region: region, Name: "new", Status: "UNHEALTHY", Issue: "i", Issues: []string{"a", "b"},
				ManagementType: "MANUAL", Covered: 1, Compatible: 2, UpdatedAt: now,
			}},
		},
		{http.MethodPut, name + `}`, http.StatusNoContent, []simulator.Cluster{{Region: region, Name: "new", UpdatedAt: now}}},
		{http.MethodDelete, name + `}`, http.StatusNoContent, nil},
		{http.MethodDelete, name + `}`, http.StatusNotFound, nil},
		{http.MethodDelete, name + `,"covered":1}`, http.StatusBadRequest, nil},
		{http.MethodPut, name + `,"healthy":true}`, http.StatusBadRequest, nil},
		{http.MethodPut, name + `,"covered":-1}`, http.StatusBadRequest, nil},
		{http.MethodPut, `{"account_id":"` + outsider + `"}`, http.StatusBadRequest, nil},
		{http.MethodPut, strings.Replace(name, outsider, "000000000000", 1) + `}`, http.StatusNotFound, nil},
		{http.MethodPut, `[]`, http.StatusBadRequest, nil},
		{http.MethodPut, name + `} {}`, http.StatusBadRequest, nil},
		{http.MethodGet, ``, http.StatusMethodNotAllowed, nil},
	} {
		got := admin(step.method, step.body)
		if got.status != step.status {
			t.Errorf("%s %s: %d %s, want %d", step.method, step.body, got.status, got.body, step.status)
		}
		if diff := cmp.Diff(step.want, clusters()); diff != "" {
			t.Errorf("%s %s leaves (-want +got):\n%s", step.method, step.body, diff)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("admin requests are recorded as %d calls", n)
	}
}
