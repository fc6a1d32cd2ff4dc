package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

// update is a report of a target with one cluster, updated at a second of the
// day; without a status it has no snapshot.
func update(target string, status coverage.Status, second int) coverage.Report {
	r := report(target, "web")
	if status == "" {
		r.Snapshot = nil
		return r
	}
	r.Snapshot.Resources[0].Status = status
	r.Snapshot.Resources[0].UpdatedAt = time.Date(2026, 3, 1, 0, 0, second, 0, time.UTC)
	return r
}

// TestTransitionsAreThoseOfTheView compares the transitions with the statuses that
// the view has one after the other.
func TestTransitionsAreThoseOfTheView(t *testing.T) {
	for name, reports := range map[string][]coverage.Report{
		"administrator and member": {
			update("admin", coverage.Healthy, 1), update("member", coverage.Healthy, 1),
			update("member", coverage.Unhealthy, 2), update("admin", coverage.Healthy, 3), update("member", coverage.Healthy, 3),
		},
		"a snapshot expires and is read again": {
			update("admin", coverage.Healthy, 1), update("member", coverage.Healthy, 1), update("member", "", 0),
			update("member", coverage.Unhealthy, 2), update("admin", coverage.Unhealthy, 2),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s store.Store
			var counted, exported []coverage.Status
			for _, r := range reports {
				for _, transition := range s.Put(r) {
					counted = append(counted, transition.Status)
				}
				if now := s.View().Resources[0].Status; len(exported) == 0 || exported[len(exported)-1] != now {
					exported = append(exported, now)
				}
			}
			if diff := cmp.Diff(exported[1:], counted); diff != "" {
				t.Errorf("-exported +counted:\n%s", diff)
			}
		})
	}
}
