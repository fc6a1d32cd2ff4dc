package ecs

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// runningTarget is a target with a goroutine that starts and stops those of its
// accounts.
type runningTarget struct {
	Target
	monitor *Monitor
	stop    context.CancelCauseFunc
	ended   chan struct{}

	wake chan struct{} // has an element if there are reports
	mu   sync.Mutex
	// reports are the newest by Region that run has not seen; nil for a Region that
	// was dropped.
	reports map[string]*coverage.Report

	accounts map[accountKey]*account // used by run only
}

type accountKey struct{ id, region string }

func (t *runningTarget) offer(region string, r *coverage.Report) {
	t.mu.Lock()
	t.reports[region] = r
	t.mu.Unlock()
	wake(t.wake)
}

// wake adds an element to a channel of capacity 1 unless it has one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (t *runningTarget) take() map[string]*coverage.Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	reports := t.reports
	t.reports = map[string]*coverage.Report{}
	return reports
}

// run runs the target until ctx ends. Before, it waits for the end of the target
// that it replaces, nil for none, which drops its reports.
func (t *runningTarget) run(ctx context.Context, before *runningTarget) {
	defer close(t.ended)
	if before != nil {
		<-before.ended
	}
	for {
		select {
		case <-t.wake:
			for region, report := range t.take() {
				t.observe(ctx, region, report)
			}
			continue
		case <-ctx.Done():
		}
		for key, a := range t.accounts {
			<-a.ended
			if errors.Is(context.Cause(ctx), errRemoved) {
				t.monitor.o.Drop(t.Name, key.id, key.region)
			}
		}
		clear(t.accounts) // the monitor may keep the target
		return
	}
}

func (t *runningTarget) hasEnded() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// observe passes a Region's new report to the accounts that it shows, and ends the
// others; all if the report is nil.
func (t *runningTarget) observe(ctx context.Context, region string, report *coverage.Report) {
	shown := map[accountKey]bool{}
	if report != nil {
		for _, known := range t.shown(*report) {
			key := accountKey{known.ID, region}
			shown[key] = true
			if t.accounts[key] == nil {
				t.start(ctx, key)
			}
			t.accounts[key].offer(&known)
		}
	}
	for key, a := range t.accounts {
		if key.region == region && !shown[key] {
			a.stop()
			<-a.ended
			delete(t.accounts, key)
			t.monitor.o.Drop(t.Name, key.id, key.region)
		}
	}
}

// shown returns the accounts of a report that are read.
func (t *runningTarget) shown(report coverage.Report) []Account {
	return slices.DeleteFunc(Accounts(report), func(a Account) bool { return t.OwnAccount && a.ID != report.AccountID })
}

func (t *runningTarget) newAccount(key accountKey) *account {
	return &account{
		target: t, key: key, reader: t.Open(key.id, key.region), ended: make(chan struct{}),
		wake: make(chan struct{}, 1), clusters: map[string]*clusterState{},
	}
}

func (t *runningTarget) start(ctx context.Context, key accountKey) {
	ctx, cancel := context.WithCancel(ctx)
	a := t.newAccount(key)
	a.stop = cancel
	t.accounts[key] = a
	t.monitor.running.Go(func() {
		defer close(a.ended)
		defer cancel()
		a.run(ctx)
	})
}
