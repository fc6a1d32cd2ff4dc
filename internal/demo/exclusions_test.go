package demo

import (
	"log/slog"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
)

// TestExclusions: each exclusion of the demo matches one cluster that is not covered,
// and the second ends soon enough to be announced.
func TestExclusions(t *testing.T) {
	now := time.Now()
	reading, err := ReadOnce(t.Context(), app.ReadOptions{Logger: slog.New(slog.DiscardHandler), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"nightly-batch": "nightly-batch", "edge-sites": "edge"}
	for _, e := range reading.Exclusions.Entries {
		if e.Matches == nil || *e.Matches != 1 || !e.End().After(now) {
			t.Errorf("%s, until %s, matches %v clusters", e.Name, e.LastDay(), e.Matches)
		}
	}
	for _, c := range reading.Exclusions.Clusters {
		if want[c.Entry.Name] != c.Cluster.Name {
			t.Errorf("%s excludes %s", c.Entry.Name, c.Cluster.Name)
		}
	}
	s := reading.Status.Summary
	if len(reading.Exclusions.Clusters) != len(want) || s.ExcludedClusters != len(want) || s.EndingExclusions != 1 {
		t.Errorf("%d clusters are excluded: %+v", len(reading.Exclusions.Clusters), s)
	}
}
