package ecs_test

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
)

// TestTargetIsRemovedAndAddedAgain: the end of the removed target, which takes its
// time, does not drop the reports of the new one.
func TestTargetIsRemovedAndAddedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		reports := map[string]bool{}
		m := ecs.NewMonitor(ecs.MonitorOptions{
			Diagnose: func(e diagnosis.Evidence) diagnosis.Diagnosis { return diagnosis.Diagnosis{Cluster: e.Cluster} },
			Put: func(r diagnosis.Report) {
				mu.Lock()
				defer mu.Unlock()
				reports[key(r.Target, r.AccountID, r.Region)] = true
			},
			Drop: func(target, accountID, region string) {
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				delete(reports, key(target, accountID, region))
			},
			Logger: slog.New(slog.DiscardHandler),
		})
		target := ecs.Target{
			Name: "organization", Interval: 15 * time.Minute, Open: func(string, string) ecs.Reader { return &fakeReader{} },
		}
		for _, targets := range [][]ecs.Target{{target}, nil, {target}} {
			m.Set(t.Context(), targets)
			m.Observe(reportOf(row(home, "a", coverage.Unhealthy, 1)))
			synctest.Wait()
		}
		time.Sleep(2 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if !reports[key("organization", home, region)] {
			t.Error("the report of the new target was dropped")
		}
	})
}
