package refresh_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

func TestSetKeepsUnchangedTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		before, after := b.source(), b.source()
		b.set(usual, before.target("one"))
		b.pass(10 * time.Second)
		after.cluster = "api"
		b.set(usual, after.target("one"))
		b.pass(10 * time.Second)
		if reports, gone := b.of("one"), b.gone(); len(reports) != 1 || reports[0].shows() != "web" || len(gone) != 0 {
			t.Errorf("reports %+v and dropped %v, want what was known and nothing dropped", reports, gone)
		}
		if n := len(after.calls()); n != 0 {
			t.Errorf("%d refreshes out of schedule", n)
		}
		if !b.Ready() {
			t.Error("a target that has been tried is not ready")
		}

		b.passUntil(usual.Interval)
		if len(before.calls()) != 1 || len(after.calls()) != 1 || b.last("one").shows() != "api" {
			t.Errorf("%d calls of the old function and %d of the new, want 1 and 1 at its turn",
				len(before.calls()), len(after.calls()))
		}
	})
}

func TestSetBeginsChangedTargetsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		before, after := b.source(), b.source()
		after.takes, after.err = time.Second, errDenied
		b.set(usual, before.target("one"))
		b.pass(10 * time.Second)
		changed := after.target("one")
		changed.Key = "something else"
		b.set(usual, changed)
		if diff := cmp.Diff([]string{"one"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if b.Ready() {
			t.Error("ready before the changed target has been tried")
		}
		b.pass(time.Second)
		if got := b.last("one"); got.State != coverage.Denied || got.Snapshot != nil || !got.LastSuccess.IsZero() {
			t.Errorf("something of the old target is left: %+v", got.Report)
		}
		b.pass(2 * usual.MaxStaleness)
		if n := len(before.calls()); n != 1 {
			t.Errorf("%d calls of the old function, want 1", n)
		}
	})
}

func TestSetDropsRemovedTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		kept, removed := b.source(), b.source()
		b.set(usual, kept.target("kept"), removed.target("removed"))
		b.pass(10 * time.Second)
		b.set(usual, kept.target("kept"))
		b.pass(2 * usual.MaxStaleness)
		if diff := cmp.Diff([]string{"removed"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if n := len(b.of("removed")); n != 1 {
			t.Errorf("%d reports of the removed target, want 1 from before", n)
		}
		if n := len(kept.calls()); n < 10 {
			t.Errorf("%d refreshes of the target that stayed", n)
		}
	})
}

func TestNothingIsPublishedAfterDrop(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes, s.ignoring = 20*time.Second, true // does not hear that it is told to stop
		b.set(usual, s.target("one"))
		b.pass(10 * time.Second)
		b.set(usual)
		b.pass(usual.Interval)
		if reports := b.of("one"); len(reports) != 0 {
			t.Errorf("published after the drop: %+v", reports)
		}
		if diff := cmp.Diff([]string{"one"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if lines := b.said(); len(lines) != 0 {
			t.Errorf("logged: %+v", lines)
		}
	})
}

func TestRemovedAndBackAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		old, again := b.source(), b.source()
		old.takes, old.ignoring, again.cluster = 20*time.Second, true, "api"
		b.set(usual, old.target("one"))
		b.pass(10 * time.Second)
		b.set(usual)
		b.set(usual, again.target("one"))
		b.pass(20 * time.Second)
		if reports := b.of("one"); len(reports) != 1 || reports[0].shows() != "api" {
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
			inBubble(t, func(t *testing.T, b *bench) {
				s := b.source()
				b.set(usual, s.target("one"))
				b.pass(30 * time.Second)
				b.set(refresh.Settings{Interval: tc.interval, Timeout: 10 * time.Second, MaxStaleness: usual.MaxStaleness}, s.target("one"))
				b.passUntil(tc.last)
				calls := s.calls()
				if len(calls) != 2 {
					t.Fatalf("%d refreshes until %v, want 2", len(calls), tc.last)
				}
				if second := calls[1].Sub(b.start); second < tc.earliest {
					t.Errorf("the second refresh began at %v, want %v to %v", second, tc.earliest, tc.last)
				}
				if deadline := s.timeouts()[1]; deadline != 10*time.Second {
					t.Errorf("the second refresh had %v, want the new timeout", deadline)
				}
			})
		})
	}
}

func TestNewSettingsDoNotHurryTheFirstRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		first, second := b.source(), b.source()
		b.set(usual, first.target("first"), second.target("second"))
		b.pass(10 * time.Millisecond)
		quicker := usual
		quicker.Interval = 50 * time.Second
		b.set(quicker, first.target("first"), second.target("second"))
		b.pass(time.Second)
		if calls := second.calls(); len(calls) != 1 || !calls[0].Equal(b.start.Add(50*time.Millisecond)) {
			t.Errorf("the second target was read at %v, want once after 50 ms", calls)
		}
	})
}

func TestNewIntervalDuringARefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = 10 * time.Second
		b.set(usual, s.target("one"))
		b.pass(5 * time.Second)
		quicker := usual
		quicker.Interval = 40 * time.Second
		b.set(quicker, s.target("one"))
		b.passUntil(40 * time.Second)
		if n := len(s.calls()); n != 2 {
			t.Errorf("%d refreshes began within the new interval of the first, want 2", n)
		}
	})
}

func TestSameNameInTwoRegions(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		here, there := b.source(), b.source()
		elsewhere := there.target("one")
		elsewhere.Region = "us-east-1"
		b.set(usual, here.target("one"), elsewhere)
		b.pass(time.Second)
		if len(here.calls()) != 1 || len(there.calls()) != 1 {
			t.Errorf("%d and %d refreshes, want 1 and 1", len(here.calls()), len(there.calls()))
		}
		b.set(usual, here.target("one"))
		here.now(func(s *source) { s.cluster = "api" })
		b.pass(usual.Interval)
		if len(here.calls()) != 2 || len(there.calls()) != 1 || b.last("one").shows() != "api" || len(b.gone()) != 1 {
			t.Errorf("%d and %d refreshes, want 2 and 1: the one in %s has gone", len(here.calls()), len(there.calls()), elsewhere.Region)
		}
	})
}

// TestConcurrentSets is of use with the race detector above all.
func TestConcurrentSets(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s, one := b.source(), b.source()
		target := s.lister(found(one.target("one")))
		done := make(chan struct{})
		for i := range 4 {
			settings := usual
			settings.Interval += time.Duration(i) * time.Second
			go func() {
				for range 20 {
					b.set(settings, target)
					b.Ready()
					time.Sleep(time.Second)
				}
				done <- struct{}{}
			}()
		}
		for range 4 {
			<-done
		}
		b.pass(2 * usual.Interval)
		if !b.Ready() || len(b.gone()) != 0 || b.last("one").State != coverage.OK {
			t.Errorf("ready %v, dropped %v", b.Ready(), b.gone())
		}
	})
}

// TestSetUsesItsContext ends the context of one Set: its targets end, and
// nothing of them is published any more.
func TestSetUsesItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		ctx, cancel := context.WithCancel(t.Context())
		b.Set(ctx, usual, []refresh.Target{s.target("one")})
		b.pass(10 * time.Second)
		cancel()
		b.Wait()
		b.pass(2 * usual.MaxStaleness)
		if n := len(b.of("one")); n != 1 {
			t.Errorf("%d reports, want 1 from before the end", n)
		}
	})
}
