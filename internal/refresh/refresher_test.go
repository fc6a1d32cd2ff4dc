package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

func TestFirstRefreshesAreSpread(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var targets []refresh.Target
		var sources []*source
		for i := range 10 {
			s := b.source()
			sources = append(sources, s)
			targets = append(targets, s.target(string(rune('a'+i))))
		}
		b.set(usual, targets...)
		b.pass(time.Second)
		for i, s := range sources {
			calls := s.calls()
			if want := b.start.Add(time.Duration(i) * 50 * time.Millisecond); len(calls) != 1 || !calls[0].Equal(want) {
				t.Errorf("target %d was read at %v, want once at %v", i, calls, want)
			}
		}
	})
}

func TestRefreshesNeverComeLate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = 20 * time.Second // is part of the interval, not added to it
		b.set(usual, s.target("one"))
		b.pass(100 * usual.Interval)
		calls := s.calls()
		if len(calls) < 100 || len(calls) > 112 {
			t.Errorf("%d refreshes in 100 intervals", len(calls))
		}
		distances := map[time.Duration]bool{}
		for i := range calls[1:] {
			distance := calls[i+1].Sub(calls[i])
			if distance > usual.Interval || distance < usual.Interval*9/10 {
				t.Errorf("a refresh came %v after the one before it", distance)
			}
			distances[distance] = true
		}
		if len(distances) < 50 {
			t.Errorf("there are %d different distances: the refreshes are not jittered", len(distances))
		}
	})
}

func TestOneTargetDoesNotWaitForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		slow, quick := b.source(), b.source()
		slow.takes = time.Hour
		b.set(usual, slow.target("slow"), quick.target("quick"))
		b.pass(time.Second)
		if got := b.last("quick"); got.State != coverage.OK {
			t.Errorf("the state is %s", got.State)
		}
	})
}

func TestDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = time.Hour
		b.set(usual, s.target("one"))
		b.pass(usual.Timeout - 1)
		if n := len(b.of("one")); n != 0 {
			t.Errorf("%d reports before the deadline", n)
		}
		b.pass(1)
		got := b.last("one")
		if got.State != coverage.Timeout || got.Duration != usual.Timeout || got.Snapshot != nil || !got.LastSuccess.IsZero() {
			t.Errorf("after the deadline: %+v", got)
		}
		b.pass(3 * usual.Interval)
		for _, deadline := range s.timeouts() {
			if deadline != usual.Timeout {
				t.Errorf("a refresh had %v, want %v", deadline, usual.Timeout)
			}
		}
	})
}

// TestOneInFlight has a source that outstays its deadline and the interval; the
// source itself fails the test when it is called twice at a time.
func TestOneInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes, s.ignoring = 3*usual.Interval, true
		b.set(usual, s.target("one"))
		b.pass(10 * usual.Interval)
		calls := s.calls()
		if len(calls) < 3 {
			t.Fatalf("%d calls in ten intervals", len(calls))
		}
		for i := range calls[1:] {
			if distance := calls[i+1].Sub(calls[i]); distance != s.takes {
				t.Errorf("a refresh began %v after the one before it, want %v: at once when that had ended", distance, s.takes)
			}
		}
	})
}

func TestFailureKeepsTheLastGoodSnapshot(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = 3 * time.Second
		b.set(usual, s.target("one"))
		b.pass(s.takes)
		good := b.last("one")
		if good.shows() != "web" || good.State != coverage.OK || good.Duration != s.takes || good.Target.AccountID != s.account {
			t.Fatalf("the first report is %+v", good)
		}
		if !good.LastSuccess.Equal(b.start.Add(s.takes)) {
			t.Errorf("the last success was at %v, want when the refresh had ended", good.LastSuccess)
		}

		s.now(func(s *source) { s.err, s.account, s.takes = errDenied, "", time.Second })
		b.pass(usual.Interval)
		bad := b.last("one")
		if bad.State != coverage.Denied || bad.Snapshot != good.Snapshot || !bad.LastSuccess.Equal(good.LastSuccess) {
			t.Errorf("the report after a failure is %+v, want the snapshot of %+v", bad, good)
		}
		if bad.Duration != time.Second || bad.Target != good.Target {
			t.Errorf("the report after a failure is %+v, want its own duration and the known account", bad)
		}

		s.now(func(s *source) { s.err, s.cluster = nil, "api" })
		b.pass(usual.Interval)
		if again := b.last("one"); again.State != coverage.OK || again.shows() != "api" || !again.LastSuccess.After(good.LastSuccess) {
			t.Errorf("the report after recovery is %+v", again)
		}
	})
}

func TestAccountIsKnownFromAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.err = errDenied
		b.set(usual, s.target("one"))
		b.pass(0)
		if got := b.last("one"); got.Target != (coverage.TargetID{Name: "one", AccountID: s.account, Region: region}) {
			t.Errorf("the target is %+v", got.Target)
		}
	})
}

func TestReady(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if !b.Ready() {
			t.Error("without targets there is nothing to wait for")
		}
		good, bad := b.source(), b.source()
		good.takes, bad.takes, bad.err = time.Second, 2*time.Second, errDenied
		b.set(usual, good.target("good"), bad.target("bad"))
		b.pass(0)
		if b.Ready() {
			t.Error("ready before any attempt has ended")
		}
		b.pass(time.Second)
		if b.Ready() {
			t.Error("ready before every target has finished an attempt")
		}
		b.pass(2 * time.Second)
		if !b.Ready() {
			t.Error("not ready after one good and one bad attempt")
		}
	})
}

func TestEndOfContextEndsEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		idle, busy, waiting := b.source(), b.source(), b.source()
		busy.takes = time.Hour
		b.set(usual, idle.target("idle"), busy.target("busy"), waiting.target("waiting"))
		b.pass(75 * time.Millisecond) // waiting's first refresh is due at 100 ms
		b.cancel()
		b.Wait()
		if took := time.Since(b.start); took != 75*time.Millisecond {
			t.Errorf("all ended after %v, want at once", took)
		}
		b.pass(10 * usual.MaxStaleness) // no timer is left to withdraw anything
		if reports := len(b.of("idle")); reports != 1 || len(b.of("busy")) != 0 || len(waiting.calls()) != 0 {
			t.Errorf("something has happened after the end: %+v", b.of("idle"))
		}
		if gone := b.gone(); len(gone) != 0 {
			t.Errorf("dropped %v: the end of the process is not the end of what is known", gone)
		}
	})
}

func TestSetAfterTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.cancel()
		s := b.source()
		b.set(usual, s.target("late"))
		b.pass(usual.Interval)
		if n := len(s.calls()); n != 0 {
			t.Errorf("%d refreshes after the end", n)
		}
	})
}

// TestRefreshInFlightAtTheEnd has a source that does answer when it is told to
// stop: that is no failure of the target, and is not published.
func TestRefreshInFlightAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inFlight := make(chan struct{})
		r := refresh.New(refresh.Options{
			Put:     func(report coverage.Report) { t.Errorf("published %+v", report) },
			Drop:    func(coverage.TargetID) {},
			Metrics: refresh.NewMetrics(nil),
			Logger:  silent(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		r.Set(ctx, usual, []refresh.Target{{Name: "one", Region: region, Read: func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			close(inFlight)
			<-ctx.Done()
			return "111122223333", snapshot("web"), nil
		}}})
		<-inFlight
		cancel()
		r.Wait()
	})
}
