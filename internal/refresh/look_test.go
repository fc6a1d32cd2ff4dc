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

// world is what one target's AWS has, and the calls that were made of it.
type world struct {
	t       *testing.T
	account string

	mu       sync.Mutex
	rows     map[string]coverage.Resource // by name
	excluded string                       // the name of a resource that the filter leaves out
	narrow   bool
	takes    time.Duration // of a refresh, between reading its rows and answering
	err      error         // of a reread
	reads    int
	rereads  [][]coverage.Key
}

func newWorld(t *testing.T, account string, rows ...coverage.Resource) *world {
	w := &world{t: t, account: account, rows: map[string]coverage.Resource{}}
	for _, r := range rows {
		w.rows[r.Name] = r
	}
	return w
}

func (w *world) now(change func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *world) set(r coverage.Resource) { w.now(func(w *world) { w.rows[r.Name] = r }) }

func (w *world) target(name string) refresh.Target {
	return refresh.Target{
		Name: name, Region: region, Key: "the same", Read: w.read, ReadKeys: w.reread,
		Matches: func(k coverage.Key) bool { return k.Name != w.excluded }, FiltersByState: func(coverage.Key) bool { return w.narrow },
	}
}

func (w *world) read(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
	w.mu.Lock()
	w.reads++
	s := &coverage.Snapshot{Accounts: []string{w.account}, Types: []coverage.ResourceType{coverage.ECS}}
	for _, r := range w.rows {
		s.Resources = append(s.Resources, r)
	}
	s.Resources = coverage.Dedupe(s.Resources)
	takes := w.takes
	w.mu.Unlock()
	select {
	case <-time.After(takes):
		return w.account, s, nil
	case <-ctx.Done():
		return w.account, nil, ctx.Err()
	}
}

func (w *world) reread(ctx context.Context, keys []coverage.Key) (found []coverage.Resource, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		w.t.Error("a reread has no deadline")
	}
	w.rereads = append(w.rereads, keys)
	for _, k := range keys {
		if r, ok := w.rows[k.Name]; ok {
			found = append(found, r)
		}
	}
	return found, w.err
}

// calls returns how often the target was refreshed and reread.
func (w *world) calls() (reads, rereads int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads, len(w.rereads)
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
func (b *bench) look(changes ...coverage.Event) []string {
	b.t.Helper()
	results := make([]string, len(changes))
	var all sync.WaitGroup
	for i, c := range changes {
		all.Go(func() {
			verdict, err := b.Apply(b.t.Context(), c)
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
func (b *bench) row(name string) coverage.Status {
	b.t.Helper()
	s := b.last("one").Snapshot
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
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy, row(ownAccount, "api", coverage.Healthy, 1))
		b.set(usual, w.target("one"))
		b.pass(0)
		before := b.last("one")
		w.set(isUnhealthy)
		asked := time.Now()
		if got := b.look(change(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the change is %s", got[0])
		}
		if took := time.Since(asked); took >= 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if b.row("web") != coverage.Unhealthy || b.row("api") != coverage.Healthy {
			t.Errorf("it shows %+v", b.last("one").Snapshot.Resources)
		}
		if after := b.last("one"); !after.LastSuccess.Equal(before.LastSuccess) || after.State != coverage.OK {
			t.Errorf("a reread passed for a refresh: %+v", after.Report)
		}
		if reads, rereads := w.calls(); reads != 1 || rereads != 1 {
			t.Errorf("%d refreshes and %d rereads, want 1 and 1", reads, rereads)
		}
		if got := b.look(change(isUnhealthy), change(wasHealthy)); got[0] != "duplicate" || got[1] != "outdated" {
			t.Errorf("again and late they are %v", got)
		}
		if _, rereads := w.calls(); rereads != 1 {
			t.Errorf("%d rereads, want none for what is known", rereads)
		}
	})
}

func TestABurstCostsOneCall(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		b.set(usual, w.target("one"))
		b.pass(0)
		var burst sync.WaitGroup
		for i := range 100 {
			newer := row(ownAccount, "web", coverage.Unhealthy, 20+i/10)
			w.set(newer)
			burst.Go(func() {
				if got := b.look(change(newer)); got[0] != "applied" {
					t.Errorf("the change is %s", got[0])
				}
			})
			b.pass(time.Second / 101)
		}
		burst.Wait()
		if _, rereads := w.calls(); rereads != 1 || b.row("web") != coverage.Unhealthy {
			t.Errorf("%d rereads, want 1; the cluster is %s", rereads, b.row("web"))
		}
	})
}

func TestMoreThanAPageIsOneRefresh(t *testing.T) {
	for clusters, want := range map[int][2]int{50: {1, 1}, 51: {2, 0}} {
		t.Run(fmt.Sprint(clusters), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				w := newWorld(t, ownAccount)
				b.set(usual, w.target("one"))
				b.pass(0)
				var changes []coverage.Event
				for i := range clusters {
					r := row(ownAccount, fmt.Sprint("cluster-", i), coverage.Unhealthy, 1)
					w.set(r)
					changes = append(changes, change(r))
				}
				for _, got := range b.look(changes...) {
					if got != "applied" {
						t.Fatalf("a change is %s", got)
					}
				}
				if reads, rereads := w.calls(); reads != want[0] || rereads != want[1] {
					t.Errorf("%d refreshes and %d rereads, want %v", reads, rereads, want)
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
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy, gone)
		b.set(usual, w.target("one"))
		b.pass(0)
		w.now(func(w *world) { w.takes = 20 * time.Second })
		b.passUntil(usual.Interval) // the second refresh has read its rows
		w.set(isUnhealthy)
		w.set(added)
		w.now(func(w *world) { delete(w.rows, "gone") })
		late := change(gone)
		late.UpdatedAt = late.UpdatedAt.Add(time.Minute)
		if got := b.look(change(isUnhealthy), change(added), late); !slices.Equal(got, []string{"applied", "applied", "applied"}) {
			t.Fatalf("the changes are %v", got)
		}
		check := func(when string) {
			t.Helper()
			if b.row("web") != coverage.Unhealthy || b.row("new") != coverage.Unhealthy || b.row("gone") != "" {
				t.Errorf("%s it shows %+v", when, b.last("one").Snapshot.Resources)
			}
		}
		check("at once")
		reports := len(b.of("one"))
		b.pass(30 * time.Second)
		if len(b.of("one")) == reports {
			t.Fatal("the refresh has not ended")
		}
		check("after the refresh")
		if _, rereads := w.calls(); rereads != 2 {
			t.Errorf("%d rereads, want a second one for what the two did not agree on", rereads)
		}
	})
}

// TestTheRereadAfterARefreshSettlesIt deletes a cluster after its reread and
// before the refresh's page with it.
func TestTheRereadAfterARefreshSettlesIt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount)
		target := w.target("one")
		b.set(usual, target)
		b.pass(0)
		entered := make(chan struct{})
		read := target.Read
		target.Read = func(ctx context.Context, known *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			close(entered)
			<-time.After(10 * time.Second)
			return read(ctx, known)
		}
		b.set(usual, target)
		<-entered
		w.set(isUnhealthy)
		if got := b.look(change(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the change is %s", got[0])
		}
		w.now(func(w *world) { delete(w.rows, "web") })
		b.pass(15 * time.Second)
		if got := b.row("web"); got != "" {
			t.Errorf("a cluster that is gone is shown as %s", got)
		}
	})
}

func TestARowThatLagsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		b.set(usual, w.target("one"))
		b.pass(0)
		unknown := row(ownAccount, "not-yet-listed", coverage.Unhealthy, 5)
		if got := b.look(change(isUnhealthy), change(unknown)); got[0] != "behind" || got[1] != "behind" {
			t.Errorf("the changes are %v", got)
		}
		if b.row("web") != coverage.Healthy || b.row(unknown.Name) != "" {
			t.Error("an event was taken for the truth")
		}
		w.now(func(w *world) { w.narrow = true })
		if got := b.look(change(unknown)); got[0] != "applied" {
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
		targets map[string]*world
		change  coverage.Resource
		want    string
		asked   string // the target
	}{
		{"no target in the Region", map[string]*world{"one": newWorld(t, ownAccount)}, elsewhere, "no_target", ""},
		{"no target of the account", map[string]*world{"one": newWorld(t, ownAccount, wasHealthy)}, other, "unknown_account", ""},
		{"the account's own before its administrator's", map[string]*world{
			"admin": newWorld(t, otherAccount, isUnhealthy), "own": newWorld(t, ownAccount, isUnhealthy),
		}, row(ownAccount, "web", coverage.Unhealthy, 30), "behind", "own"},
		{"the one that shows the account", map[string]*world{
			"a": newWorld(t, "777788889999"), "b": newWorld(t, ownAccount, row(otherAccount, "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"an administrator, for an account without a cluster so far", map[string]*world{
			"a": newWorld(t, "777788889999"), "b": newWorld(t, ownAccount, row("123456789012", "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"a filter", map[string]*world{"one": {t: t, account: ownAccount, excluded: "left-out", rows: map[string]coverage.Resource{}}}, left, "filtered", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				var targets []refresh.Target
				for name, w := range tc.targets {
					targets = append(targets, w.target(name))
				}
				b.set(usual, targets...)
				b.pass(time.Second)
				if got := b.look(change(tc.change)); got[0] != tc.want {
					t.Errorf("the change is %s, want %s", got[0], tc.want)
				}
				for name, w := range tc.targets {
					if _, rereads := w.calls(); (rereads > 0) != (name == tc.asked) {
						t.Errorf("%s was reread %d times", name, rereads)
					}
				}
			})
		})
	}
}

func TestLookWithoutData(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		w.takes = 10 * time.Second
		b.set(usual, w.target("one"))
		b.pass(time.Second)
		if got := b.look(change(isUnhealthy)); got[0] != "the target has no data yet" {
			t.Errorf("before the first refresh a change is %s", got[0])
		}
	})
}

func TestAFailingRereadLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		b.set(usual, w.target("one"))
		b.pass(0)
		w.now(func(w *world) { w.err = errDenied })
		reports, lines := len(b.of("one")), len(b.said())
		for range 3 {
			if got := b.look(change(isUnhealthy)); got[0] != "read 1 resources again: "+errDenied.Error() {
				t.Errorf("the change is %s", got[0])
			}
		}
		if len(b.of("one")) != reports || b.row("web") != coverage.Healthy {
			t.Error("a failed reread has changed what is known")
		}
		w.now(func(w *world) { w.err, w.rows["web"] = nil, isUnhealthy })
		if got := b.look(change(isUnhealthy)); got[0] != "applied" {
			t.Errorf("when it works again, the change is %s", got[0])
		}
		var loud []string
		for _, l := range b.said()[lines:] {
			if l.Level > slog.LevelDebug { // DEBUG
				loud = append(loud, fmt.Sprint(l.Level, " ", l.Message))
			}
		}
		if want := []string{"WARN reread of target failed", "INFO resources reread"}; !slices.Equal(loud, want) {
			t.Errorf("the log says %q, want %q", loud, want)
		}
	})
}

func TestStopWhileLooking(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		b.set(usual, w.target("one"))
		b.pass(0)
		result := make(chan error, 2)
		go func() {
			_, err := b.Apply(context.WithoutCancel(t.Context()), change(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		b.set(usual)
		if err := <-result; err == nil {
			t.Error("a change of a target that is gone was judged")
		}
		ctx, cancel := context.WithCancel(t.Context())
		b.set(usual, w.target("one"))
		b.pass(0)
		go func() {
			_, err := b.Apply(ctx, change(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
