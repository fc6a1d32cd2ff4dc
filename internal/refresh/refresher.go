// Package refresh schedules the reads of every target and keeps the last good
// snapshot of a target that fails, until the snapshot is too old.
//
// Each target has a goroutine of its own, at most one refresh in flight, and a
// deadline for each refresh.
package refresh

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Source reads one target.
type Source interface {
	// Read returns a complete snapshot or an error. It returns the detector's
	// account as soon as that is known, even with an error. known is the last
	// snapshot, nil for none. Calls do not overlap.
	Read(ctx context.Context, known *coverage.Snapshot) (accountID string, s *coverage.Snapshot, err error)
}

// SourceFunc is a [Source] that only reads complete snapshots.
type SourceFunc func(ctx context.Context, known *coverage.Snapshot) (accountID string, s *coverage.Snapshot, err error)

// Read implements [Source].
func (f SourceFunc) Read(ctx context.Context, known *coverage.Snapshot) (string, *coverage.Snapshot, error) {
	return f(ctx, known)
}

// KeyReader is an optional interface of a [Source] that can read single
// resources. [Refresher.Apply] needs it.
type KeyReader interface {
	// ReadKeys reads the resources with these keys. A resource without a row in
	// the result may not be listed yet or no longer exist. Calls do not overlap
	// each other, but may overlap Read.
	ReadKeys(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error)
	// Matches reports whether a resource with this key can be in a snapshot.
	Matches(k coverage.Key) bool
	// FiltersByAttribute reports whether a resource with this key can exist without
	// being in a snapshot, because of its other attributes.
	FiltersByAttribute(k coverage.Key) bool
	// Omits reports whether a resource is not in a snapshot once it has the state
	// of the event.
	Omits(e coverage.Event) bool
}

// Target is one unit of work. Name, Kind and Region identify it.
type Target struct {
	Name   string
	Kind   coverage.Kind
	Region string // "" for a target that is not regional
	// Key is a comparable value of all settings that affect the result. While it
	// is unchanged, the target keeps its data and schedule through [Refresher.Set].
	Key any
	// Interval and Timeout are used instead of those of the settings if they are not
	// zero. A target found by List has those of the target with that List instead.
	Interval, Timeout time.Duration
	// Source reads the target. It is nil for a target with List.
	Source Source
	// List finds further targets. It is nil for a target with Source.
	List func(context.Context) (accountID string, targets []Target, err error)
}

func (t Target) id() coverage.TargetID {
	return coverage.TargetID{Name: t.Name, Kind: t.Kind, Region: t.Region}
}

// keyReader returns the target's KeyReader, nil if its source has none.
func (t Target) keyReader() KeyReader {
	reader, _ := t.Source.(KeyReader)
	return reader
}

// Options configures a Refresher. All fields are required; the functions must
// be safe for concurrent use.
type Options struct {
	Put     func(coverage.Report)   // stores the newest report of a target
	Drop    func(coverage.TargetID) // removes a target that is no longer configured
	Metrics *Metrics
	Logger  *slog.Logger
}

// Refresher refreshes targets. It is safe for concurrent use.
type Refresher struct {
	o       Options
	running sync.WaitGroup

	mu      sync.Mutex
	workers map[coverage.TargetID]*worker
}

// New returns a Refresher without targets.
func New(o Options) *Refresher {
	return &Refresher{o: o, workers: map[coverage.TargetID]*worker{}}
}

// Set replaces the targets. Targets whose Key is unchanged keep their data and
// schedule and use the new settings and functions from the next refresh on. New
// and changed targets start from scratch; removed ones are stopped and dropped.
// All run until ctx ends. A target found by List gets the new settings at once,
// and new functions when it is found again.
func (r *Refresher) Set(ctx context.Context, s Settings, targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(ctx, s, nil, targets)
	for _, w := range r.workers {
		if w.parent != nil {
			w.update(w.state().target, w.parent.state().settings)
		}
	}
}

// setListed replaces the targets that parent has found.
func (r *Refresher) setListed(ctx context.Context, parent *worker, targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	targets = slices.Clone(targets)
	for i := range targets {
		targets[i].Interval, targets[i].Timeout = 0, 0
	}
	r.set(ctx, parent.state().settings, parent, targets) // may be newer than when the listing began
}

// ExpireSnapshots removes the snapshots that are too old. A timer does so for
// each, but timers are late after the process or the machine was suspended.
func (r *Refresher) ExpireSnapshots() {
	r.mu.Lock()
	workers := slices.Collect(maps.Values(r.workers))
	r.mu.Unlock()
	for _, w := range workers {
		w.expire()
	}
}

// Wait returns when all goroutines of targets have ended, after the context of
// Set has.
func (r *Refresher) Wait() { r.running.Wait() }

// Ready reports whether every target has finished one attempt, successful or not.
func (r *Refresher) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if w.state().completed == 0 {
			return false
		}
	}
	return true
}

// Next returns when the next refresh of each target starts. The time is zero for a
// target that has not finished its first one, and in the past while one is running.
func (r *Refresher) Next() map[coverage.TargetID]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[coverage.TargetID]time.Time, len(r.workers))
	for id, w := range r.workers {
		next[id] = w.state().next
	}
	return next
}

// set replaces the targets that parent has found, or the configured ones if it
// is nil. The caller holds r.mu.
func (r *Refresher) set(ctx context.Context, s Settings, parent *worker, targets []Target) {
	if ctx.Err() != nil {
		return
	}
	wanted := map[coverage.TargetID]Target{}
	for _, t := range targets {
		wanted[t.id()] = t
	}
	for id, w := range r.workers {
		if t, ok := wanted[id]; w.parent == parent && (!ok || t.Key != w.state().target.Key) {
			r.remove(w)
		}
	}
	var added []*worker
	for _, t := range targets {
		if w, ok := r.workers[t.id()]; ok {
			w.update(t, s.of(t))
			continue
		}
		w := newWorker(r, t, s.of(t))
		w.parent = parent
		r.workers[t.id()] = w
		added = append(added, w)
	}
	for i, w := range added {
		workerCtx, cancel := context.WithCancel(ctx)
		w.cancel = cancel
		r.running.Go(func() { w.run(workerCtx, firstDelay(i, len(added), w.state().settings.Interval), rand.Float64) })
		if w.state().target.keyReader() != nil {
			r.running.Go(func() { w.runPartialReads(workerCtx) })
		}
	}
}

// remove ends a worker and those it has found. The caller holds r.mu.
func (r *Refresher) remove(w *worker) {
	for _, listed := range r.workers {
		if listed.parent == w {
			r.remove(listed)
		}
	}
	w.cancel()
	delete(r.workers, w.id)
	w.stop()
	r.o.Drop(w.id)
}
