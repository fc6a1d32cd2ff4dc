package refresh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// gatherTime is how long events of one target are collected before their
	// resources are read in one call.
	gatherTime = time.Second
	// maxPartialKeys is the size of one page. A refresh of the target costs less
	// than reading more resources than that by key.
	maxPartialKeys = 50
	// partialTimeout bounds one partial read.
	partialTimeout = 30 * time.Second
)

var errFailing = errors.New("the last refresh of the target failed, so it is not refreshed early")

// batch is the set of resources for one partial read.
type batch struct {
	// events holds the newest event of each resource. An event without a status
	// means that the resource is read in any case.
	events map[coverage.Key]coverage.Event
	done   chan struct{} // closed at the end, after err is set
	err    error
}

func (b *batch) add(e coverage.Event) {
	known, ok := b.events[e.Key]
	if !ok || e.Status == "" || known.Status != "" && known.UpdatedAt.Before(e.UpdatedAt) {
		b.events[e.Key] = e
	}
}

func (b *batch) end(err error) {
	b.err = err
	close(b.done)
}

// apply compares an event with the snapshot, after a partial read if the event
// is newer, and reports whether the target has the resource.
func (w *worker) apply(ctx context.Context, e coverage.Event) (found bool, outcome coverage.Outcome, err error) {
	target, report, _ := w.latest()
	if report.Snapshot == nil {
		return false, "", errNotRefreshed
	}
	before := report.Snapshot.Lookup(e.Key)
	if outcome := e.CompareTo(before); outcome != coverage.Behind {
		return true, outcome, nil
	}
	b, err := w.enqueue(e)
	if err != nil {
		return false, "", err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return false, "", fmt.Errorf("wait for the partial read: %w", ctx.Err())
	}
	if b.err != nil {
		return false, "", b.err
	}
	if _, report, _ = w.latest(); report.Snapshot == nil {
		return false, "", errNotRefreshed
	}
	after := report.Snapshot.Lookup(e.Key)
	filtered := after == nil && (before == nil && target.keyReader().FiltersByState(e.Key) || target.keyReader().Omits(e))
	if filtered || reflects(e, before, after) {
		return after != nil, coverage.Applied, nil
	}
	return after != nil, coverage.Behind, nil
}

// reflects reports whether the row read after an event includes its change: it is
// as new as the event or now has its status. Without a row, GuardDuty may not
// list the resource yet, or not any more, which only a refresh can decide.
func reflects(e coverage.Event, before, after *coverage.Resource) bool {
	if after == nil {
		return false
	}
	if e.CompareTo(after) != coverage.Behind {
		return true
	}
	return after.Status == e.Status && (before == nil || before.UpdatedAt.Before(after.UpdatedAt))
}

// enqueue adds an event to the pending batch and returns that.
func (w *worker) enqueue(e coverage.Event) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, errStopped
	}
	if w.pending == nil {
		w.pending = &batch{events: map[coverage.Key]coverage.Event{}, done: make(chan struct{})}
		w.hasPending <- struct{}{} // does not block: it holds a value only while a batch is pending
	}
	w.pending.add(e)
	return w.pending, nil
}

// takeMissing reports whether the last refresh did not find a resource that a
// partial read had found. Without a row again, the resource is gone.
func (w *worker) takeMissing(k coverage.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	missing := w.missing[k]
	delete(w.missing, k)
	return missing
}

// requeue schedules another read of keys. Errors are ignored.
func (w *worker) requeue(keys []coverage.Key) {
	for _, k := range keys {
		_, _ = w.enqueue(coverage.Event{Key: k}) // fails only after the worker has stopped
	}
}

// takePending returns the pending batch, after which the next one begins.
func (w *worker) takePending() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.pending
	w.pending = nil
	return b
}

// runPartialReads reads one batch after the other until ctx ends.
func (w *worker) runPartialReads(ctx context.Context) {
	defer func() {
		w.stop() // nothing is enqueued after this
		if b := w.takePending(); b != nil {
			b.end(errStopped)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.hasPending:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gatherTime):
		}
		b := w.takePending()
		keys := w.pendingKeys(b)
		if len(keys) > maxPartialKeys { // takes long, so that other events do not wait for it
			w.refresher.running.Go(func() { b.end(w.refreshNow(ctx, b)) })
			continue
		}
		err := w.readKeys(ctx, keys, b.events)
		w.logPartialRead(ctx, len(keys), err)
		b.end(err)
	}
}

// pendingKeys returns the resources of a batch that are not up to date yet.
func (w *worker) pendingKeys(b *batch) []coverage.Key {
	_, report, _ := w.latest()
	var keys []coverage.Key
	for k, e := range b.events {
		if e.Status == "" || report.Snapshot == nil || e.CompareTo(report.Snapshot.Lookup(k)) == coverage.Behind {
			keys = append(keys, k)
		}
	}
	return keys
}

// readKeys reads resources and puts the result.
func (w *worker) readKeys(ctx context.Context, keys []coverage.Key, events map[coverage.Key]coverage.Event) error {
	if len(keys) == 0 {
		return nil
	}
	target, _, _ := w.latest()
	before := w.completedRefreshes()
	attempt, cancel := context.WithTimeout(ctx, partialTimeout)
	defer cancel()
	at := time.Now()
	found, err := target.keyReader().ReadKeys(attempt, keys)
	if err != nil {
		return fmt.Errorf("read %d resources again: %w", len(keys), err)
	}
	gone := slices.DeleteFunc(slices.Clone(keys), func(k coverage.Key) bool {
		return !target.keyReader().Omits(events[k]) && !w.takeMissing(k)
	})
	if err := w.putKeys(gone, found, at); err != nil {
		return err
	}
	if w.completedRefreshes() != before {
		// A refresh has ended meanwhile and may have read newer rows.
		w.requeue(keys)
	}
	return nil
}

// refreshRequest is a request for a refresh now.
type refreshRequest struct {
	needed func() bool // called when no other refresh is in flight
	result chan error
}

// refreshNow refreshes the target now, or after the refresh in flight if that
// has not brought the batch up to date.
func (w *worker) refreshNow(ctx context.Context, b *batch) error {
	if _, report, _ := w.latest(); report.State != coverage.OK {
		return errFailing
	}
	request := refreshRequest{needed: func() bool { return len(w.pendingKeys(b)) > 0 }, result: make(chan error, 1)}
	select {
	case w.requests <- request:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-request.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// putKeys puts the result of a partial read at a time: found has rows, and gone the
// resources that the target no longer contains. A refresh in flight may have read
// these resources before, so the result is also kept for merge.
func (w *worker) putKeys(gone []coverage.Key, found []coverage.Resource, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return errStopped
	}
	if w.report.Snapshot == nil {
		return errNotRefreshed
	}
	w.report.Snapshot = w.report.Snapshot.WithUpdates(gone, found, at)
	if w.partialReads != nil {
		for _, k := range gone {
			w.partialReads[k.Sanitize()] = nil
		}
		for i := range found {
			w.partialReads[found[i].Key] = &found[i]
		}
	}
	o := w.refresher.o
	o.Metrics.countUnclassified(&coverage.Snapshot{Resources: found})
	o.Put(w.report)
	return nil
}

// merge applies the partial reads made during a refresh to its snapshot. The
// conflicts are resources that only one of the two has found. The caller holds
// w.mu.
func (w *worker) merge(s *coverage.Snapshot) (_ *coverage.Snapshot, conflicts []coverage.Key) {
	if s == nil || len(w.partialReads) == 0 {
		return s, nil
	}
	var found []coverage.Resource
	for k, r := range w.partialReads {
		if r != nil {
			found = append(found, *r)
		}
		if (r == nil) != (s.Lookup(k) == nil) {
			conflicts = append(conflicts, k)
			w.missing[k] = r != nil
		}
	}
	return s.WithUpdates(slices.Collect(maps.Keys(w.partialReads)), found, time.Now()), conflicts
}
