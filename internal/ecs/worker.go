package ecs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// account is an account and Region of a target with its goroutine. Its clusters
// are read in rounds: a round begins at each interval with all clusters, and
// clusters that change are read before the others.
type account struct {
	target *runningTarget
	key    accountKey
	reader Reader
	stop   context.CancelFunc
	ended  chan struct{}

	wake chan struct{} // has an element if there is an observed Account
	mu   sync.Mutex
	// observed is what GuardDuty reports now; nil if run has seen it.
	observed *Account

	// The other fields are used by run only.

	known    *Account
	clusters map[string]*clusterState // by sanitized name
	listed   map[string]bool          // of clusters, those that ECS listed when the round began

	round       time.Time // when the last round began
	unfinished  bool      // clusters of the round are pending, or no call was made yet
	omitted     bool      // GuardDuty reports more clusters than are read
	gap         error     // why the round is not complete: its first refused call, for example; nil if it is
	hadGap      bool      // there is or was a gap, and no complete round since
	nextRound   time.Time
	lastSuccess time.Time // when the last complete round began
	lastFailure *coverage.Failure

	failures     int       // in a row
	failingSince time.Time // when the first of them was
	retryAt      time.Time
	failureLog   awserr.LogLevels
	gapLog       awserr.LogLevels
}

func (a *account) offer(known *Account) {
	a.mu.Lock()
	a.observed = known
	a.mu.Unlock()
	wake(a.wake)
}

func (a *account) take() *Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.observed
	a.observed = nil
	return known
}

func (a *account) run(ctx context.Context) {
	for ctx.Err() == nil {
		if known := a.take(); known != nil && a.observe(known) {
			a.target.monitor.o.Put(a.report())
		}
		if wait := time.Until(a.due()); a.known == nil || wait > 0 {
			a.wait(ctx, wait)
			continue
		}
		a.attempt(ctx)
	}
}

// due returns when there is something to do next.
func (a *account) due() time.Time {
	due := a.nextRound
	if a.unfinished || a.hasPending() {
		due = time.Time{}
	}
	if due.Before(a.retryAt) {
		return a.retryAt
	}
	return due
}

// wait returns after the time has passed, or earlier if there is news.
func (a *account) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var elapsed <-chan time.Time
	if a.known != nil {
		elapsed = timer.C
	}
	select {
	case <-elapsed:
	case <-a.wake:
	case <-ctx.Done():
	}
}

// attempt begins a round if it is time, reads some clusters and reports the
// result. It waits while too many accounts of the Region are being read.
func (a *account) attempt(ctx context.Context) {
	reading := a.target.monitor.readingIn(a.key.region)
	select {
	case reading <- struct{}{}:
		defer func() { <-reading }()
	case <-ctx.Done():
		return
	}
	start := time.Now()
	var err error
	// A round that makes progress is finished first, even if it takes longer than the
	// interval. One with failures may never be.
	if !start.Before(a.nextRound) && (!a.unfinished || a.failures > 0) {
		err = a.begins(ctx, start)
	}
	if err == nil {
		err = a.readBatch(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	a.log(ctx, err)
	if err != nil {
		a.fail(err)
	} else {
		a.failures, a.retryAt = 0, time.Time{}
		if a.unfinished && !a.hasPending() {
			a.finish(ctx)
		}
	}
	a.target.monitor.o.Put(a.report())
}

// fail takes note of a failed attempt.
func (a *account) fail(err error) {
	now := time.Now()
	if a.failures++; a.failures == 1 {
		a.failingSince = now
	}
	a.lastFailure = awserr.Failure(now, err)
	a.retryAt = now.Add(retryDelay(a.failures, a.target.Interval))
	a.diagnoseUnread(err)
}

// errTooMany means that not all clusters are read.
var errTooMany = fmt.Errorf("there are more than %d clusters", maxClusters)

// begins begins a round. If AWS denies the listing of clusters, those that are
// known are read.
func (a *account) begins(ctx context.Context, start time.Time) error {
	a.gap = nil
	truncated := a.omitted
	if a.target.All {
		names, more, err := a.reader.List(ctx)
		switch {
		case err == nil:
			a.setListed(names)
			truncated = truncated || more
		case awserr.IsActionDenied(err) && ctx.Err() == nil:
			a.setGap(ctx, err)
		default:
			return err
		}
	}
	if truncated {
		a.setGap(ctx, errTooMany)
	}
	for _, c := range a.clusters {
		c.pending = true
	}
	a.round, a.unfinished = start, true
	a.nextRound = nextRound(start, a.target.Interval, rand.Float64())
	return nil
}

// readBatch reads the next clusters. Without any, it reads what concerns the
// account only, so that it is known whether ECS can be read.
func (a *account) readBatch(ctx context.Context) error {
	batch := a.next()
	var queries []Query
	byName := map[string]*clusterState{}
	for _, c := range batch {
		queries = append(queries, c.Query)
		byName[coverage.SanitizeName(c.Cluster)] = c
	}
	reading, err := a.reader.Read(ctx, queries, func(e diagnosis.Evidence) {
		if c := byName[e.Cluster.Name]; c != nil {
			a.diagnose(c, e)
			c.done()
		}
	})
	for _, name := range reading.Gone {
		if c := byName[coverage.SanitizeName(name)]; c != nil {
			c.diagnosis, c.refusedSince = nil, time.Time{}
			if c.Row != nil {
				gone := diagnosis.Gone(diagnosis.Cluster{AccountID: a.key.id, Region: a.key.region, Name: c.Row.Name})
				c.diagnosis = &gone
			}
			c.done()
		}
	}
	if i := slices.IndexFunc(batch, func(c *clusterState) bool { return c.pending }); err != nil && i >= 0 {
		// It may be the cause of the failure, so the others come before it.
		batch[i].attempted, batch[i].changed = time.Now(), false
	}
	if err == nil && reading.Refusal != nil {
		a.setGap(ctx, reading.Refusal)
	}
	return err
}

// finish ends a round whose clusters have all been read.
func (a *account) finish(ctx context.Context) {
	a.unfinished = false
	if a.gap != nil {
		return
	}
	if level := a.gapLog.Next(coverage.OK, nil); a.hadGap {
		a.target.monitor.o.Logger.Log(ctx, level, "ECS of an account read completely", a.attrs()...)
	}
	a.hadGap = false
	a.lastSuccess = a.round
}

// setGap logs why a round is not complete, for the first reason of several.
func (a *account) setGap(ctx context.Context, err error) {
	if a.gap != nil {
		return
	}
	a.gap, a.hadGap = err, true
	a.lastFailure = awserr.Failure(time.Now(), err)
	level := a.gapLog.Next(awserr.State(a.key.region, err), err)
	a.target.monitor.o.Logger.Log(ctx, level, "ECS of an account read incompletely", append(a.attrs(), "err", err)...)
}

func (a *account) log(ctx context.Context, err error) {
	level := a.failureLog.Next(awserr.State(a.key.region, err), err)
	logger, attrs := a.target.monitor.o.Logger, a.attrs()
	switch {
	case err != nil:
		logger.Log(ctx, level, "reading ECS of an account failed", append(attrs, "state", string(awserr.State(a.key.region, err)), "err", err)...)
	case a.failures == 0: // many accounts are read; only those that have failed are of interest
		logger.DebugContext(ctx, "ECS of an account read", attrs...)
	default:
		logger.Log(ctx, level, "ECS of an account read", attrs...)
	}
}

func (a *account) attrs() []any {
	return []any{"target", a.target.Name, "account_id", a.key.id, "region", a.key.region}
}
