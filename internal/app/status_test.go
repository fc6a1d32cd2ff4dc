package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/statuspage"
)

// statusWorld is ecsWorld with hostile texts and a role that may not read
// statistics, and statusConfig reads it with a target and a queue that fail.
func statusWorld() *simulator.World {
	w := ecsWorld()
	m := w.Accounts[1]
	m.Name = `<b onmouseover="alert(1)">member</b>`
	m.Clusters = append(m.Clusters, unhealthy("<script>alert(2)</script>", `Agent exited: Reason: "><img src=x onerror=alert(3)> for tasks in TaskDefinition - 'web:1'`))
	w.Organization = &simulator.Organization{ManagementAccount: home, Accounts: []string{home, member, "444455556666", "123456789012"}}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			c.UpdatedAt = then
		}
	}
	return w
}

func statusConfig() string {
	yaml := strings.Replace(withECS, "members: true", "members: true\n    account_names: true", 1) + `
  - name: other
    role_arn: arn:aws:iam::999999999999:role/missing
    external_id: an-external-id-of-another
    regions: [eu-west-1]
events: [{queue_url: "https://sqs.us-east-1.amazonaws.com/111122223333/missing"}]
exclusions:
  - name: legacy
    account_id: "222233334444"
    cluster_name: pay*
    reason: is replaced by <b>a service</b> on Fargate
    until: %s
    owner: data-platform
`
	return strings.Replace(yaml, "%s", time.Now().UTC().AddDate(0, 0, 5).Format(time.DateOnly), 1)
}

// readStatus returns the status as it is served, with the same times and IDs in
// every run.
func readStatus(t *testing.T, e *exporter, began time.Time) status.Status {
	t.Helper()
	code, text := e.request(http.MethodGet, "/api/v1/status")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	text = regexp.MustCompile(`20\d\d-\d\d-\d\dT[\d:]+Z`).ReplaceAllStringFunc(text, func(at string) string {
		if parsed, err := time.Parse(time.RFC3339, at); err != nil || parsed.Before(began.Add(-time.Minute)) {
			return at
		}
		return then.AddDate(0, 0, 27).Format(time.RFC3339)
	})
	text = regexp.MustCompile(`"until": "20\d\d-\d\d-\d\d"`).ReplaceAllString(text, `"until": "2024-06-05"`)
	text = regexp.MustCompile(`RequestID: [0-9a-zA-Z-]+|127\.0\.0\.1:\d+`).ReplaceAllString(text, "…")
	var s status.Status
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldenStatus compares the page and the JSON of one value, which was read from
// AWS, with golden files.
func TestGoldenStatus(t *testing.T) {
	t.Parallel()
	began := time.Now()
	e := start(t, statusWorld(), statusConfig())
	var s status.Status
	e.until("everything was tried", func() bool {
		s = readStatus(t, e, began)
		failed := func(a status.ECSAccount) bool { return !a.Up && a.LastError == nil }
		return s.Ready && len(s.ECSAccounts) == 3 && !slices.ContainsFunc(s.ECSAccounts, failed) && len(s.Queues) == 1 &&
			s.Queues[0].LastError != nil && s.Summary.FailedECSAccounts == 1 && s.Summary.UnlistedClusters == 1
	})
	source := statuspage.Source{Status: func(status.Query) *status.Status { return &s }}
	for name, handler := range map[string]http.Handler{
		"status.html": statuspage.Page(source, statuspage.PageOptions{TelemetryPath: "/metrics"}),
		"status.json": statuspage.StatusJSON(source),
	} {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, response.Body.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), response.Body.String()); diff != "" {
			t.Errorf("%s differs (-want +got); write it with -update:\n%s\n%s", file, diff, e.log)
		}
		for _, secret := range []string{"an-external-id", "@example.com", "AKIA"} {
			if strings.Contains(response.Body.String(), secret) {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
}

// TestClustersPageByPage reads all clusters, in pages of two.
func TestClustersPageByPage(t *testing.T) {
	t.Parallel()
	e := start(t, statusWorld(), statusConfig())
	e.untilMetric(`guardduty_ecs_cluster_listed{account_id="222233334444",cluster_name="unlisted",region="us-east-1"} 0`)
	var names []string
	for after, pages := "", 0; ; pages++ {
		code, text := e.request(http.MethodGet, "/api/v1/clusters?limit=2&after="+strings.NewReplacer("<", "%3C", ">", "%3E").Replace(after))
		var page status.Clusters
		if err := json.Unmarshal([]byte(text), &page); err != nil || code != http.StatusOK || pages > 10 {
			t.Fatalf("%d %v: %s", code, err, text)
		}
		for _, c := range page.Clusters {
			names = append(names, c.ClusterName+" "+c.CoverageStatus)
		}
		if after = page.Next; after == "" {
			break
		}
		if len(page.Clusters) != 2 {
			t.Errorf("a page of %d clusters", len(page.Clusters))
		}
	}
	want := []string{
		"security-tools HEALTHY", "<script>alert(2)</script> UNHEALTHY", "checkout HEALTHY", "ledger UNHEALTHY", "payments UNHEALTHY",
		"shop UNHEALTHY", "unlisted ", "ledger UNHEALTHY",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, path := range []string{"/api/v1/clusters?limit=0", "/api/v1/clusters?limit=99999", "/api/v1/status?accuont=1", "/?region=a&region=b", "/?sort=x"} {
		if code, _ := e.request(http.MethodGet, path); code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestStatementsOfManyTargets: neither the time to load a configuration nor the
// statements on the page grow with the square of the number of targets.
func TestStatementsOfManyTargets(t *testing.T) {
	targets := func(n int) *config.Config {
		cfg := &config.Config{}
		for i := range n {
			cfg.Targets = append(cfg.Targets, config.Target{
				Name: fmt.Sprintf("target-%d", i), RoleARN: fmt.Sprintf("arn:aws:iam::%012d:role/coverage", i), Regions: []string{"us-east-1"},
			})
		}
		return cfg
	}
	var all statements
	allocations := func(n int) float64 {
		cfg := targets(n)
		return testing.AllocsPerRun(1, func() {
			var err error
			if all, err = newStatements(cfg); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(50), allocations(500); many > 11*few {
		t.Errorf("%g allocations of 50 targets, %g of 500", few, many)
	}
	if text := all.of("target-7", "AssumeRole"); strings.Count(text, "role/coverage") != 1 || !strings.Contains(text, ":000000000007:role/coverage") {
		t.Errorf("%d roles: %.400s", strings.Count(text, "role/coverage"), text)
	}
}

// TestStatementsOfTargetsNamedAsPrincipals has targets whose names are words of
// iam-policy.
func TestStatementsOfTargetsNamedAsPrincipals(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("test.yaml", []byte(`
targets:
  - {name: exporter, role_arn: "arn:aws:iam::222233334444:role/a", regions: [us-east-1]}
  - {name: ecs, regions: [us-east-2], ecs: {role_arn: "arn:aws:iam::{account_id}:role/ecs"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := newStatements(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for target, operations := range map[string]string{"exporter": "ListCoverage", "ecs": "ListTasks"} {
		if !strings.Contains(got.of(target, operations), operations) {
			t.Errorf("target %s: no statement for %s", target, operations)
		}
	}
}
