package refresh_test

import (
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// checkExpiry advances the time until the snapshot of the target, which was made
// this long after the start, is too old. It must expire then and not before.
func checkExpiry(t *testing.T, h *harness, made, maxStaleness time.Duration) {
	t.Helper()
	h.advanceTo(made + maxStaleness - 1)
	before := h.lastReport("one")
	if before.cluster() != "web" {
		t.Fatalf("just before the expiry the snapshot is %v", before.Snapshot)
	}
	h.advance(1)
	after := h.lastReport("one")
	if after.Snapshot != nil || after.after != made+maxStaleness {
		t.Errorf("at the expiry the report is %+v of %v", after.Report, after.after)
	}
	if !after.LastSuccess.Equal(before.LastSuccess) || after.State != before.State || after.Target != before.Target {
		t.Errorf("more than the snapshot has changed: %+v, before %+v", after.Report, before.Report)
	}
	expired := 0
	for _, l := range h.logged() {
		if _, ok := l.attrs["last_success"]; ok {
			expired++
		}
	}
	if expired != 1 {
		t.Errorf("%d log lines about the expiry, want 1", expired)
	}
}

func TestExpiryBetweenRefreshes(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(0)
		s.update(func(s *source) { s.err = errDenied })
		checkExpiry(t, h, 0, settings.MaxStaleness)

		h.advance(settings.Interval) // another failure
		if got := h.lastReport("one"); got.Snapshot != nil || got.State != coverage.Denied {
			t.Errorf("after another failure: %+v", got.Report)
		}
		s.update(func(s *source) { s.err = nil })
		h.advance(settings.Interval)
		if got := h.lastReport("one"); got.cluster() != "web" || got.State != coverage.OK {
			t.Errorf("after recovery: %+v", got.Report)
		}
	})
}

func TestExpiryDuringARefresh(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = time.Second
		h.set(settings, s.target("one"))
		h.advance(time.Second)
		s.update(func(s *source) { s.latency, s.ignoresCancel = 20*settings.MaxStaleness, true })
		checkExpiry(t, h, time.Second, settings.MaxStaleness)
	})
}

func TestEachSuccessRestartsTheTime(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(20 * settings.MaxStaleness)
		for _, p := range h.reportsOf("one") {
			if p.Snapshot == nil {
				t.Fatalf("expired after %v although every refresh succeeded", p.after)
			}
		}
		s.update(func(s *source) { s.err = errDenied })
		calls := s.calls()
		checkExpiry(t, h, calls[len(calls)-1].Sub(h.start), settings.MaxStaleness)
	})
}

func TestNewMaxStalenessTakesEffectAtOnce(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(0)
		s.update(func(s *source) { s.err = errDenied })
		h.advance(10 * time.Second)

		longer := settings
		longer.MaxStaleness = 2 * settings.MaxStaleness
		h.set(longer, s.target("one"))
		h.advanceTo(settings.MaxStaleness)
		if h.lastReport("one").cluster() != "web" {
			t.Error("expired after the old time")
		}
		checkExpiry(t, h, 0, longer.MaxStaleness)
	})
}

func TestShorterMaxStalenessTakesEffectAtOnce(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(0)
		s.update(func(s *source) { s.err = errDenied })
		h.advance(settings.MaxStaleness - time.Second)
		shorter := settings
		shorter.MaxStaleness /= 2
		h.set(shorter, s.target("one"))
		h.advance(0)
		if got := h.lastReport("one"); got.Snapshot != nil {
			t.Errorf("the snapshot of %v ago has not expired: %+v", settings.MaxStaleness-time.Second, got.Report)
		}
	})
}

// A timer is late after a suspension: the deadline in the report counts.
func TestExpireSnapshots(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(0)
		if got, want := h.lastReport("one").Expires, h.start.Add(settings.MaxStaleness); !got.Equal(want) {
			t.Errorf("expires at %v, want %v", got, want)
		}
		h.ExpireSnapshots()
		if got := h.lastReport("one"); got.cluster() != "web" {
			t.Errorf("a fresh snapshot has expired: %+v", got.Report)
		}
		s.update(func(s *source) { s.err = errDenied })
		h.advanceTo(settings.MaxStaleness)
		if got := h.lastReport("one"); !got.Expires.IsZero() {
			t.Errorf("without a snapshot the report expires at %v", got.Expires)
		}
		reports := len(h.reportsOf("one"))
		h.ExpireSnapshots()
		if got := len(h.reportsOf("one")); got != reports {
			t.Error("a snapshot has expired twice")
		}
	})
}

func TestNewMaxStalenessIsInTheReport(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		h.set(settings, s.target("one"))
		h.advance(time.Second)
		longer := settings
		longer.MaxStaleness *= 2
		h.set(longer, s.target("one"))
		if got, want := h.lastReport("one").Expires, h.start.Add(longer.MaxStaleness); !got.Equal(want) {
			t.Errorf("expires at %v, want %v", got, want)
		}
	})
}
