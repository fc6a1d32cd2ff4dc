package demo

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// Almost all causes are found within 18 minutes.
func TestCausesOverTime(t *testing.T) {
	t.Parallel()
	var want []string
	for _, c := range diagnosis.Causes() {
		switch c.Cause {
		case diagnosis.AgentExited, diagnosis.OldTaskARN, diagnosis.SharedVPC, diagnosis.Denied: // not in the demo
		default:
			want = append(want, string(c.Cause))
		}
	}
	begin := time.Now()
	s := simulator.New(newWorld(begin), simulator.Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	yaml := strings.Replace(configuration(server.URL, time.Now()), "requests_per_second: 50", "requests_per_second: 1000", 1)
	found, n := map[string]bool{}, 0
	for _, step := range []int{45, 105} {
		s.Update(func(w *simulator.World) {
			for n < step {
				n++
				advance(w, n, begin)
			}
		})
		cfg, err := config.Parse("demo", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		result, err := app.Diagnose(t.Context(), app.DiagnoseOptions{
			Config: cfg, Simulator: sessionOf(server.URL), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range result.Clusters {
			for _, f := range c.Findings {
				found[f.Cause] = true
			}
		}
	}
	var got []string
	for _, c := range diagnosis.Causes() {
		if found[string(c.Cause)] {
			got = append(got, string(c.Cause))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
