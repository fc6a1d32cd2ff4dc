package refresh

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"guardduty_coverage_exporter/internal/coverage"
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

// batch is what one reread is to read, and its end.
type batch struct {
	keys map[coverage.Key]bool
	done chan struct{} // closed at the end, when err is set
	err  error
}

// look judges a change by what is known, after a reread where it takes one.
func (w *worker) look(ctx context.Context, c coverage.Change) (coverage.Verdict, error) {
	target, report := w.known()
	if report.Snapshot == nil {
		return "", errNotRefreshed
	}
	before := report.Snapshot.Find(c.Key)
	if verdict := c.Against(before); verdict != coverage.Behind {
		return verdict, nil
	}
	b, err := w.want(c.Key)
	if err != nil {
		return "", err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return "", fmt.Errorf("wait for the reread: %w", ctx.Err())
	}
	if b.err != nil {
		return "", b.err
	}
	_, report = w.known()
	if report.Snapshot == nil {
		return "", errNotRefreshed
	}
	after := report.Snapshot.Find(c.Key)
	if after == nil && (before != nil || target.Narrows(c.Key)) || c.Against(after) != coverage.Behind {
		return coverage.Applied, nil
	}
	return coverage.Behind, nil
}

// want adds a resource to the next reread and returns that.
func (w *worker) want(keys ...coverage.Key) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired {
		return nil, errStopped
	}
	if w.next == nil {
		w.next = &batch{keys: map[coverage.Key]bool{}, done: make(chan struct{})}
		w.wanted <- struct{}{} // has room, for there is no next batch without a value in it
	}
	for _, k := range keys {
		w.next.keys[k] = true
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
			b.err = errStopped
			close(b.done)
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
		b.err = w.reread(ctx, slices.Collect(maps.Keys(b.keys)))
		close(b.done)
		w.logReread(ctx, len(b.keys), b.err)
	}
}

// reread reads resources again and puts what it finds.
func (w *worker) reread(ctx context.Context, keys []coverage.Key) error {
	if len(keys) > maxReread {
		return w.refreshEarly(ctx)
	}
	target, _ := w.orders()
	attempt, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	found, err := target.Reread(attempt, keys)
	if err != nil {
		return fmt.Errorf("read %d resources again: %w", len(keys), err)
	}
	return w.apply(keys, found)
}

// refreshEarly makes the next refresh now, after one that is under way.
func (w *worker) refreshEarly(ctx context.Context) error {
	result := make(chan error, 1)
	select {
	case w.early <- result:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-result:
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
	w.report.Snapshot = w.report.Snapshot.With(keys, found)
	if w.meanwhile != nil {
		read := &coverage.Snapshot{Resources: coverage.Distinct(slices.Clone(found))}
		for _, k := range keys {
			w.meanwhile[k] = read.Find(k)
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
		if (r == nil) != (s.Find(k) == nil) {
			unsure = append(unsure, k)
		}
	}
	return s.With(slices.Collect(maps.Keys(w.meanwhile)), found), unsure
}

// logReread writes one line for a reread, a loud one where it begins or ceases
// to fail.
func (w *worker) logReread(ctx context.Context, resources int, err error) {
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
