package refresh_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestEventReadsOneCluster(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy, row(ownAccount, "api", coverage.Healthy, 1))
		h.set(settings, w.target("one"))
		h.advance(0)
		before := h.lastReport("one")
		w.set(isUnhealthy)
		started := time.Now()
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" {
			t.Fatalf("the outcome is %s", got[0])
		}
		if took := time.Since(started); took >= 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if h.row("web") != coverage.Unhealthy || h.row("api") != coverage.Healthy {
			t.Errorf("the resources are %+v", h.lastReport("one").Snapshot.Resources)
		}
		if after := h.lastReport("one"); !after.LastSuccess.Equal(before.LastSuccess) || after.State != coverage.OK {
			t.Errorf("a partial read counts as a refresh: %+v", after.Report)
		}
		if reads, keyReads := w.calls(); reads != 1 || keyReads != 1 {
			t.Errorf("%d refreshes and %d partial reads, want 1 and 1", reads, keyReads)
		}
		if got := h.apply(eventOf(isUnhealthy), eventOf(wasHealthy)); got[0] != "duplicate" || got[1] != "outdated" {
			t.Errorf("the outcomes of known events are %v", got)
		}
		if _, keyReads := w.calls(); keyReads != 1 {
			t.Errorf("%d partial reads, want none for known events", keyReads)
		}
	})
}

func TestBurstIsOneRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		var burst sync.WaitGroup
		for i := range 100 {
			newer := row(ownAccount, "web", coverage.Unhealthy, 20+i/10)
			w.set(newer)
			burst.Go(func() {
				if got := h.apply(eventOf(newer)); got[0] != "applied" {
					t.Errorf("the outcome is %s", got[0])
				}
			})
			h.advance(time.Second / 101)
		}
		burst.Wait()
		if _, keyReads := w.calls(); keyReads != 1 || h.row("web") != coverage.Unhealthy {
			t.Errorf("%d partial reads, want 1; the cluster is %s", keyReads, h.row("web"))
		}
	})
}

func TestRowBehindTheEvent(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		unknown := row(ownAccount, "not-yet-listed", coverage.Unhealthy, 5)
		if got := h.apply(eventOf(isUnhealthy), eventOf(unknown)); got[0] != "behind" || got[1] != "behind" {
			t.Errorf("the outcomes are %v", got)
		}
		if h.row("web") != coverage.Healthy || h.row(unknown.Name) != "" {
			t.Error("the contents of an event were exported")
		}
		w.update(func(w *keySource) { w.filters = true })
		if got := h.apply(eventOf(unknown)); got[0] != "applied" {
			t.Errorf("for a target that filters by attribute the outcome is %v", got)
		}
	})
}

// The row has the status of the event and a slightly older time.
func TestEventSlightlyNewerThanItsRow(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.set(isUnhealthy)
		c := eventOf(isUnhealthy)
		c.UpdatedAt = c.UpdatedAt.Add(2 * time.Second)
		if got := h.apply(c); got[0] != "applied" {
			t.Errorf("the cluster is %s, but the outcome is %s", h.row("web"), got[0])
		}
	})
}

func TestFailedPartialReadChangesNothing(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.update(func(w *keySource) { w.err = errDenied })
		reports, lines := len(h.reportsOf("one")), len(h.logged())
		for range 3 {
			if got := h.apply(eventOf(isUnhealthy)); got[0] != "read 1 resources again: "+errDenied.Error() {
				t.Errorf("the outcome is %s", got[0])
			}
		}
		if len(h.reportsOf("one")) != reports || h.row("web") != coverage.Healthy {
			t.Error("a failed partial read has changed the report")
		}
		w.update(func(w *keySource) { w.err, w.rows["web"] = nil, isUnhealthy })
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" {
			t.Errorf("after recovery the outcome is %s", got[0])
		}
		var loud []string
		for _, l := range h.logged()[lines:] {
			if l.Level > slog.LevelDebug { // DEBUG
				loud = append(loud, fmt.Sprint(l.Level, " ", l.Message))
			}
		}
		if want := []string{"WARN partial read of target failed", "INFO resources read again"}; !slices.Equal(loud, want) {
			t.Errorf("logged %q, want %q", loud, want)
		}
	})
}

// A stop is not a failure.
func TestStopDuringAPartialRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.readKeys = func(ctx context.Context, _ []coverage.Key) ([]coverage.Resource, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		h.set(settings, w.target("one"))
		h.advance(0)
		go h.apply(eventOf(isUnhealthy))
		h.advance(2 * time.Second)
		h.cancel()
		h.Wait()
		for _, l := range h.logged() {
			if l.Level >= slog.LevelWarn {
				t.Errorf("logged %s %s %v", l.Level, l.Message, l.attrs)
			}
		}
	})
}

// An event reports that a cluster is unhealthy, but AWS's index does not list it
// now. It must not be removed: coverage would rise to 100 %.
func TestOnlyARefreshRemoves(t *testing.T) {
	for name, filters := range map[string]bool{"without filter": false, "with a filter by attribute": true} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				w := newSource(t, ownAccount, wasHealthy)
				w.filters = filters
				h.set(settings, w.target("one"))
				h.advance(0)
				w.update(func(w *keySource) { delete(w.rows, "web") })
				for range 2 {
					if got := h.apply(eventOf(isUnhealthy)); got[0] != "behind" {
						t.Errorf("the outcome is %s", got[0])
					}
				}
				if got := h.row("web"); got != coverage.Healthy {
					t.Errorf("the cluster is %q, want the last known status", got)
				}
				w.set(isUnhealthy)
				if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" || h.row("web") != coverage.Unhealthy {
					t.Errorf("once it is listed the outcome is %s and the cluster is %s", got[0], h.row("web"))
				}
				w.update(func(w *keySource) { delete(w.rows, "web") })
				h.advance(settings.Interval)
				if got := h.row("web"); got != "" {
					t.Errorf("after a refresh without it the cluster is %s", got)
				}
			})
		})
	}
}

// A name that is not exported as it is must be read as AWS has it, also when a
// refresh has not found it.
func TestRequeueKeepsTheNameOfAWS(t *testing.T) {
	odd := row(ownAccount, "line\nbreak", coverage.Unhealthy, 20)
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount)
		h.set(settings, w.target("one"))
		h.advance(0)
		w.update(func(w *keySource) { w.latency = 20 * time.Second })
		h.advanceTo(settings.Interval)
		w.update(func(w *keySource) {
			clean := odd
			clean.Key = clean.Sanitize()
			w.rows[odd.Name] = clean
		})
		if got := h.apply(eventOf(odd)); got[0] != "applied" {
			t.Fatalf("the outcome is %s", got[0])
		}
		h.advance(30 * time.Second)
		if _, keyReads := w.calls(); keyReads != 2 {
			t.Errorf("%d partial reads, want a second one after the refresh", keyReads)
		}
		if got := h.lastReport("one").Snapshot.Lookup(odd.Key); got == nil {
			t.Error("the cluster was removed")
		}
	})
}

// A target that filters by coverage status omits the cluster once it has the
// status of the event: it is removed at once, also from a refresh in flight.
func TestClusterLeavesTheFilter(t *testing.T) {
	for name, latency := range map[string]time.Duration{"between refreshes": 0, "during a refresh": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				w := newSource(t, ownAccount, wasHealthy)
				w.filters, w.omits = true, coverage.Unhealthy
				h.set(settings, w.target("one"))
				h.advance(0)
				w.update(func(w *keySource) { w.latency = latency })
				h.advanceTo(settings.Interval)
				w.update(func(w *keySource) { delete(w.rows, "web") })
				if got := h.apply(eventOf(isUnhealthy)); got[0] != "applied" || h.row("web") != "" {
					t.Errorf("the outcome is %s and the cluster is %q", got[0], h.row("web"))
				}
				h.advance(30 * time.Second)
				if got := h.row("web"); got != "" {
					t.Errorf("after the refresh the cluster is %s", got)
				}
			})
		})
	}
}
