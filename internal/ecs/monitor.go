package ecs

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// maxReading is how many accounts of a Region are read at once. A Region that does
// not respond does not delay the others.
const maxReading = 16

// Reader reads one account and Region, see [Client].
type Reader interface {
	Read(ctx context.Context, queries []Query, each func(diagnosis.Evidence)) (*Reading, error)
	List(ctx context.Context) (names []string, truncated bool, err error)
}

// Target is a coverage target whose accounts are read, in all its Regions.
type Target struct {
	Name string // as in [coverage.TargetID]
	// Key is a comparable value of all settings that affect the target: those below
	// and those of Open. A target whose Key has changed starts from scratch.
	Key any
	// All reads all clusters of an account, not only those that are not healthy.
	All      bool
	Interval time.Duration // between two reads of a cluster that has not changed
	Tags     []string      // keys of the cluster tags that reports have
	// OwnAccount reads only the account of the target's detector.
	OwnAccount bool
	// Open returns the Reader of an account and Region. It makes no calls and must
	// be safe for concurrent use.
	Open func(accountID, region string) Reader
}

// MonitorOptions configures a Monitor. All fields are required; the functions must
// be safe for concurrent use.
type MonitorOptions struct {
	Diagnose func(diagnosis.Evidence) diagnosis.Diagnosis
	Put      func(diagnosis.Report)                 // stores the newest report of an account
	Drop     func(target, accountID, region string) // removes the report of an account
	Logger   *slog.Logger
}

// Monitor decides when which clusters are read, and diagnoses them. It is safe for
// concurrent use. Each account of each target has a goroutine, and what happens to
// one does not affect the others.
type Monitor struct {
	o       MonitorOptions
	running sync.WaitGroup

	mu      sync.Mutex
	targets map[string]*runningTarget
	ending  map[string]*runningTarget // the last that were stopped; a successor waits for their end
	reading map[string]chan struct{}  // by Region; has an element for each account that is being read
}

// NewMonitor returns a Monitor without targets.
func NewMonitor(o MonitorOptions) *Monitor {
	return &Monitor{
		o: o, targets: map[string]*runningTarget{}, ending: map[string]*runningTarget{}, reading: map[string]chan struct{}{},
	}
}

// errRemoved is the cause of the end of a target that is no longer configured.
var errRemoved = errors.New("the target was removed or changed")

// Set replaces the targets. Targets whose Key is unchanged keep their data and
// schedule. Others are stopped and dropped, and new and changed ones start from
// scratch: they read nothing before Observe is called for them. All run until ctx
// ends; then no report is dropped.
func (m *Monitor) Set(ctx context.Context, targets []Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.targets
	m.targets = map[string]*runningTarget{}
	for _, t := range targets {
		before := old[t.Name]
		if before != nil && before.Key == t.Key {
			m.targets[t.Name] = before
			delete(old, t.Name)
			continue
		}
		if before == nil {
			before = m.ending[t.Name]
		}
		started := &runningTarget{
			Target: t, monitor: m, ended: make(chan struct{}), wake: make(chan struct{}, 1),
			reports: map[string]*coverage.Report{}, accounts: map[accountKey]*account{},
		}
		ctx, cancel := context.WithCancelCause(ctx)
		started.stop = cancel
		m.targets[t.Name] = started
		m.running.Go(func() { started.run(ctx, before) })
	}
	maps.DeleteFunc(m.ending, func(_ string, t *runningTarget) bool { return t.hasEnded() })
	for name, t := range old {
		t.stop(errRemoved)
		m.ending[name] = t
	}
}

// Observe passes on the newest report of a coverage target. It does not
// wait for anything. Reports of other targets and reports without resources are
// ignored.
func (m *Monitor) Observe(r coverage.Report) {
	if r.Snapshot != nil && !r.Snapshot.OptionalOnly {
		m.offer(r.Target, &r)
	}
}

// Drop ends the reads of a coverage target that is no longer read. It does not wait
// for anything.
func (m *Monitor) Drop(t coverage.TargetID) { m.offer(t, nil) }

func (m *Monitor) offer(id coverage.TargetID, r *coverage.Report) {
	m.mu.Lock()
	t := m.targets[id.Name]
	m.mu.Unlock()
	if t != nil && id.Kind == coverage.KindCoverage {
		t.offer(id.Region, r)
	}
}

// readingIn returns the channel of a Region in which each account that is being
// read has an element.
func (m *Monitor) readingIn(region string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reading[region] == nil {
		m.reading[region] = make(chan struct{}, maxReading)
	}
	return m.reading[region]
}

// Wait returns when all goroutines have ended, after the context of Set has.
func (m *Monitor) Wait() { m.running.Wait() }
