package diagnose_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// TestCoveredClustersAreLeftOut has a healthy cluster, and one without tasks that
// GuardDuty does not list.
func TestCoveredClustersAreLeftOut(t *testing.T) {
	r := diagnose.New(readAt, coverage.Merge([]coverage.Report{report(coverage.OK, row("web", coverage.Healthy))}), []diagnosis.Report{{
		Target: "organization", AccountID: account, Region: region, Up: true,
		Clusters: []diagnosis.Diagnosis{{Cluster: cluster("empty"), TasksRead: true}, {Cluster: cluster("web"), Listed: true, TasksRead: true}},
	}})
	if len(r.Clusters)+len(r.Unreadable) > 0 {
		t.Errorf("%+v", r)
	}
	for format, want := range map[string]string{
		"table": "Nothing was found: every ECS cluster that was read is covered.\n", "commands": "",
		"markdown": "# GuardDuty coverage of ECS clusters, 2026-11-28 12:00:00 UTC\n",
	} {
		var got bytes.Buffer
		if err := r.Write(&got, format); err != nil || got.String() != want {
			t.Errorf("%s: %q, %v", format, &got, err)
		}
	}
}

// TestResultsAreSorted has clusters and accounts in another order.
func TestResultsAreSorted(t *testing.T) {
	finding := []diagnosis.Finding{{Cause: diagnosis.NoExecutionRole}}
	of := func(accountID, region, name string) diagnosis.Diagnosis {
		return diagnosis.Diagnosis{Cluster: diagnosis.Cluster{AccountID: accountID, Region: region, Name: name}, Findings: finding}
	}
	failed := coverage.Merge([]coverage.Report{{Target: coverage.TargetID{Name: "a", Region: "r"}, AccountID: "9", State: coverage.Denied}})
	r := diagnose.New(readAt, failed, []diagnosis.Report{
		{Target: "b", AccountID: "1", Region: "r"},
		{Target: "a", AccountID: "2", Region: "r", Clusters: []diagnosis.Diagnosis{of("2", "r", "a"), of("2", "r", "b")}},
		{Target: "a", AccountID: "1", Region: "s", Clusters: []diagnosis.Diagnosis{of("1", "s", "a"), of("1", "s", "c")}},
		{Target: "a", AccountID: "1", Region: "r", Clusters: []diagnosis.Diagnosis{of("1", "r", "b")}},
	})
	var got strings.Builder
	for _, c := range r.Clusters {
		got.WriteString(c.AccountID + c.Region + c.ClusterName + " ")
	}
	for _, u := range r.Unreadable {
		got.WriteString(u.Target + u.AccountID + u.Region + " ")
	}
	if want := "1rb 1sa 1sc 2ra 2rb a9r a1r a1s a2r b1r "; got.String() != want {
		t.Errorf("got %s, want %s", &got, want)
	}
}

// TestJSONIsReadable: commands can be copied from it.
func TestJSONIsReadable(t *testing.T) {
	const text = `"a < b && c > d"`
	r := diagnose.Result{Clusters: []diagnose.Cluster{{Findings: []diagnose.Finding{{Fix: diagnose.Fix{Text: "a < b && c > d"}}}}}}
	var got bytes.Buffer
	if err := r.Write(&got, "json"); err != nil || !strings.Contains(got.String(), text) {
		t.Errorf("no %s: %v\n%s", text, err, &got)
	}
}

// TestNotConfigured: only an account of an unhealthy cluster that no target reads is
// not configured.
func TestNotConfigured(t *testing.T) {
	read := []diagnosis.Report{{Target: "organization", AccountID: account, Region: region, Up: true}}
	for name, tc := range map[string]struct {
		row     coverage.Resource
		reports []diagnosis.Report
		want    int
	}{
		"healthy":            {row("web", coverage.Healthy), nil, 0},
		"unhealthy":          {row("web", coverage.Unhealthy), nil, 1},
		"unhealthy and read": {row("web", coverage.Unhealthy), read, 0}, // the cluster is newer than the listing
	} {
		r := diagnose.New(readAt, coverage.Merge([]coverage.Report{report(coverage.OK, tc.row)}), tc.reports)
		if len(r.Unreadable) != tc.want {
			t.Errorf("%s: %+v", name, r.Unreadable)
		}
	}
}

// TestTitlesOfFindings has what a finding is about.
func TestTitlesOfFindings(t *testing.T) {
	for want, f := range map[string]diagnose.Finding{
		"\n  web: x": {ServiceName: "web"}, "\n  web: x (": {ServiceName: "web", Subject: "web"}, "\n  web web:7: x": {ServiceName: "web", Subject: "web:7"},
		"\n  web:7: x": {Subject: "web:7"}, "\n  account: x": {Level: "account"},
	} {
		f.Cause = "x"
		var got bytes.Buffer
		r := diagnose.Result{Clusters: []diagnose.Cluster{{Findings: []diagnose.Finding{f}}}}
		if err := r.Write(&got, "table"); err != nil || !strings.Contains(got.String(), want) {
			t.Errorf("no %q: %v\n%s", want, err, &got)
		}
	}
}
