package refresh_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// found makes a function that lists these targets.
func found(targets ...refresh.Target) func() []refresh.Target {
	return func() []refresh.Target { return targets }
}

func TestListedTargetsAppear(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one, two := b.source(), b.source(), b.source()
		lister.takes, two.takes = time.Second, 10*time.Second
		b.set(usual, lister.lister(found(one.target("one"), two.target("two"))))
		b.pass(0)
		if b.Ready() {
			t.Error("ready before the list is there")
		}
		b.pass(time.Second)
		if got := b.last("all"); got.State != coverage.OK || got.Snapshot != nil || got.LastSuccess.IsZero() || got.Target.AccountID != lister.account {
			t.Errorf("the lister's report is %+v", got.Report)
		}
		if b.last("one").shows() != "web" {
			t.Error("the first target that was found is not refreshed at once")
		}
		if b.Ready() {
			t.Error("ready before every target that was found has been tried")
		}
		b.pass(11 * time.Second)
		if !b.Ready() || b.last("two").shows() != "web" {
			t.Error("the second target that was found is not refreshed")
		}
		b.pass(5 * usual.Interval)
		if len(one.calls()) < 5 || len(b.gone()) != 0 {
			t.Errorf("%d refreshes of a target that is found again and again, and dropped %v", len(one.calls()), b.gone())
		}
	})
}

func TestListedTargetsComeAndGo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, stays, goes, comes := b.source(), b.source(), b.source(), b.source()
		b.set(usual, lister.lister(found(stays.target("stays"), goes.target("goes"))))
		b.pass(10 * time.Second)
		lister.now(func(s *source) { s.listing = found(comes.target("comes"), stays.target("stays")) })
		b.passUntil(usual.Interval + time.Second)
		if diff := cmp.Diff([]string{"goes"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if b.last("comes").shows() != "web" {
			t.Error("the target that came is not refreshed")
		}
		if n := len(stays.calls()); n != 2 {
			t.Errorf("%d refreshes of the target that stayed, want 2", n)
		}
		known := len(b.of("goes"))
		b.pass(2 * usual.MaxStaleness)
		if n := len(b.of("goes")); n != known {
			t.Errorf("%d reports of the target that went, want %d from before", n, known)
		}
	})
}

func TestListedTargetsSurviveAFailingList(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one := b.source(), b.source()
		b.set(usual, lister.lister(found(one.target("one"))))
		b.pass(10 * time.Second)
		lister.now(func(s *source) { s.err = errDenied })
		b.pass(3 * usual.MaxStaleness)
		if got := b.last("all"); got.State != coverage.Denied || got.LastSuccess.IsZero() {
			t.Errorf("the lister's report is %+v", got.Report)
		}
		if got := b.last("one"); got.shows() != "web" || time.Since(got.LastSuccess) > usual.Interval || len(b.gone()) != 0 {
			t.Errorf("the listed target's report is %+v, and dropped are %v", got.Report, b.gone())
		}
	})
}

func TestListThatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister := b.source()
		lister.takes = time.Hour
		b.set(usual, lister.lister(found()))
		b.pass(usual.Timeout)
		if got := b.last("all"); got.State != coverage.Timeout {
			t.Errorf("the state is %s", got.State)
		}
		if !b.Ready() {
			t.Error("not ready though the only target has had its attempt")
		}
	})
}

func TestListedTargetsOutliveTheAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one := b.source(), b.source()
		one.takes = usual.Timeout - time.Second // ends long after the list
		b.set(usual, lister.lister(found(one.target("one"))))
		b.pass(usual.Timeout)
		if got := b.last("one"); got.State != coverage.OK {
			t.Errorf("the state is %s", got.State)
		}
	})
}

func TestListedTargetsGoWithTheirLister(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one, two, other := b.source(), b.source(), b.source(), b.source()
		b.set(usual, lister.lister(found(one.target("one"), two.target("two"))), other.target("other"))
		b.pass(10 * time.Second)
		b.set(usual, other.target("other"))
		if diff := cmp.Diff([]string{"all", "one", "two"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		b.pass(2 * usual.MaxStaleness)
		if len(one.calls()) != 1 || len(two.calls()) != 1 || len(lister.calls()) != 1 {
			t.Errorf("%d, %d and %d refreshes, want 1 of each", len(one.calls()), len(two.calls()), len(lister.calls()))
		}
	})
}

func TestListerRemovedWhileItLists(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one := b.source(), b.source()
		lister.takes, lister.ignoring = 10*time.Second, true
		b.set(usual, lister.lister(found(one.target("one"))))
		b.pass(time.Second)
		b.set(usual)
		b.pass(usual.Interval)
		if reports := b.of("all"); len(one.calls()) != 0 || len(reports) != 0 {
			t.Errorf("%d refreshes and the reports %+v of a lister that is gone", len(one.calls()), reports)
		}
		if !b.Ready() {
			t.Error("waits for a target that a lister found after its end")
		}
	})
}

func TestNewSettingsReachListedTargetsWhileTheListFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one := b.source(), b.source()
		b.set(usual, lister.lister(found(one.target("one"))))
		b.pass(10 * time.Second)
		lister.now(func(s *source) { s.err = errDenied })
		quicker := refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 60 * time.Second}
		b.set(quicker, lister.lister(found(one.target("one"))))
		b.passUntil(quicker.Interval)
		if len(one.calls()) != 2 || one.timeouts()[1] != quicker.Timeout {
			t.Errorf("%d refreshes with the deadlines %v, want 2, the second by the new settings", len(one.calls()), one.timeouts())
		}
	})
}

func TestSetKeepsListedTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, before, after := b.source(), b.source(), b.source()
		b.set(usual, lister.lister(found(before.target("one"))))
		b.pass(10 * time.Second)
		b.set(usual, lister.lister(found(after.target("one"))))
		b.pass(10 * time.Second)
		if reports, gone := b.of("one"), b.gone(); len(reports) != 1 || len(gone) != 0 {
			t.Errorf("%d reports and dropped %v, want 1 and nothing", len(reports), gone)
		}
		b.passUntil(3 * usual.Interval)
		if len(before.calls()) > 2 || len(after.calls()) == 0 {
			t.Errorf("%d calls of the old function and %d of the new", len(before.calls()), len(after.calls()))
		}
	})
}

func TestChangedListerBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		lister, one := b.source(), b.source()
		b.set(usual, lister.lister(found(one.target("one"))))
		b.pass(10 * time.Second)
		changed := lister.lister(found(one.target("one")))
		changed.Key = "something else"
		b.set(usual, changed)
		if diff := cmp.Diff([]string{"all", "one"}, b.gone()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		b.pass(time.Second)
		if len(lister.calls()) != 2 || len(one.calls()) != 2 {
			t.Errorf("%d lists and %d refreshes, want 2 and 2", len(lister.calls()), len(one.calls()))
		}
	})
}

// TestNewSettingsReachListedTargets changes the settings between two lists and
// during one: the targets that were found before and those found then get the
// new ones at once.
func TestNewSettingsReachListedTargets(t *testing.T) {
	quicker := refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 60 * time.Second}
	for _, tc := range []struct {
		name  string
		after time.Duration // of the beginning of the second list, which takes 5 s
	}{
		{"between two lists", -20 * time.Second},
		{"during a list", time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				lister, one, two := b.source(), b.source(), b.source()
				lister.takes = 5 * time.Second
				b.set(usual, lister.lister(found(one.target("one"))))
				b.pass(60 * time.Second)
				target := lister.lister(found(one.target("one"), two.target("two")))
				if tc.after > 0 {
					for len(lister.calls()) < 2 {
						b.pass(time.Second / 2)
					}
					b.pass(tc.after)
				}
				changed := time.Since(b.start)
				b.set(quicker, target)
				b.pass(quicker.Interval + lister.takes)
				for name, s := range map[string]*source{"one": one, "two": two} {
					calls, deadlines := s.calls(), s.timeouts()
					if last := calls[len(calls)-1].Sub(b.start); last < changed {
						t.Errorf("%s was refreshed at %v at last, want within the new interval from %v", name, last, changed)
					}
					if last := deadlines[len(deadlines)-1]; last != quicker.Timeout {
						t.Errorf("the deadline of %s is %v away, want %v", name, last, quicker.Timeout)
					}
				}
				one.now(func(s *source) { s.err = errDenied })
				b.pass(quicker.MaxStaleness)
				if got := b.last("one"); got.Snapshot != nil {
					t.Errorf("the snapshot of %v is still shown", got.LastSuccess)
				}
			})
		})
	}
}
