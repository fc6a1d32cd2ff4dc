package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
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
	latency  time.Duration // of Read, between reading the rows and returning
	err      error         // of ReadKeys
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

// FiltersByState implements refresh.KeyReader.
func (w *keySource) FiltersByState(coverage.Key) bool { return w.filters }

// Omits implements refresh.KeyReader.
func (w *keySource) Omits(coverage.Event) bool { return w.filters }

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

// row is one of an account's clusters, changed at a second of the day.
func row(account, name string, status coverage.Status, second int) coverage.Resource {
	return coverage.Resource{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: name},
		Status: status, UpdatedAt: time.Date(2026, 3, 1, 0, 0, second, 0, time.UTC),
	}
}

// change is what an event says of a row.
func change(r coverage.Resource) coverage.Event {
	return coverage.Event{Key: r.Key, Status: r.Status, UpdatedAt: r.UpdatedAt}
}

// look looks at changes all at once and returns what became of each.
func (h *harness) apply(changes ...coverage.Event) []string {
	h.t.Helper()
	results := make([]string, len(changes))
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() {
			verdict, err := h.Apply(h.t.Context(), c)
			results[i] = string(verdict)
			if err != nil {
				results[i] = err.Error()
			}
		})
	}
	all.Wait()
	return results
}

// row returns what the newest report of the target one shows of a cluster.
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

func TestLookReadsOneClusterAgain(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy, row(ownAccount, "api", coverage.Healthy, 1))
		h.set(settings, w.target("one"))
		h.advance(0)
		before := h.lastReport("one")
		w.set(isUnhealthy)
		asked := time.Now()
		if got := h.apply(change(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the change is %s", got[0])
		}
		if took := time.Since(asked); took >= 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if h.row("web") != coverage.Unhealthy || h.row("api") != coverage.Healthy {
			t.Errorf("it shows %+v", h.lastReport("one").Snapshot.Resources)
		}
		if after := h.lastReport("one"); !after.LastSuccess.Equal(before.LastSuccess) || after.State != coverage.OK {
			t.Errorf("a reread passed for a refresh: %+v", after.Report)
		}
		if reads, keyReads := w.calls(); reads != 1 || keyReads != 1 {
			t.Errorf("%d refreshes and %d keyReads, want 1 and 1", reads, keyReads)
		}
		if got := h.apply(change(isUnhealthy), change(wasHealthy)); got[0] != "duplicate" || got[1] != "outdated" {
			t.Errorf("again and late they are %v", got)
		}
		if _, keyReads := w.calls(); keyReads != 1 {
			t.Errorf("%d keyReads, want none for what is known", keyReads)
		}
	})
}

func TestABurstCostsOneCall(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		var burst sync.WaitGroup
		for i := range 100 {
			newer := row(ownAccount, "web", coverage.Unhealthy, 20+i/10)
			w.set(newer)
			burst.Go(func() {
				if got := h.apply(change(newer)); got[0] != "applied" {
					t.Errorf("the change is %s", got[0])
				}
			})
			h.advance(time.Second / 101)
		}
		burst.Wait()
		if _, keyReads := w.calls(); keyReads != 1 || h.row("web") != coverage.Unhealthy {
			t.Errorf("%d keyReads, want 1; the cluster is %s", keyReads, h.row("web"))
		}
	})
}

func TestMoreThanAPageIsOneRefresh(t *testing.T) {
	for clusters, want := range map[int][2]int{50: {1, 1}, 51: {2, 0}} {
		t.Run(fmt.Sprint(clusters), func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				w := newSource(t, ownAccount)
				h.set(settings, w.target("one"))
				h.advance(0)
				var changes []coverage.Event
				for i := range clusters {
					r := row(ownAccount, fmt.Sprint("cluster-", i), coverage.Unhealthy, 1)
					w.set(r)
					changes = append(changes, change(r))
				}
				for _, got := range h.apply(changes...) {
					if got != "applied" {
						t.Fatalf("a change is %s", got)
					}
				}
				if reads, keyReads := w.calls(); reads != want[0] || keyReads != want[1] {
					t.Errorf("%d refreshes and %d keyReads, want %v", reads, keyReads, want)
				}
			})
		})
	}
}

// TestLookDuringARefresh changes a cluster that the refresh under way has read
// already: what the reread found is neither delayed nor undone by it.
func TestLookDuringARefresh(t *testing.T) {
	gone := row(ownAccount, "gone", coverage.Healthy, 1)
	added := row(ownAccount, "new", coverage.Unhealthy, 20)
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy, gone)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.update(func(w *keySource) { w.latency = 20 * time.Second })
		h.advanceTo(settings.Interval) // the second refresh has read its rows
		w.set(isUnhealthy)
		w.set(added)
		w.update(func(w *keySource) { delete(w.rows, "gone") })
		late := change(gone)
		late.UpdatedAt = late.UpdatedAt.Add(time.Minute)
		if got := h.apply(change(isUnhealthy), change(added), late); !slices.Equal(got, []string{"applied", "applied", "behind"}) {
			t.Fatalf("the changes are %v", got)
		}
		check := func(when string) {
			t.Helper()
			if h.row("web") != coverage.Unhealthy || h.row("new") != coverage.Unhealthy || h.row("gone") != coverage.Healthy {
				t.Errorf("%s it shows %+v", when, h.lastReport("one").Snapshot.Resources)
			}
		}
		check("at once")
		reports := len(h.reportsOf("one"))
		h.advance(30 * time.Second)
		if len(h.reportsOf("one")) == reports {
			t.Fatal("the refresh has not ended")
		}
		check("after the refresh")
		if _, keyReads := w.calls(); keyReads != 2 {
			t.Errorf("%d keyReads, want a second one for what the two did not agree on", keyReads)
		}
	})
}

// TestTheRereadAfterARefreshSettlesIt deletes a cluster after its reread and
// before the refresh's page with it.
func TestTheRereadAfterARefreshSettlesIt(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount)
		target := w.target("one")
		h.set(settings, target)
		h.advance(0)
		entered := make(chan struct{})
		w.read = func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			close(entered)
			<-time.After(10 * time.Second)
			return w.readAll(ctx)
		}
		h.set(settings, target)
		<-entered
		w.set(isUnhealthy)
		if got := h.apply(change(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the change is %s", got[0])
		}
		w.update(func(w *keySource) { delete(w.rows, "web") })
		h.advance(15 * time.Second)
		if got := h.row("web"); got != "" {
			t.Errorf("a cluster that is gone is shown as %s", got)
		}
	})
}

func TestARowThatLagsBehind(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		unknown := row(ownAccount, "not-yet-listed", coverage.Unhealthy, 5)
		if got := h.apply(change(isUnhealthy), change(unknown)); got[0] != "behind" || got[1] != "behind" {
			t.Errorf("the changes are %v", got)
		}
		if h.row("web") != coverage.Healthy || h.row(unknown.Name) != "" {
			t.Error("an event was taken for the truth")
		}
		w.update(func(w *keySource) { w.filters = true })
		if got := h.apply(change(unknown)); got[0] != "applied" {
			t.Errorf("of a target whose filter may leave the row out, the change is %v", got)
		}
	})
}

func TestWhoIsAsked(t *testing.T) {
	other := row(otherAccount, "web", coverage.Unhealthy, 20)
	elsewhere := isUnhealthy
	elsewhere.Region = "us-east-1"
	left := row(ownAccount, "left-out", coverage.Unhealthy, 20)
	for _, tc := range []struct {
		name    string
		targets map[string]*keySource
		change  coverage.Resource
		want    string
		asked   string // the target
	}{
		{"no target in the Region", map[string]*keySource{"one": newSource(t, ownAccount)}, elsewhere, "no_target", ""},
		{"no target of the account", map[string]*keySource{"one": newSource(t, ownAccount, wasHealthy)}, other, "unknown_account", ""},
		{"the account's own before its administrator's", map[string]*keySource{
			"admin": newSource(t, otherAccount, isUnhealthy), "own": newSource(t, ownAccount, isUnhealthy),
		}, row(ownAccount, "web", coverage.Unhealthy, 30), "behind", "own"},
		{"the one that shows the account", map[string]*keySource{
			"a": newSource(t, "777788889999"), "b": newSource(t, ownAccount, row(otherAccount, "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"an administrator, for an account without a cluster so far", map[string]*keySource{
			"a": newSource(t, "777788889999"), "b": newSource(t, ownAccount, row("123456789012", "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"a filter", map[string]*keySource{"one": {t: t, account: ownAccount, excluded: "left-out", rows: map[string]coverage.Resource{}}}, left, "filtered", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				var targets []refresh.Target
				for name, w := range tc.targets {
					targets = append(targets, w.target(name))
				}
				h.set(settings, targets...)
				h.advance(time.Second)
				if got := h.apply(change(tc.change)); got[0] != tc.want {
					t.Errorf("the change is %s, want %s", got[0], tc.want)
				}
				for name, w := range tc.targets {
					if _, keyReads := w.calls(); (keyReads > 0) != (name == tc.asked) {
						t.Errorf("%s was reread %d times", name, keyReads)
					}
				}
			})
		})
	}
}

func TestLookWithoutData(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.latency = 10 * time.Second
		h.set(settings, w.target("one"))
		h.advance(time.Second)
		if got := h.apply(change(isUnhealthy)); got[0] != "the target has no data yet" {
			t.Errorf("before the first refresh a change is %s", got[0])
		}
	})
}

func TestAFailingRereadLosesNothing(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.update(func(w *keySource) { w.err = errDenied })
		reports, lines := len(h.reportsOf("one")), len(h.logged())
		for range 3 {
			if got := h.apply(change(isUnhealthy)); got[0] != "read 1 resources again: "+errDenied.Error() {
				t.Errorf("the change is %s", got[0])
			}
		}
		if len(h.reportsOf("one")) != reports || h.row("web") != coverage.Healthy {
			t.Error("a failed reread has changed what is known")
		}
		w.update(func(w *keySource) { w.err, w.rows["web"] = nil, isUnhealthy })
		if got := h.apply(change(isUnhealthy)); got[0] != "applied" {
			t.Errorf("when it works again, the change is %s", got[0])
		}
		var loud []string
		for _, l := range h.logged()[lines:] {
			if l.Level > slog.LevelDebug { // DEBUG
				loud = append(loud, fmt.Sprint(l.Level, " ", l.Message))
			}
		}
		if want := []string{"WARN partial read of target failed", "INFO resources read again"}; !slices.Equal(loud, want) {
			t.Errorf("the log says %q, want %q", loud, want)
		}
	})
}

func TestStopWhileLooking(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		result := make(chan error, 2)
		go func() {
			_, err := h.Apply(context.WithoutCancel(t.Context()), change(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		h.set(settings)
		if err := <-result; err == nil {
			t.Error("a change of a target that is gone was judged")
		}
		ctx, cancel := context.WithCancel(t.Context())
		h.set(settings, w.target("one"))
		h.advance(0)
		go func() {
			_, err := h.Apply(ctx, change(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
