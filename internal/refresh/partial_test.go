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
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		s := h.source()
		s.latency = 5 * time.Second
		h.set(settings, s.lister(func() []refresh.Target { return []refresh.Target{w.target("all")} }))
		h.advance(time.Second)
		if got := h.apply(change(isUnhealthy)); got[0] == "no_target" {
			t.Errorf("before the Regions are known the change is %s, and so deleted", got[0])
		}
	})
}

// One target of the Region that never had data makes certain verdicts failures.
func TestATargetWithoutDataSpoilsTheVerdictsOfOthers(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		own := newSource(t, ownAccount, wasHealthy)
		own.excluded = "left-out"
		denied := newSource(t, otherAccount)
		denied.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			return otherAccount, nil, errDenied
		}
		h.set(settings, own.target("one"), denied.target("denied"))
		h.advance(10 * time.Second)
		if got := h.apply(change(row(ownAccount, "left-out", coverage.Unhealthy, 20))); got[0] != "filtered" {
			t.Errorf("a resource that the account's own target leaves out is %q", got[0])
		}
	})
}

// Two targets of one account that divide its clusters by what their rows say.
func TestTheOtherTargetOfTheAccountIsNotAsked(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		auto := newSource(t, ownAccount, row(ownAccount, "other", coverage.Healthy, 1)) // management_type: AUTO_MANAGED
		auto.filters = true
		manual := newSource(t, ownAccount, wasHealthy) // management_type: MANUAL
		manual.filters = true
		h.set(settings, auto.target("auto"), manual.target("manual"))
		h.advance(time.Second)
		manual.set(isUnhealthy)
		got := h.apply(change(isUnhealthy))
		for _, r := range h.lastReport("manual").Snapshot.Resources {
			if r.Name == "web" && r.Status != coverage.Unhealthy && got[0] == "applied" {
				t.Errorf("the change is %s, and the cluster is shown as %s", got[0], r.Status)
			}
		}
	})
}

// The cluster turns from the filter of one target into that of another.
func TestAClusterVanishes(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		good := newSource(t, ownAccount, wasHealthy) // coverage_status: HEALTHY
		good.filters = true
		sick := newSource(t, ownAccount) // coverage_status: UNHEALTHY
		sick.filters = true
		h.set(settings, good.target("a-healthy"), sick.target("b-unhealthy"))
		h.advance(time.Second)
		good.update(func(w *keySource) { delete(w.rows, "web") })
		sick.set(isUnhealthy)
		got := h.apply(change(isUnhealthy))
		if n := len(h.lastReport("a-healthy").Snapshot.Resources) + len(h.lastReport("b-unhealthy").Snapshot.Resources); n == 0 {
			t.Errorf("the change is %s, and the cluster is shown by no target", got[0])
		}
	})
}

// The mirror of reconcile: a refresh ends between the reading and the
// applying of a reread.
func TestARereadUnderWayUndoesARefresh(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.readKeys = func(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
			found, err := w.readRows(ctx, keys)
			<-time.After(10 * time.Second) // the calls for further accounts wait for their turns
			return found, err
		}
		h.set(refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 500 * time.Second}, w.target("one"))
		h.advance(16 * time.Second)
		w.set(isUnhealthy)
		var all sync.WaitGroup
		all.Go(func() { h.apply(change(isUnhealthy)) })
		h.advance(1500 * time.Millisecond) // it has been read
		w.update(func(w *keySource) { delete(w.rows, "web") })
		before, _ := w.calls()
		h.advance(3 * time.Second) // the second refresh
		if now, _ := w.calls(); now == before || h.row("web") != "" {
			t.Fatal("the refresh has not been")
		}
		all.Wait()
		h.advance(12 * time.Second) // it is read once more
		if got := h.row("web"); got != "" {
			t.Errorf("a cluster that the newest refresh did not find is shown as %s", got)
		}
	})
}

// Changes that come during an early refresh.
// A stop is no failure.
func TestStopDuringARereadIsNotLogged(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.readKeys = func(ctx context.Context, _ []coverage.Key) ([]coverage.Resource, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		h.set(settings, w.target("one"))
		h.advance(0)
		go h.apply(change(isUnhealthy))
		h.advance(2 * time.Second)
		h.cancel()
		h.Wait()
		for _, l := range h.logged() {
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
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.set(isUnhealthy)
		c := change(isUnhealthy)
		c.UpdatedAt = c.UpdatedAt.Add(2 * time.Second)
		if got := h.apply(c); got[0] != "applied" {
			t.Errorf("the cluster is shown as %s by the reread, and the change is %s", h.row("web"), got[0])
		}
	})
}

// Reread between a disagreement and a failure.
// A failing target is refreshed each minute by the messages that come again.
func TestFailingTargetIsNotRefreshedMoreOften(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		failing := false
		w.read = func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			id, s, err := w.readAll(ctx)
			if failing {
				return id, nil, errors.New("throttled")
			}
			return id, s, err
		}
		h.set(refresh.Settings{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: time.Hour}, w.target("one"))
		h.advance(time.Second)
		failing = true
		var changes []coverage.Event
		for i := range 60 {
			changes = append(changes, change(row(ownAccount, fmt.Sprint(i), coverage.Unhealthy, 2)))
		}
		for range 10 { // as often as the queue gives them
			h.apply(changes...)
			h.advance(time.Minute)
		}
		if reads, _ := w.calls(); reads > 4 {
			t.Errorf("%d refreshes in ten minutes of a throttled target whose interval is 5 minutes", reads)
		}
	})
}
