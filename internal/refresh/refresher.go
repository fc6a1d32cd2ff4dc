// Package refresh decides when each target is read, and what is known of it
// after a read that failed: the last good snapshot stays until it is too old.
//
// Every target has a goroutine of its own, one refresh in flight at most, and a
// deadline on each.
package refresh

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Target is one thing to refresh.
type Target struct {
	Name   string
	Region string // for a target with List, a word that stands for all of them
	// Key is a comparable value of everything that decides the answer. While
	// it stays the same the target keeps its data and schedule through [Refresher.Set].
	Key any
	// Read makes a whole snapshot or returns an error; it returns the
	// detector's account as soon as that is known, also with an error. It is
	// given the last snapshot, nil for none. Calls of it do not overlap.
	Read func(ctx context.Context, known *coverage.Snapshot) (accountID string, s *coverage.Snapshot, err error)
	// List, if not nil, stands in place of Read for a target that is refreshed
	// by finding out which further targets there are.
	List func(context.Context) (accountID string, targets []Target, err error)
	// ReadKeys, if not nil, reads the resources of some keys again: those without
	// a row in its answer are not there. Calls of it do not overlap, but may
	// overlap with one of Read. Admits and Narrows go with it: whether a
	// resource of that key may be in a snapshot at all, and whether it may
	// exist and yet not be in it.
	ReadKeys                func(context.Context, []coverage.Key) ([]coverage.Resource, error)
	Matches, FiltersByState func(coverage.Key) bool
}

type id struct{ name, region string }

func (t Target) id() id { return id{t.Name, t.Region} }

// Options of a Refresher. All are required; the functions must be safe for
// concurrent use.
type Options struct {
	Put     func(coverage.Report)   // takes what is known of a target now
	Drop    func(coverage.TargetID) // takes a target that is no longer configured
	Metrics *Metrics
	Logger  *slog.Logger
}

// Refresher is safe for concurrent use.
type Refresher struct {
	o       Options
	running sync.WaitGroup

	mu      sync.Mutex
	workers map[id]*worker
}

// New returns a Refresher without targets.
func New(o Options) *Refresher {
	return &Refresher{o: o, workers: map[id]*worker{}}
}

// Set makes these the targets, identified by name and Region. Targets that ask
// the same as before keep their data and schedule and use the new settings and
// functions from the next refresh on; others start anew, and those that are
// gone are stopped and dropped. All run until ctx ends. A target that a List
// has found gets the new settings too, and new functions when it is found again.
func (r *Refresher) Set(ctx context.Context, s Settings, targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(ctx, s, nil, targets)
	for _, w := range r.workers {
		if w.lister != nil {
			w.adopt(w.target, s)
		}
	}
}

// setListed replaces the targets that lister has found.
func (r *Refresher) setListed(ctx context.Context, lister *worker, targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, s := lister.orders() // the newest, which may have come while it listed
	r.set(ctx, s, lister, targets)
}

// Wait returns when all goroutines of targets have ended, after the context of
// Set has.
func (r *Refresher) Wait() { r.running.Wait() }

// Ready says whether every target has finished one attempt, good or bad.
func (r *Refresher) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if !w.hasTried() {
			return false
		}
	}
	return true
}

// set replaces the targets that lister has found, or all others where it is
// nil. The caller holds r.mu.
func (r *Refresher) set(ctx context.Context, s Settings, lister *worker, targets []Target) {
	if ctx.Err() != nil {
		return
	}
	wanted := map[id]Target{}
	for _, t := range targets {
		wanted[t.id()] = t
	}
	for at, w := range r.workers {
		if t, ok := wanted[at]; w.lister == lister && (!ok || t.Key != w.target.Key) {
			r.stop(w)
		}
	}
	var added []*worker
	for _, t := range targets {
		if w, ok := r.workers[t.id()]; ok {
			w.adopt(t, s)
			continue
		}
		w := newWorker(r, t, s)
		w.lister = lister
		r.workers[t.id()] = w
		added = append(added, w)
	}
	for i, w := range added {
		workerCtx, cancel := context.WithCancel(ctx)
		w.cancel = cancel
		r.running.Go(func() { w.run(workerCtx, firstDelay(i, len(added), s.Interval), rand.Float64) })
		if w.target.ReadKeys != nil {
			r.running.Go(func() { w.runRereads(workerCtx) })
		}
	}
}

// stop ends a worker and those that it has listed. The caller holds r.mu.
func (r *Refresher) stop(w *worker) {
	for _, listed := range r.workers {
		if listed.lister == w {
			r.stop(listed)
		}
	}
	w.cancel()
	delete(r.workers, w.target.id())
	r.o.Drop(w.retire())
}
