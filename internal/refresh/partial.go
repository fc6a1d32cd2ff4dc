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
	// batchDelay is how long events of one target are collected before their
	// resources are read in one call.
	batchDelay = time.Second
	// maxPartialKeys is the size of one page. A refresh of the target costs less
	// than reading more resources than that by key.
	maxPartialKeys = 50
	// partialTimeout limits one partial read.
	partialTimeout = 30 * time.Second
)

var errFailing = errors.New("the last refresh of the target failed, so it is not refreshed early")

// batch is the set of resources for one partial read.
type batch struct {
	pending map[coverage.Key]pendingRead
	done    chan struct{} // closed at the end, after the fields below are set
	err     error
	// missing are the resources that were read and not found.
	missing map[coverage.Key]bool
}

// pendingRead is the reason to read a resource.
type pendingRead struct {
	event coverage.Event // the newest one
	// unconfirmed is set for a resource that a partial read has found and a refresh
	// has not. It is read in any case; there is no event.
	unconfirmed bool
}

func newBatch() *batch {
	return &batch{pending: map[coverage.Key]pendingRead{}, missing: map[coverage.Key]bool{}, done: make(chan struct{})}
}

func (b *batch) add(k coverage.Key, r pendingRead) {
	known, ok := b.pending[k]
	if !ok || r.unconfirmed || !known.unconfirmed && known.event.UpdatedAt.Before(r.event.UpdatedAt) {
		b.pending[k] = r
	}
}

func (b *batch) end(err error) {
	b.err = err
	close(b.done)
}

// apply compares an event with the snapshot, after a partial read if the event
// is newer, and reports whether the target has the resource. A resource that is
// not found may be missing from AWS's index only for now: it stays as it was
// until a refresh does not find it.
func (w *worker) apply(ctx context.Context, e coverage.Event) (found bool, outcome coverage.Outcome, err error) {
	s := w.state()
	if s.report.Snapshot == nil {
		return false, "", errNotRefreshed
	}
	before := s.report.Snapshot.Lookup(e.Key)
	if outcome := e.CompareTo(before); outcome != coverage.Behind {
		return true, outcome, nil
	}
	b, err := w.enqueue(e.Key, pendingRead{event: e})
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
	current := w.state().report.Snapshot
	if current == nil {
		return false, "", errNotRefreshed
	}
	after := current.Lookup(e.Key)
	switch {
	case b.missing[e.Key], after == nil:
		if reader := s.lastRead.keyReader(); reader.Omits(e) || before == nil && reader.FiltersByAttribute(e.Key) {
			return false, coverage.Applied, nil
		}
		return false, coverage.Behind, nil
	case reflects(e, before, after):
		return true, coverage.Applied, nil
	}
	return true, coverage.Behind, nil
}

// reflects reports whether the row read after an event includes its change: it
// is as new as the event or now has its status.
func reflects(e coverage.Event, before, after *coverage.Resource) bool {
	if e.CompareTo(after) != coverage.Behind {
		return true
	}
	return after.Status == e.Status && (before == nil || before.UpdatedAt.Before(after.UpdatedAt))
}

// enqueue adds a resource to the pending batch and returns that.
func (w *worker) enqueue(k coverage.Key, r pendingRead) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, errStopped
	}
	if w.pending == nil {
		w.pending = newBatch()
		w.hasPending <- struct{}{} // does not block: it holds a value only while a batch is pending
	}
	w.pending.add(k, r)
	return w.pending, nil
}

// requeue schedules another read of keys that a partial read has found and a
// refresh has not. Errors are ignored.
func (w *worker) requeue(keys []coverage.Key) {
	for _, k := range keys {
		_, _ = w.enqueue(k, pendingRead{unconfirmed: true}) // fails only after the worker has stopped
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
		case <-time.After(batchDelay):
		}
		b := w.takePending()
		keys := w.pendingKeys(b)
		if len(keys) > maxPartialKeys { // takes long, so that other events do not wait for it
			w.refresher.running.Go(func() { b.end(w.refreshNow(ctx, b)) })
			continue
		}
		err := w.readKeys(ctx, b, keys)
		w.logPartialRead(ctx, len(keys), err)
		b.end(err)
	}
}

// pendingKeys returns the resources of a batch that are not up to date yet.
func (w *worker) pendingKeys(b *batch) []coverage.Key {
	snapshot := w.state().report.Snapshot
	var keys []coverage.Key
	for k, r := range b.pending {
		if r.unconfirmed || snapshot == nil || r.event.CompareTo(snapshot.Lookup(k)) == coverage.Behind {
			keys = append(keys, k)
		}
	}
	return keys
}

// readKeys reads resources of a batch and puts the result.
func (w *worker) readKeys(ctx context.Context, b *batch, keys []coverage.Key) error {
	if len(keys) == 0 {
		return nil
	}
	s, readAt := w.state(), time.Now()
	reader := s.lastRead.keyReader()
	attempt, cancel := context.WithTimeout(ctx, partialTimeout)
	defer cancel()
	found, err := reader.ReadKeys(attempt, keys)
	if err != nil {
		return fmt.Errorf("read %d resources again: %w", len(keys), err)
	}
	conflicts, err := w.putPartialRead(b, partialRead{keys, found, readAt, reader.Omits}, s.completed)
	w.requeue(conflicts)
	return err
}

// refreshRequest is a request for a refresh now.
type refreshRequest struct {
	needed func() bool // called when no other refresh is in flight
	result chan error
}

// refreshNow refreshes the target now, or after the refresh in flight if that
// has not brought the batch up to date.
func (w *worker) refreshNow(ctx context.Context, b *batch) error {
	if w.state().report.State != coverage.OK {
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

// partialRead is the result of reading resources by key.
type partialRead struct {
	keys   []coverage.Key
	found  []coverage.Resource
	readAt time.Time                 // the start
	omits  func(coverage.Event) bool // of the KeyReader
}

// putPartialRead puts the result of a partial read. It removes a missing
// resource only if the target omits it, or the last refresh has not found it
// either. A refresh in flight may have read these resources before, so the
// result is also kept for merge. If a refresh has ended since completed
// refreshes, the conflicts are resources that it has not found.
func (w *worker) putPartialRead(b *batch, read partialRead, completed int) (conflicts []coverage.Key, err error) {
	rows := coverage.Dedupe(slices.Clone(read.found))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil, errStopped
	}
	if !w.listed() {
		return nil, errNotRefreshed
	}
	var gone []coverage.Key
	for _, k := range read.keys {
		row, pending := coverage.Find(rows, k), b.pending[k]
		omitted := row == nil && !pending.unconfirmed && read.omits(pending.event)
		b.missing[k] = row == nil
		if row == nil && (pending.unconfirmed || omitted) {
			gone = append(gone, k)
		}
		if row != nil && w.completed != completed && w.report.Snapshot.Lookup(k) == nil {
			conflicts = append(conflicts, k)
		}
		switch {
		case row == nil && pending.unconfirmed:
			delete(w.partialReads, k)
		case w.partialReads != nil && (row != nil || omitted):
			w.partialReads[k] = row
		}
	}
	w.report.Snapshot = w.report.Snapshot.WithUpdates(gone, read.found, read.readAt)
	o := w.refresher.o
	o.Metrics.countUnclassified(read.found)
	o.Put(w.report)
	return conflicts, nil
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
		}
	}
	return s.WithUpdates(slices.Collect(maps.Keys(w.partialReads)), found, time.Now()), conflicts
}
