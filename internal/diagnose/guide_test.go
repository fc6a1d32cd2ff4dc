package diagnose_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
)

// TestGuide: what to do about an issue is shown unless ECS shows the cause.
func TestGuide(t *testing.T) {
	g, err := guide.New()
	if err != nil {
		t.Fatal(err)
	}
	const issue = "TaskExecutionRole missing from TaskDefinition - 'web:1'"
	view := coverage.Merge([]coverage.Report{report(coverage.OK, row("known", coverage.Unhealthy, issue), row("not known", coverage.Unhealthy, issue))})
	r := diagnose.New(readAt, view, []diagnosis.Report{{
		Target: "organization", AccountID: account, Region: region, Up: true, Clusters: []diagnosis.Diagnosis{
			{Cluster: cluster("known"), Listed: true, TasksRead: true, Findings: []diagnosis.Finding{{Cause: diagnosis.Windows}}},
			{Cluster: cluster("not known"), Listed: true, TasksRead: true, Findings: []diagnosis.Finding{{Cause: diagnosis.UnknownReason}}},
		},
	}})
	r.AddGuide(g)
	for _, format := range []string{"table", "markdown", "json"} {
		var text bytes.Buffer
		if err := r.Write(&text, format); err != nil {
			t.Fatal(err)
		}
		for part, want := range map[string]int{
			"Register the revision and deploy it:": 1,
			"CLUSTER='not known' ":                 1,
			"CLUSTER=known":                        0,
		} {
			if n := strings.Count(text.String(), part); n != want {
				t.Errorf("%s: %q %d times, want %d:\n%s", format, part, n, want, &text)
			}
		}
	}
}
