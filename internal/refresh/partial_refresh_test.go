package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

func TestMoreThanAPageIsOneRefresh(t *testing.T) {
	for clusters, want := range map[int][2]int{50: {1, 1}, 51: {2, 0}} {
		t.Run(fmt.Sprint(clusters), func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				w := newSource(t, ownAccount)
				h.set(settings, w.target("one"))
				h.advance(0)
				var events []coverage.Event
				for i := range clusters {
					r := row(ownAccount, fmt.Sprint("cluster-", i), coverage.Unhealthy, 1)
					w.set(r)
					events = append(events, eventOf(r))
				}
				for _, got := range h.apply(events...) {
					if got != "applied" {
						t.Fatalf("an outcome is %s", got)
					}
				}
				if reads, keyReads := w.calls(); reads != want[0] || keyReads != want[1] {
					t.Errorf("%d refreshes and %d partial reads, want %v", reads, keyReads, want)
				}
			})
		})
	}
}

// TestEventDuringARefresh changes clusters after the refresh in flight has read
// them: it neither delays nor reverts what the partial read has found.
func TestEventDuringARefresh(t *testing.T) {
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
		late := eventOf(gone)
		late.UpdatedAt = late.UpdatedAt.Add(time.Minute)
		if got := h.apply(eventOf(isUnhealthy), eventOf(added), late); !slices.Equal(got, []string{"applied", "applied", "behind"}) {
			t.Fatalf("the outcomes are %v", got)
		}
		check := func(when string) {
			t.Helper()
			if h.row("web") != coverage.Unhealthy || h.row("new") != coverage.Unhealthy || h.row("gone") != coverage.Healthy {
				t.Errorf("%s the resources are %+v", when, h.lastReport("one").Snapshot.Resources)
			}
		}
		check("during the refresh")
		reports := len(h.reportsOf("one"))
		h.advance(30 * time.Second)
		if len(h.reportsOf("one")) == reports {
			t.Fatal("the refresh has not ended")
		}
		check("after the refresh")
		if _, keyReads := w.calls(); keyReads != 2 {
			t.Errorf("%d partial reads, want a second one for the new cluster, which the refresh has not found", keyReads)
		}
		h.advance(settings.Interval)
		if h.row("new") != coverage.Unhealthy || h.row("gone") != "" {
			t.Errorf("after the next refresh the resources are %+v", h.lastReport("one").Snapshot.Resources)
		}
	})
}

// TestClusterDeletedAfterAPartialRead deletes a cluster after the partial read and
// before the refresh in flight reads it.
func TestClusterDeletedAfterAPartialRead(t *testing.T) {
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
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the outcome is %s", got[0])
		}
		w.update(func(w *keySource) { delete(w.rows, "web") })
		h.advance(15 * time.Second)
		if got := h.row("web"); got != "" {
			t.Errorf("a deleted cluster is %s", got)
		}
	})
}

// A refresh ends between the start of a partial read and its end.
func TestRefreshDuringAPartialRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.readKeys = func(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
			found, err := w.readRows(ctx, keys)
			<-time.After(10 * time.Second) // waits for the rate limit
			return found, err
		}
		h.set(refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 500 * time.Second}, w.target("one"))
		h.advance(16 * time.Second)
		w.set(isUnhealthy)
		var all sync.WaitGroup
		all.Go(func() { h.apply(eventOf(isUnhealthy)) })
		h.advance(1500 * time.Millisecond) // it has been read
		w.update(func(w *keySource) { delete(w.rows, "web") })
		before, _ := w.calls()
		h.advance(3 * time.Second) // the second refresh
		if now, _ := w.calls(); now == before || h.row("web") != "" {
			t.Fatal("there was no refresh")
		}
		all.Wait()
		h.advance(12 * time.Second) // it is read once more
		if got := h.row("web"); got != "" {
			t.Errorf("a cluster that the last refresh has not found is %s", got)
		}
	})
}

// Redelivered messages do not refresh a failing target more often. Each event is
// an error, so that none is deleted.
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
		var events []coverage.Event
		for i := range 60 {
			events = append(events, eventOf(row(ownAccount, fmt.Sprint(i), coverage.Unhealthy, 2)))
		}
		want := "throttled"
		for range 10 { // as often as the queue delivers them
			for _, got := range h.apply(events...) {
				if got != want {
					t.Fatalf("an outcome is %q, want the error %q", got, want)
				}
			}
			want = "the last refresh of the target failed, so it is not refreshed early"
			h.advance(time.Minute)
		}
		if reads, _ := w.calls(); reads > 4 {
			t.Errorf("%d refreshes in ten minutes of a throttled target whose interval is 5 minutes", reads)
		}
	})
}

// TestRefreshInFlightServesABatch has more events than one page during a refresh
// that has their rows: there is no second refresh.
func TestRefreshInFlightServesABatch(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount)
		h.set(settings, w.target("one"))
		h.advance(0)
		var events []coverage.Event
		for i := range 51 {
			r := row(ownAccount, fmt.Sprint("cluster-", i), coverage.Unhealthy, 1)
			w.set(r)
			events = append(events, eventOf(r))
		}
		w.update(func(w *keySource) { w.latency = 20 * time.Second })
		h.advanceTo(settings.Interval)
		started := time.Now()
		for _, got := range h.apply(events...) {
			if got != "applied" {
				t.Fatalf("an outcome is %s", got)
			}
		}
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("it took %v, want the end of the refresh in flight", took)
		}
		h.advance(30 * time.Second)
		if reads, keyReads := w.calls(); reads != 2 || keyReads != 0 {
			t.Errorf("%d refreshes and %d partial reads, want 2 and 0", reads, keyReads)
		}
	})
}

// TestRefreshBeforeAPartialRead has a refresh that brings the row while events are
// collected: nothing is read by key.
func TestRefreshBeforeAPartialRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.set(isUnhealthy)
		w.update(func(w *keySource) { w.latency = time.Second / 2 })
		for reads := 1; reads == 1; reads, _ = w.calls() {
			h.advance(time.Second / 10)
		}
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" || h.row("web") != coverage.Unhealthy {
			t.Errorf("the outcome is %s, the cluster is %s", got[0], h.row("web"))
		}
		if reads, keyReads := w.calls(); reads != 2 || keyReads != 0 {
			t.Errorf("%d refreshes and %d partial reads, want 2 and 0", reads, keyReads)
		}
	})
}
