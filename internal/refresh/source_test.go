package refresh_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// keySource is a fake source that can also read by key, and counts the calls.
type keySource struct {
	t       *testing.T
	account string

	mu       sync.Mutex
	rows     map[string]coverage.Resource // by name
	excluded string                       // the name of a resource that does not match
	filters  bool
	omits    coverage.Status // the status that the filter excludes; "" for none
	latency  time.Duration   // of Read, between reading the rows and returning
	err      error           // of ReadKeys
	reads    int
	keyReads [][]coverage.Key

	// read and readKeys replace the methods if they are not nil.
	read     func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error)
	readKeys func(context.Context, []coverage.Key) ([]coverage.Resource, error)
}

func newSource(t *testing.T, account string, rows ...coverage.Resource) *keySource {
	w := &keySource{t: t, account: account, rows: map[string]coverage.Resource{}}
	for _, r := range rows {
		w.rows[r.Name] = r
	}
	return w
}

func (w *keySource) update(change func(*keySource)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *keySource) set(r coverage.Resource) { w.update(func(w *keySource) { w.rows[r.Name] = r }) }

func (w *keySource) target(name string) refresh.Target {
	return refresh.Target{
		Name: name, Region: region, Key: "same", Source: w,
	}
}

// Read implements refresh.Source.
func (w *keySource) Read(ctx context.Context, known *coverage.Snapshot) (string, *coverage.Snapshot, error) {
	if w.read != nil {
		return w.read(ctx, known)
	}
	return w.readAll(ctx)
}

func (w *keySource) readAll(ctx context.Context) (string, *coverage.Snapshot, error) {
	w.mu.Lock()
	w.reads++
	s := &coverage.Snapshot{Accounts: []string{w.account}, Types: []coverage.ResourceType{coverage.ECS}}
	for _, r := range w.rows {
		s.Resources = append(s.Resources, r)
	}
	s.Resources = coverage.Dedupe(s.Resources)
	latency := w.latency
	w.mu.Unlock()
	select {
	case <-time.After(latency):
		return w.account, s, nil
	case <-ctx.Done():
		return w.account, nil, ctx.Err()
	}
}

// ReadKeys implements refresh.KeyReader.
func (w *keySource) ReadKeys(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
	if w.readKeys != nil {
		return w.readKeys(ctx, keys)
	}
	return w.readRows(ctx, keys)
}

// Matches implements refresh.KeyReader.
func (w *keySource) Matches(k coverage.Key) bool { return k.Name != w.excluded }

// FiltersByAttribute implements refresh.KeyReader.
func (w *keySource) FiltersByAttribute(coverage.Key) bool { return w.filters }

// Omits implements refresh.KeyReader.
func (w *keySource) Omits(e coverage.Event) bool { return w.omits != "" && e.Status == w.omits }

func (w *keySource) readRows(ctx context.Context, keys []coverage.Key) (found []coverage.Resource, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		w.t.Error("ReadKeys has no deadline")
	}
	w.keyReads = append(w.keyReads, keys)
	for _, k := range keys {
		if r, ok := w.rows[k.Name]; ok {
			found = append(found, r)
		}
	}
	return found, w.err
}

// calls returns the numbers of calls of Read and ReadKeys.
func (w *keySource) calls() (reads, keyReads int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads, len(w.keyReads)
}

const ownAccount, otherAccount = "111122223333", "444455556666"

// row returns a cluster of an account, updated at a second of the day.
func row(account, name string, status coverage.Status, second int) coverage.Resource {
	return coverage.Resource{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: name},
		Status: status, UpdatedAt: time.Date(2026, 3, 1, 0, 0, second, 0, time.UTC),
	}
}

// eventOf returns the event that GuardDuty publishes for a row.
func eventOf(r coverage.Resource) coverage.Event {
	return coverage.Event{Key: r.Key, Status: r.Status, UpdatedAt: r.UpdatedAt}
}

// apply applies events concurrently and returns the outcome or error of each.
func (h *harness) apply(events ...coverage.Event) []string {
	h.t.Helper()
	results := make([]string, len(events))
	var all sync.WaitGroup
	for i, e := range events {
		all.Go(func() {
			outcome, err := h.Apply(h.t.Context(), e)
			results[i] = string(outcome)
			if err != nil {
				results[i] = err.Error()
			}
		})
	}
	all.Wait()
	return results
}

// row returns the status of a cluster in the last report of the target one, "" for
// none.
func (h *harness) row(name string) coverage.Status {
	h.t.Helper()
	s := h.lastReport("one").Snapshot
	if s == nil {
		return ""
	}
	for _, r := range s.Resources {
		if r.Name == name {
			return r.Status
		}
	}
	return ""
}

var (
	wasHealthy  = row(ownAccount, "web", coverage.Healthy, 10)
	isUnhealthy = row(ownAccount, "web", coverage.Unhealthy, 20)
)
