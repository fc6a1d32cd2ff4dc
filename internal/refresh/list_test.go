package refresh_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// found returns a function that returns these targets.
func found(targets ...refresh.Target) func() []refresh.Target {
	return func() []refresh.Target { return targets }
}

func TestListedTargetsAppear(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one, two := h.source(), h.source(), h.source()
		lister.latency, two.latency = time.Second, 10*time.Second
		h.set(settings, lister.lister(found(one.target("one"), two.target("two"))))
		h.advance(0)
		if h.Ready() {
			t.Error("ready before the list")
		}
		h.advance(time.Second)
		if got := h.lastReport("all"); got.State != coverage.OK || got.Snapshot != nil || got.LastSuccess.IsZero() || got.AccountID != lister.account {
			t.Errorf("the parent's report is %+v", got.Report)
		}
		if h.lastReport("one").cluster() != "web" {
			t.Error("the first listed target is not refreshed at once")
		}
		if h.Ready() {
			t.Error("ready before the attempt of every listed target")
		}
		h.advance(11 * time.Second)
		if !h.Ready() || h.lastReport("two").cluster() != "web" {
			t.Error("the second listed target is not refreshed")
		}
		h.advance(5 * settings.Interval)
		if len(one.calls()) < 5 || len(h.droppedNames()) != 0 {
			t.Errorf("%d refreshes of a target in every list, and dropped %v", len(one.calls()), h.droppedNames())
		}
	})
}

func TestListedTargetsAreAddedAndRemoved(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, stays, goes, comes := h.source(), h.source(), h.source(), h.source()
		h.set(settings, lister.lister(found(stays.target("stays"), goes.target("goes"))))
		h.advance(10 * time.Second)
		lister.update(func(s *source) { s.listing = found(comes.target("comes"), stays.target("stays")) })
		h.advanceTo(settings.Interval + time.Second)
		if diff := cmp.Diff([]string{"goes"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		if h.lastReport("comes").cluster() != "web" {
			t.Error("the added target is not refreshed")
		}
		if n := len(stays.calls()); n != 2 {
			t.Errorf("%d refreshes of the target that is still listed, want 2", n)
		}
		known := len(h.reportsOf("goes"))
		h.advance(2 * settings.MaxStaleness)
		if n := len(h.reportsOf("goes")); n != known {
			t.Errorf("%d reports of the removed target, want %d from before", n, known)
		}
	})
}

func TestListedTargetsDespiteAFailingList(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one := h.source(), h.source()
		h.set(settings, lister.lister(found(one.target("one"))))
		h.advance(10 * time.Second)
		lister.update(func(s *source) { s.err = errDenied })
		h.advance(3 * settings.MaxStaleness)
		if got := h.lastReport("all"); got.State != coverage.Denied || got.LastSuccess.IsZero() {
			t.Errorf("the parent's report is %+v", got.Report)
		}
		if got := h.lastReport("one"); got.cluster() != "web" || time.Since(got.LastSuccess) > settings.Interval || len(h.droppedNames()) != 0 {
			t.Errorf("the listed target's report is %+v, and dropped are %v", got.Report, h.droppedNames())
		}
	})
}

func TestListDeadline(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister := h.source()
		lister.latency = time.Hour
		h.set(settings, lister.lister(found()))
		h.advance(settings.Timeout)
		if got := h.lastReport("all"); got.State != coverage.Timeout {
			t.Errorf("the state is %s", got.State)
		}
		if !h.Ready() {
			t.Error("not ready after the attempt of the only target")
		}
	})
}

func TestListedTargetsOutliveTheAttempt(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one := h.source(), h.source()
		one.latency = settings.Timeout - time.Second // ends long after the list
		h.set(settings, lister.lister(found(one.target("one"))))
		h.advance(settings.Timeout)
		if got := h.lastReport("one"); got.State != coverage.OK {
			t.Errorf("the state is %s", got.State)
		}
	})
}

func TestListedTargetsAreRemovedWithTheirParent(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one, two, other := h.source(), h.source(), h.source(), h.source()
		h.set(settings, lister.lister(found(one.target("one"), two.target("two"))), other.target("other"))
		h.advance(10 * time.Second)
		h.set(settings, other.target("other"))
		if diff := cmp.Diff([]string{"all", "one", "two"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		h.advance(2 * settings.MaxStaleness)
		if len(one.calls()) != 1 || len(two.calls()) != 1 || len(lister.calls()) != 1 {
			t.Errorf("%d, %d and %d refreshes, want 1 of each", len(one.calls()), len(two.calls()), len(lister.calls()))
		}
	})
}

func TestParentRemovedDuringAList(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one := h.source(), h.source()
		lister.latency, lister.ignoresCancel = 10*time.Second, true
		h.set(settings, lister.lister(found(one.target("one"))))
		h.advance(time.Second)
		h.set(settings)
		h.advance(settings.Interval)
		if reports := h.reportsOf("all"); len(one.calls()) != 0 || len(reports) != 0 {
			t.Errorf("%d refreshes and the reports %+v of a removed parent", len(one.calls()), reports)
		}
		if !h.Ready() {
			t.Error("waits for a target that a removed parent has found")
		}
	})
}

func TestNewSettingsReachListedTargetsWhileTheListFails(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one := h.source(), h.source()
		h.set(settings, lister.lister(found(one.target("one"))))
		h.advance(10 * time.Second)
		lister.update(func(s *source) { s.err = errDenied })
		quicker := refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 60 * time.Second}
		h.set(quicker, lister.lister(found(one.target("one"))))
		h.advanceTo(quicker.Interval)
		if len(one.calls()) != 2 || one.timeouts()[1] != quicker.Timeout {
			t.Errorf("%d refreshes with the deadlines %v, want 2, the second by the new settings", len(one.calls()), one.timeouts())
		}
	})
}

func TestSetKeepsListedTargets(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, before, after := h.source(), h.source(), h.source()
		h.set(settings, lister.lister(found(before.target("one"))))
		h.advance(10 * time.Second)
		h.set(settings, lister.lister(found(after.target("one"))))
		h.advance(10 * time.Second)
		if reports, gone := h.reportsOf("one"), h.droppedNames(); len(reports) != 1 || len(gone) != 0 {
			t.Errorf("%d reports and dropped %v, want 1 and none", len(reports), gone)
		}
		h.advanceTo(3 * settings.Interval)
		if len(before.calls()) > 2 || len(after.calls()) == 0 {
			t.Errorf("%d calls of the old source and %d of the new", len(before.calls()), len(after.calls()))
		}
	})
}

func TestChangedParentStartsFromScratch(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, one := h.source(), h.source()
		h.set(settings, lister.lister(found(one.target("one"))))
		h.advance(10 * time.Second)
		changed := lister.lister(found(one.target("one")))
		changed.Key = "something else"
		h.set(settings, changed)
		if diff := cmp.Diff([]string{"all", "one"}, h.droppedNames()); diff != "" {
			t.Errorf("dropped, -want +got:\n%s", diff)
		}
		h.advance(time.Second)
		if len(lister.calls()) != 2 || len(one.calls()) != 2 {
			t.Errorf("%d lists and %d refreshes, want 2 and 2", len(lister.calls()), len(one.calls()))
		}
	})
}

// TestNewSettingsReachListedTargets changes the settings between two lists and
// during one: all listed targets get the new ones at once.
func TestNewSettingsReachListedTargets(t *testing.T) {
	quicker := refresh.Settings{Interval: 20 * time.Second, Timeout: 10 * time.Second, MaxStaleness: 60 * time.Second}
	for _, tc := range []struct {
		name  string
		after time.Duration // the start of the second list, which takes 5 s
	}{
		{"between two lists", -20 * time.Second},
		{"during a list", time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				lister, one, two := h.source(), h.source(), h.source()
				lister.latency = 5 * time.Second
				h.set(settings, lister.lister(found(one.target("one"))))
				h.advance(60 * time.Second)
				target := lister.lister(found(one.target("one"), two.target("two")))
				if tc.after > 0 {
					for len(lister.calls()) < 2 {
						h.advance(time.Second / 2)
					}
					h.advance(tc.after)
				}
				changed := time.Since(h.start)
				h.set(quicker, target)
				h.advance(quicker.Interval + lister.latency)
				for name, s := range map[string]*source{"one": one, "two": two} {
					calls, deadlines := s.calls(), s.timeouts()
					if last := calls[len(calls)-1].Sub(h.start); last < changed {
						t.Errorf("the last refresh of %s was at %v, want within the new interval from %v", name, last, changed)
					}
					if last := deadlines[len(deadlines)-1]; last != quicker.Timeout {
						t.Errorf("the deadline of %s is %v away, want %v", name, last, quicker.Timeout)
					}
				}
				one.update(func(s *source) { s.err = errDenied })
				h.advance(quicker.MaxStaleness)
				if got := h.lastReport("one"); got.Snapshot != nil {
					t.Errorf("the snapshot of %v has not expired", got.LastSuccess)
				}
			})
		})
	}
}

// TestIntervalAndTimeoutOfATarget has a target with its own interval and timeout, and one whose listed targets have them.
func TestIntervalAndTimeoutOfATarget(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		own, other, lister, listed := h.source(), h.source(), h.source(), h.source()
		set := func(interval, timeout time.Duration) {
			quick, all := own.target("own"), lister.lister(found(listed.target("listed")))
			quick.Interval, quick.Timeout = interval, timeout
			all.Interval, all.Timeout = interval, timeout
			h.set(settings, quick, other.target("other"), all)
		}
		check := func(what string, s *source, calls int, timeout time.Duration) {
			t.Helper()
			if got := s.timeouts(); len(got) != calls || got[calls-1] != timeout {
				t.Errorf("%s: refreshes with the deadlines %v, want %d, the last with %v", what, got, calls, timeout)
			}
		}
		set(20*time.Second, 5*time.Second)
		h.advanceTo(90 * time.Second)
		check("own", own, 5, 5*time.Second)
		check("listed", listed, 5, 5*time.Second)
		check("other", other, 1, settings.Timeout)

		lister.update(func(s *source) { s.err = errDenied }) // the listed target gets what is new without a listing
		set(0, 0)
		h.advanceTo(160 * time.Second) // refreshes start up to a tenth of the interval early
		check("own by the settings", own, 5, 5*time.Second)
		check("listed by the settings", listed, 5, 5*time.Second)
		h.advanceTo(185 * time.Second)
		check("own by the settings", own, 6, settings.Timeout)
		check("listed by the settings", listed, 6, settings.Timeout)
	})
}
