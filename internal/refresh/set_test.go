package refresh_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

func TestUnchangedTargetsAreKept(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		before, after := h.source(), h.source()
		h.set(settings, before.target("one"))
		h.advance(10 * time.Second)
		after.cluster = "api"
		h.set(settings, after.target("one"))
		h.advance(10 * time.Second)
		if reports, gone := h.reportsOf("one"), h.droppedNames(); len(reports) != 1 || reports[0].cluster() != "web" || len(gone) != 0 {
			t.Errorf("reports %+v and dropped %v, want the report from before", reports, gone)
		}
		if n := len(after.calls()); n != 0 {
			t.Errorf("%d refreshes out of schedule", n)
		}
		if !h.Ready() {
			t.Error("not ready after an attempt")
		}

		h.advanceTo(settings.Interval)
		if len(before.calls()) != 1 || len(after.calls()) != 1 || h.lastReport("one").cluster() != "api" {
			t.Errorf("%d calls of the old source and %d of the new, want 1 and 1",
				len(before.calls()), len(after.calls()))
		}
	})
}

func TestChangedTargetsStartFromScratch(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		before, after := h.source(), h.source()
		after.latency, after.err = time.Second, errDenied
		h.set(settings, before.target("one"))
		h.advance(10 * time.Second)
		changed := after.target("one")
		changed.Key = "something else"
		h.set(settings, changed)
		if diff := cmp.Diff([]string{"one"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if h.Ready() {
			t.Error("ready before the attempt of the changed target")
		}
		h.advance(time.Second)
		if got := h.lastReport("one"); got.State != coverage.Denied || got.Snapshot != nil || !got.LastSuccess.IsZero() {
			t.Errorf("data of the old target is left: %+v", got.Report)
		}
		h.advance(2 * settings.MaxStaleness)
		if n := len(before.calls()); n != 1 {
			t.Errorf("%d calls of the old source, want 1", n)
		}
	})
}

func TestRemovedTargetsAreDropped(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		kept, removed := h.source(), h.source()
		h.set(settings, kept.target("kept"), removed.target("removed"))
		h.advance(10 * time.Second)
		h.set(settings, kept.target("kept"))
		h.advance(2 * settings.MaxStaleness)
		if diff := cmp.Diff([]string{"removed"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if n := len(h.reportsOf("removed")); n != 1 {
			t.Errorf("%d reports of the removed target, want 1 from before", n)
		}
		if n := len(kept.calls()); n < 10 {
			t.Errorf("%d refreshes of the kept target", n)
		}
	})
}

func TestNothingIsPutAfterDrop(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency, s.ignoresCancel = 20*time.Second, true // does not stop
		h.set(settings, s.target("one"))
		h.advance(10 * time.Second)
		h.set(settings)
		h.advance(settings.Interval)
		if reports := h.reportsOf("one"); len(reports) != 0 {
			t.Errorf("put after the drop: %+v", reports)
		}
		if diff := cmp.Diff([]string{"one"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if lines := h.logged(); len(lines) != 0 {
			t.Errorf("logged: %+v", lines)
		}
	})
}

func TestRemovedAndAddedAgain(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		old, again := h.source(), h.source()
		old.latency, old.ignoresCancel, again.cluster = 20*time.Second, true, "api"
		h.set(settings, old.target("one"))
		h.advance(10 * time.Second)
		h.set(settings)
		h.set(settings, again.target("one"))
		h.advance(20 * time.Second)
		if reports := h.reportsOf("one"); len(reports) != 1 || reports[0].cluster() != "api" {
			t.Errorf("the reports are %+v, want one of the new target", reports)
		}
	})
}

func TestNewIntervalTakesEffectAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name           string
		interval       time.Duration
		earliest, last time.Duration // of the second refresh
	}{
		{"shorter", 50 * time.Second, 45 * time.Second, 50 * time.Second},
		{"much shorter, and past already", 20 * time.Second, 30 * time.Second, 30 * time.Second},
		{"longer", 400 * time.Second, 360 * time.Second, 400 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				s := h.source()
				h.set(settings, s.target("one"))
				h.advance(30 * time.Second)
				h.set(refresh.Settings{Interval: tc.interval, Timeout: 10 * time.Second, MaxStaleness: settings.MaxStaleness}, s.target("one"))
				h.advanceTo(tc.last)
				calls := s.calls()
				if len(calls) != 2 {
					t.Fatalf("%d refreshes until %v, want 2", len(calls), tc.last)
				}
				if second := calls[1].Sub(h.start); second < tc.earliest {
					t.Errorf("the second refresh began at %v, want %v to %v", second, tc.earliest, tc.last)
				}
				if deadline := s.timeouts()[1]; deadline != 10*time.Second {
					t.Errorf("the second refresh had %v, want the new timeout", deadline)
				}
			})
		})
	}
}

func TestNewSettingsKeepTheFirstDelay(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		first, second := h.source(), h.source()
		h.set(settings, first.target("first"), second.target("second"))
		h.advance(10 * time.Millisecond)
		quicker := settings
		quicker.Interval = 50 * time.Second
		h.set(quicker, first.target("first"), second.target("second"))
		h.advance(time.Second)
		if calls := second.calls(); len(calls) != 1 || !calls[0].Equal(h.start.Add(50*time.Millisecond)) {
			t.Errorf("the second target was read at %v, want once after 50 ms", calls)
		}
	})
}

func TestNewIntervalDuringARefresh(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = 10 * time.Second
		h.set(settings, s.target("one"))
		h.advance(5 * time.Second)
		quicker := settings
		quicker.Interval = 40 * time.Second
		h.set(quicker, s.target("one"))
		h.advanceTo(40 * time.Second)
		if n := len(s.calls()); n != 2 {
			t.Errorf("%d refreshes began within the new interval of the first, want 2", n)
		}
	})
}

func TestSameNameInTwoRegions(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		here, there := h.source(), h.source()
		elsewhere := there.target("one")
		elsewhere.Region = "us-east-1"
		h.set(settings, here.target("one"), elsewhere)
		h.advance(time.Second)
		if len(here.calls()) != 1 || len(there.calls()) != 1 {
			t.Errorf("%d and %d refreshes, want 1 and 1", len(here.calls()), len(there.calls()))
		}
		h.set(settings, here.target("one"))
		here.update(func(s *source) { s.cluster = "api" })
		h.advance(settings.Interval)
		if len(here.calls()) != 2 || len(there.calls()) != 1 || h.lastReport("one").cluster() != "api" || len(h.droppedNames()) != 1 {
			t.Errorf("%d and %d refreshes, want 2 and 1: the one in %s was removed", len(here.calls()), len(there.calls()), elsewhere.Region)
		}
	})
}

// TestConcurrentSets is for the race detector.
func TestConcurrentSets(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s, one := h.source(), h.source()
		target := s.lister(found(one.target("one")))
		done := make(chan struct{})
		for i := range 4 {
			settings := settings
			settings.Interval += time.Duration(i) * time.Second
			go func() {
				for range 20 {
					h.set(settings, target)
					h.Ready()
					time.Sleep(time.Second)
				}
				done <- struct{}{}
			}()
		}
		for range 4 {
			<-done
		}
		h.advance(2 * settings.Interval)
		if !h.Ready() || len(h.droppedNames()) != 0 || h.lastReport("one").State != coverage.OK {
			t.Errorf("ready %v, dropped %v", h.Ready(), h.droppedNames())
		}
	})
}

// TestSetUsesItsContext ends the context of one Set: its targets end, and put
// nothing.
func TestSetUsesItsContext(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		ctx, cancel := context.WithCancel(t.Context())
		h.Set(ctx, settings, []refresh.Target{s.target("one")})
		h.advance(10 * time.Second)
		cancel()
		h.Wait()
		h.advance(2 * settings.MaxStaleness)
		if n := len(h.reportsOf("one")); n != 1 {
			t.Errorf("%d reports, want 1 from before the end", n)
		}
	})
}
