package refresh_test

import (
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// checkWithdrawn lets time go by to the moment at which the snapshot of the
// target, made so long after the start, becomes too old, and sees it withdrawn
// then and not before.
func checkWithdrawn(t *testing.T, b *bench, made, maxStaleness time.Duration) {
	t.Helper()
	b.passUntil(made + maxStaleness - 1)
	before := b.last("one")
	if before.shows() != "web" {
		t.Fatalf("just before it is too old, the snapshot is %v", before.Snapshot)
	}
	b.pass(1)
	after := b.last("one")
	if after.Snapshot != nil || after.after != made+maxStaleness {
		t.Errorf("when it is too old, the report is %+v of %v", after.Report, after.after)
	}
	if !after.LastSuccess.Equal(before.LastSuccess) || after.State != before.State || after.Target != before.Target {
		t.Errorf("with the snapshot went more: %+v, before %+v", after.Report, before.Report)
	}
	withdrawals := 0
	for _, l := range b.said() {
		if _, ok := l.attrs["last_success"]; ok {
			withdrawals++
		}
	}
	if withdrawals != 1 {
		t.Errorf("%d lines tell of a withdrawal, want 1", withdrawals)
	}
}

func TestStaleBetweenRefreshes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		b.set(usual, s.target("one"))
		b.pass(0)
		s.now(func(s *source) { s.err = errDenied })
		checkWithdrawn(t, b, 0, usual.MaxStaleness)

		b.pass(usual.Interval) // more failures do not bring it back
		if got := b.last("one"); got.Snapshot != nil || got.State != coverage.Denied {
			t.Errorf("after another failure: %+v", got.Report)
		}
		s.now(func(s *source) { s.err = nil })
		b.pass(usual.Interval)
		if got := b.last("one"); got.shows() != "web" || got.State != coverage.OK {
			t.Errorf("after recovery: %+v", got.Report)
		}
	})
}

func TestStaleWhileARefreshHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = time.Second
		b.set(usual, s.target("one"))
		b.pass(time.Second)
		s.now(func(s *source) { s.takes, s.ignoring = 20*usual.MaxStaleness, true })
		checkWithdrawn(t, b, time.Second, usual.MaxStaleness)
	})
}

func TestEachSuccessBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		b.set(usual, s.target("one"))
		b.pass(20 * usual.MaxStaleness)
		for _, p := range b.of("one") {
			if p.Snapshot == nil {
				t.Fatalf("withdrawn after %v though every refresh succeeded", p.after)
			}
		}
		s.now(func(s *source) { s.err = errDenied })
		calls := s.calls()
		checkWithdrawn(t, b, calls[len(calls)-1].Sub(b.start), usual.MaxStaleness)
	})
}

func TestNewMaxStalenessTakesEffectAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		b.set(usual, s.target("one"))
		b.pass(0)
		s.now(func(s *source) { s.err = errDenied })
		b.pass(10 * time.Second)

		longer := usual
		longer.MaxStaleness = 2 * usual.MaxStaleness
		b.set(longer, s.target("one"))
		b.passUntil(usual.MaxStaleness)
		if b.last("one").shows() != "web" {
			t.Error("withdrawn at the end of the old staleness")
		}
		checkWithdrawn(t, b, 0, longer.MaxStaleness)
	})
}

func TestShorterMaxStalenessWithdrawsWhatIsTooOldNow(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		b.set(usual, s.target("one"))
		b.pass(0)
		s.now(func(s *source) { s.err = errDenied })
		b.pass(usual.MaxStaleness - time.Second)
		shorter := usual
		shorter.MaxStaleness /= 2
		b.set(shorter, s.target("one"))
		b.pass(0)
		if got := b.last("one"); got.Snapshot != nil {
			t.Errorf("the snapshot of %v ago is still shown: %+v", usual.MaxStaleness-time.Second, got.Report)
		}
	})
}
