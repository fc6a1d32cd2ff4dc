package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// gather is how long changes of one target are gathered before they are
	// read together: a burst of them costs one call.
	gather = time.Second
	// maxReread is a page's worth. More resources than that cost less in one
	// refresh of the target.
	maxReread = 50
	// rereadTimeout bounds one reread.
	rereadTimeout = 30 * time.Second
)

var errFailing = errors.New("the target's last refresh failed, so none is made early")

// batch is what one reread is to read, and its end.
type batch struct {
	// changes hold of each resource the newest change, and one without a status
	// where the resource is to be read whatever is known of it.
	changes map[coverage.Key]coverage.Event
	done    chan struct{} // closed at the end, when err is set
	err     error
}

func (b *batch) add(c coverage.Event) {
	known, ok := b.changes[c.Key]
	if !ok || c.Status == "" || known.Status != "" && known.UpdatedAt.Before(c.UpdatedAt) {
		b.changes[c.Key] = c
	}
}

func (b *batch) end(err error) {
	b.err = err
	close(b.done)
}

// look judges a change by what is known, after a reread where it takes one, and
// says whether the target shows the resource.
func (w *worker) look(ctx context.Context, c coverage.Event) (found bool, v coverage.Outcome, err error) {
	target, report, _ := w.known()
	if report.Snapshot == nil {
		return false, "", errNotRefreshed
	}
	before := report.Snapshot.Lookup(c.Key)
	if verdict := c.CompareTo(before); verdict != coverage.Behind {
		return true, verdict, nil
	}
	b, err := w.want(c)
	if err != nil {
		return false, "", err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return false, "", fmt.Errorf("wait for the reread: %w", ctx.Err())
	}
	if b.err != nil {
		return false, "", b.err
	}
	if _, report, _ = w.known(); report.Snapshot == nil {
		return false, "", errNotRefreshed
	}
	after := report.Snapshot.Lookup(c.Key)
	if hasHappened(c, before, after) || after == nil && target.FiltersByState(c.Key) {
		return after != nil, coverage.Applied, nil
	}
	return after != nil, coverage.Behind, nil
}

// hasHappened says whether what was read after a change has it: the resource is
// gone, or its row is as new as the change, or has moved to the same status.
func hasHappened(c coverage.Event, before, after *coverage.Resource) bool {
	switch {
	case after == nil:
		return before != nil
	case c.CompareTo(after) != coverage.Behind:
		return true
	}
	return after.Status == c.Status && (before == nil || before.UpdatedAt.Before(after.UpdatedAt))
}

// want adds changes to the next reread and returns that.
func (w *worker) want(changes ...coverage.Event) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired {
		return nil, errStopped
	}
	if w.next == nil {
		w.next = &batch{changes: map[coverage.Key]coverage.Event{}, done: make(chan struct{})}
		w.wanted <- struct{}{} // has room, for there is no next batch without a value in it
	}
	for _, c := range changes {
		w.next.add(c)
	}
	return w.next, nil
}

// takeBatch returns the gathered batch, after which the next one begins.
func (w *worker) takeBatch() *batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.next
	w.next = nil
	return b
}

// runRereads carries out one batch after the other until ctx ends.
func (w *worker) runRereads(ctx context.Context) {
	defer func() {
		w.retire() // nothing is wanted after this
		if b := w.takeBatch(); b != nil {
			b.end(errStopped)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wanted:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gather):
		}
		b := w.takeBatch()
		keys := w.unsettled(b)
		if len(keys) > maxReread { // which takes long, and others need not wait
			w.refresher.running.Go(func() { b.end(w.refreshEarly(ctx, b)) })
			continue
		}
		err := w.reread(ctx, keys)
		w.logReread(ctx, len(keys), err)
		b.end(err)
	}
}

// unsettled returns the resources of a batch that are still to be read: of the
// others more is known by now.
func (w *worker) unsettled(b *batch) []coverage.Key {
	_, report, _ := w.known()
	var keys []coverage.Key
	for k, c := range b.changes {
		if c.Status == "" || report.Snapshot == nil || c.CompareTo(report.Snapshot.Lookup(k)) == coverage.Behind {
			keys = append(keys, k)
		}
	}
	return keys
}

// reread reads resources again and puts what it finds.
func (w *worker) reread(ctx context.Context, keys []coverage.Key) error {
	if len(keys) == 0 {
		return nil
	}
	target, _, _ := w.known()
	since := w.finished()
	attempt, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	found, err := target.ReadKeys(attempt, keys)
	if err != nil {
		return fmt.Errorf("read %d resources again: %w", len(keys), err)
	}
	if err := w.apply(keys, found); err != nil {
		return err
	}
	if w.finished() != since {
		// A refresh has ended meanwhile, and may have read something newer.
		w.wantAgain(keys)
	}
	return nil
}

// wantAgain has resources read whatever is known of them. Nobody waits for it.
func (w *worker) wantAgain(keys []coverage.Key) {
	for _, k := range keys {
		_, _ = w.want(coverage.Event{Key: k}) // a target that has stopped needs nothing
	}
}

// early asks for a refresh at once.
type early struct {
	needed func() bool // asked when its turn has come
	result chan error
}

// refreshEarly makes the next refresh now, after one that is under way, unless
// that brings what the batch is after.
func (w *worker) refreshEarly(ctx context.Context, b *batch) error {
	if _, report, _ := w.known(); report.State != coverage.OK {
		return errFailing
	}
	ask := early{needed: func() bool { return len(w.unsettled(b)) > 0 }, result: make(chan error, 1)}
	select {
	case w.early <- ask:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-ask.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply puts what a reread has found. A refresh under way, which may have read
// these resources before they changed, learns of it too.
func (w *worker) apply(keys []coverage.Key, found []coverage.Resource) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired {
		return errStopped
	}
	if w.report.Snapshot == nil {
		return errNotRefreshed
	}
	w.report.Snapshot = w.report.Snapshot.WithUpdates(keys, found)
	if w.meanwhile != nil {
		read := &coverage.Snapshot{Resources: coverage.Dedupe(slices.Clone(found))}
		for _, k := range keys {
			w.meanwhile[k] = read.Lookup(k)
		}
	}
	o := w.refresher.o
	o.Metrics.countUnclassified(&coverage.Snapshot{Resources: found})
	o.Put(w.report)
	return nil
}

// reconcile lays what was read again during a refresh over its snapshot. Where
// the two do not agree that a resource exists, it is to be read once more. The
// caller holds w.mu.
func (w *worker) reconcile(s *coverage.Snapshot) (_ *coverage.Snapshot, unsure []coverage.Key) {
	if s == nil || len(w.meanwhile) == 0 {
		return s, nil
	}
	var found []coverage.Resource
	for k, r := range w.meanwhile {
		if r != nil {
			found = append(found, *r)
		}
		if (r == nil) != (s.Lookup(k) == nil) {
			unsure = append(unsure, k)
		}
	}
	return s.WithUpdates(slices.Collect(maps.Keys(w.meanwhile)), found), unsure
}

// logReread writes one line for a reread, a loud one where it begins or ceases
// to fail.
func (w *worker) logReread(ctx context.Context, resources int, err error) {
	if resources == 0 || ctx.Err() != nil {
		return // told to stop: that is no failure of the target
	}
	logger := w.refresher.o.Logger
	attrs := []slog.Attr{
		slog.String("target", w.at.name), slog.String("region", w.at.region), slog.Int("resources", resources),
	}
	level := slog.LevelDebug
	if (err != nil) != w.rereadFails {
		level = slog.LevelInfo
		if err != nil {
			level = slog.LevelWarn
		}
	}
	w.rereadFails = err != nil
	if err != nil {
		text := err.Error()
		logger.LogAttrs(ctx, level, "reread of target failed", append(attrs, slog.String("err", text[:min(len(text), maxErrorBytes)]))...)
		return
	}
	logger.LogAttrs(ctx, level, "resources reread", attrs...)
}
