package diagnose_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// TestExcludedClusters: they come last, have a reason and no commands, and do not make
// the result one of uncovered clusters.
func TestExcludedClusters(t *testing.T) {
	view := coverage.Merge([]coverage.Report{report(coverage.OK, row("batch", coverage.Unhealthy), row("web", coverage.Unhealthy))})
	result := func(pattern string) (r *diagnose.Result, table, commands string) {
		r = diagnose.New(readAt, view, nil)
		r.AddExclusions(exclusion.Apply(exclusion.Input{Now: readAt, View: view, Entries: []exclusion.Entry{
			{Name: "old", ClusterName: pattern, Reason: "is replaced", Until: readAt.AddDate(0, 0, 1)},
		}}))
		var b, c bytes.Buffer
		if err := r.Write(&b, "table"); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(&c, "commands"); err != nil {
			t.Fatal(err)
		}
		return r, b.String(), c.String()
	}
	title := "batch: UNHEALTHY, excluded until " + readAt.AddDate(0, 0, 1).Format("2006-01-02") + ": is replaced\n"
	r, table, commands := result("batch")
	if len(r.Clusters) != 2 || r.Clusters[0].ClusterName != "web" || !r.NotCovered() {
		t.Errorf("got %+v", r.Clusters)
	}
	if !strings.Contains(table, title) || !strings.Contains(commands, title) || !strings.Contains(commands, "# ") {
		t.Errorf("table:\n%s\ncommands:\n%s", table, commands)
	}
	if r, _, _ := result("*"); r.NotCovered() || len(r.Clusters) != 2 {
		t.Errorf("with all excluded: %+v", r.Clusters)
	}
}
