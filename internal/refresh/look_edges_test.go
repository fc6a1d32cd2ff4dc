package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

// Regions: [all]: an event before the Regions were listed is judged for good.
func TestEventBeforeTheRegionsAreListed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		s := b.source()
		s.takes = 5 * time.Second
		b.set(usual, s.lister(func() []refresh.Target { return []refresh.Target{w.target("all")} }))
		b.pass(time.Second)
		if got := b.look(change(isUnhealthy)); got[0] == "no_target" {
			t.Errorf("before the Regions are known the change is %s, and so deleted", got[0])
		}
	})
}

// One target of the Region that never had data makes certain verdicts failures.
func TestATargetWithoutDataSpoilsTheVerdictsOfOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		own := newWorld(t, ownAccount, wasHealthy)
		own.excluded = "left-out"
		broken := b.source()
		broken.account, broken.err = otherAccount, errDenied
		bt := broken.target("denied")
		bt.ReadKeys = func(context.Context, []coverage.Key) ([]coverage.Resource, error) { return nil, errDenied }
		bt.Matches, bt.FiltersByState = func(coverage.Key) bool { return true }, func(coverage.Key) bool { return false }
		b.set(usual, own.target("one"), bt)
		b.pass(10 * time.Second)
		if got := b.look(change(row(ownAccount, "left-out", coverage.Unhealthy, 20))); got[0] != "filtered" {
			t.Errorf("a resource that the account's own target leaves out is %q", got[0])
		}
	})
}

// Two targets of one account that divide its clusters by what their rows say.
func TestTheOtherTargetOfTheAccountIsNotAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		auto := newWorld(t, ownAccount, row(ownAccount, "other", coverage.Healthy, 1)) // management_type: AUTO_MANAGED
		auto.narrow = true
		manual := newWorld(t, ownAccount, wasHealthy) // management_type: MANUAL
		manual.narrow = true
		b.set(usual, auto.target("auto"), manual.target("manual"))
		b.pass(time.Second)
		manual.set(isUnhealthy)
		got := b.look(change(isUnhealthy))
		for _, r := range b.last("manual").Snapshot.Resources {
			if r.Name == "web" && r.Status != coverage.Unhealthy && got[0] == "applied" {
				t.Errorf("the change is %s, and the cluster is shown as %s", got[0], r.Status)
			}
		}
	})
}

// The cluster turns from the filter of one target into that of another.
func TestAClusterVanishes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		good := newWorld(t, ownAccount, wasHealthy) // coverage_status: HEALTHY
		good.narrow = true
		sick := newWorld(t, ownAccount) // coverage_status: UNHEALTHY
		sick.narrow = true
		b.set(usual, good.target("a-healthy"), sick.target("b-unhealthy"))
		b.pass(time.Second)
		good.now(func(w *world) { delete(w.rows, "web") })
		sick.set(isUnhealthy)
		got := b.look(change(isUnhealthy))
		if n := len(b.last("a-healthy").Snapshot.Resources) + len(b.last("b-unhealthy").Snapshot.Resources); n == 0 {
			t.Errorf("the change is %s, and the cluster is shown by no target", got[0])
		}
	})
}

// The mirror of reconcile: a refresh ends between the reading and the
// applying of a reread.
func TestARereadUnderWayUndoesARefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		target := w.target("one")
		reread := target.ReadKeys
		target.ReadKeys = func(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
			found, err := reread(ctx, keys)
			<-time.After(10 * time.Second) // the calls for further accounts wait for their turns
			return found, err
		}
		settings := refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 500 * time.Second}
		b.set(settings, target)
		b.pass(16 * time.Second)
		w.set(isUnhealthy)
		var all sync.WaitGroup
		all.Go(func() { b.look(change(isUnhealthy)) })
		b.pass(1500 * time.Millisecond) // it has been read
		w.now(func(w *world) { delete(w.rows, "web") })
		before, _ := w.calls()
		b.pass(3 * time.Second) // the second refresh
		if now, _ := w.calls(); now == before || b.row("web") != "" {
			t.Fatal("the refresh has not been")
		}
		all.Wait()
		b.pass(12 * time.Second) // it is read once more
		if got := b.row("web"); got != "" {
			t.Errorf("a cluster that the newest refresh did not find is shown as %s", got)
		}
	})
}

// Changes that come during an early refresh.
// A stop is no failure.
func TestStopDuringARereadIsNotLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		target := w.target("one")
		target.ReadKeys = func(ctx context.Context, _ []coverage.Key) ([]coverage.Resource, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		b.set(usual, target)
		b.pass(0)
		go b.look(change(isUnhealthy))
		b.pass(2 * time.Second)
		b.cancel()
		b.Wait()
		for _, l := range b.said() {
			if l.Level >= slog.LevelWarn {
				t.Errorf("at the stop the log says %s %s %v", l.Level, l.Message, l.attrs)
			}
		}
	})
}

// One resource that cannot be read keeps others from being shown.
// Transitions with an administrator and a member, through store and refresher.
func TestTransitionsOfAdministratorAndMember(t *testing.T) {
	at := func(name string, r coverage.Resource) coverage.Report {
		return coverage.Report{
			Target:   coverage.TargetID{Name: name, Region: region, AccountID: ownAccount},
			Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{r}},
		}
	}
	healthy1 := row(ownAccount, "web", coverage.Healthy, 1)
	unhealthy2 := row(ownAccount, "web", coverage.Unhealthy, 2)
	healthy3 := row(ownAccount, "web", coverage.Healthy, 3)
	var s store.Store
	var got, shown []coverage.Status
	put := func(r coverage.Report) {
		for _, tr := range s.Put(r) {
			got = append(got, tr.Status)
		}
		if now := s.View().Resources[0].Status; len(shown) == 0 || shown[len(shown)-1] != now {
			shown = append(shown, now)
		}
	}
	put(at("admin", healthy1))
	put(at("member", healthy1))
	put(at("member", unhealthy2)) // by an event, the member is asked
	put(at("admin", healthy3))    // by the administrator's refresh
	put(at("member", healthy3))
	if fmt.Sprint(got) != fmt.Sprint(shown[1:]) {
		t.Errorf("counted %v, shown %v", got, shown[1:])
	}
}

// A withdrawn snapshot that comes back while another target shows the cluster.
func TestTransitionsAfterAWithdrawal(t *testing.T) {
	snap := func(r coverage.Resource) *coverage.Snapshot {
		return &coverage.Snapshot{Resources: []coverage.Resource{r}}
	}
	healthy1, unhealthy2 := row(ownAccount, "web", coverage.Healthy, 1), row(ownAccount, "web", coverage.Unhealthy, 2)
	var s store.Store
	var got []coverage.Transition
	put := func(name string, sn *coverage.Snapshot) {
		got = append(got, s.Put(coverage.Report{Target: coverage.TargetID{Name: name, Region: region}, Snapshot: sn})...)
	}
	put("admin", snap(healthy1))
	put("member", snap(healthy1))
	put("member", nil) // withdrawn
	put("member", snap(unhealthy2))
	put("admin", snap(unhealthy2))
	if len(got) != 1 {
		t.Errorf("the page went from HEALTHY to UNHEALTHY, counted %v", got)
	}
}

// The row shows the status that the event speaks of, with a time that is a little older.
func TestAnEventThatIsALittleNewerThanItsRow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		b.set(usual, w.target("one"))
		b.pass(0)
		w.set(isUnhealthy)
		c := change(isUnhealthy)
		c.UpdatedAt = c.UpdatedAt.Add(2 * time.Second)
		if got := b.look(c); got[0] != "applied" {
			t.Errorf("the cluster is shown as %s by the reread, and the change is %s", b.row("web"), got[0])
		}
	})
}

// Reread between a disagreement and a failure.
// A failing target is refreshed each minute by the messages that come again.
func TestFailingTargetIsNotRefreshedMoreOften(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		w := newWorld(t, ownAccount, wasHealthy)
		target := w.target("one")
		read := target.Read
		failing := false
		target.Read = func(ctx context.Context, known *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			id, s, err := read(ctx, known)
			if failing {
				return id, nil, errors.New("throttled")
			}
			return id, s, err
		}
		b.set(refresh.Settings{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: time.Hour}, target)
		b.pass(time.Second)
		failing = true
		var changes []coverage.Event
		for i := range 60 {
			changes = append(changes, change(row(ownAccount, fmt.Sprint(i), coverage.Unhealthy, 2)))
		}
		for range 10 { // as often as the queue gives them
			b.look(changes...)
			b.pass(time.Minute)
		}
		if reads, _ := w.calls(); reads > 4 {
			t.Errorf("%d refreshes in ten minutes of a throttled target whose interval is 5 minutes", reads)
		}
	})
}
