package ecs

import (
	"context"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// ReadOnce reads each account that a report of a target shows once. It reads at most
// 16 accounts at the same time, and returns when all have been read, have failed or
// ctx has ended. For each it calls Put of the options, last with its final report.
func ReadOnce(ctx context.Context, o MonitorOptions, t Target, report coverage.Report) {
	running := &runningTarget{Target: t, monitor: NewMonitor(o)}
	var wait sync.WaitGroup
	for _, known := range running.shown(report) {
		wait.Go(func() {
			a := running.newAccount(accountKey{known.ID, known.Region})
			a.observe(&known)
			for {
				a.attempt(ctx)
				if ctx.Err() != nil || a.failures > 0 || !a.unfinished {
					return
				}
			}
		})
	}
	wait.Wait()
}
