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
	run(t, func(t *testing.T, h *harness) {
		var targets []refresh.Target
		var sources []*source
		for i := range 10 {
			s := h.source()
			sources = append(sources, s)
			targets = append(targets, s.target(string(rune('a'+i))))
		}
		h.set(settings, targets...)
		h.advance(time.Second)
		for i, s := range sources {
			calls := s.calls()
			if want := h.start.Add(time.Duration(i) * 50 * time.Millisecond); len(calls) != 1 || !calls[0].Equal(want) {
				t.Errorf("target %d was read at %v, want once at %v", i, calls, want)
			}
		}
	})
}

func TestRefreshesNeverComeLate(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = 20 * time.Second // is part of the interval, not added to it
		h.set(settings, s.target("one"))
		h.advance(100 * settings.Interval)
		calls := s.calls()
		if len(calls) < 100 || len(calls) > 112 {
			t.Errorf("%d refreshes in 100 intervals", len(calls))
		}
		distances := map[time.Duration]bool{}
		for i := range calls[1:] {
			distance := calls[i+1].Sub(calls[i])
			if distance > settings.Interval || distance < settings.Interval*9/10 {
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
	run(t, func(t *testing.T, h *harness) {
		slow, quick := h.source(), h.source()
		slow.latency = time.Hour
		h.set(settings, slow.target("slow"), quick.target("quick"))
		h.advance(time.Second)
		if got := h.lastReport("quick"); got.State != coverage.OK {
			t.Errorf("the state is %s", got.State)
		}
	})
}

func TestDeadline(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = time.Hour
		h.set(settings, s.target("one"))
		h.advance(settings.Timeout - 1)
		if n := len(h.reportsOf("one")); n != 0 {
			t.Errorf("%d reports before the deadline", n)
		}
		h.advance(1)
		got := h.lastReport("one")
		if got.State != coverage.Timeout || got.Duration != settings.Timeout || got.Snapshot != nil || !got.LastSuccess.IsZero() {
			t.Errorf("after the deadline: %+v", got)
		}
		h.advance(3 * settings.Interval)
		for _, deadline := range s.timeouts() {
			if deadline != settings.Timeout {
				t.Errorf("a refresh had %v, want %v", deadline, settings.Timeout)
			}
		}
	})
}

// TestOneInFlight has a source that outstays its deadline and the interval; the
// source itself fails the test when it is called twice at a time.
func TestOneInFlight(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency, s.ignoresCancel = 3*settings.Interval, true
		h.set(settings, s.target("one"))
		h.advance(10 * settings.Interval)
		calls := s.calls()
		if len(calls) < 3 {
			t.Fatalf("%d calls in ten intervals", len(calls))
		}
		for i := range calls[1:] {
			if distance := calls[i+1].Sub(calls[i]); distance != s.latency {
				t.Errorf("a refresh began %v after the one before it, want %v: at once when that had ended", distance, s.latency)
			}
		}
	})
}

func TestFailureKeepsTheLastGoodSnapshot(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = 3 * time.Second
		h.set(settings, s.target("one"))
		h.advance(s.latency)
		good := h.lastReport("one")
		if good.cluster() != "web" || good.State != coverage.OK || good.Duration != s.latency || good.Target.AccountID != s.account {
			t.Fatalf("the first report is %+v", good)
		}
		if !good.LastSuccess.Equal(h.start.Add(s.latency)) {
			t.Errorf("the last success was at %v, want when the refresh had ended", good.LastSuccess)
		}

		s.update(func(s *source) { s.err, s.account, s.latency = errDenied, "", time.Second })
		h.advance(settings.Interval)
		bad := h.lastReport("one")
		if bad.State != coverage.Denied || bad.Snapshot != good.Snapshot || !bad.LastSuccess.Equal(good.LastSuccess) {
			t.Errorf("the report after a failure is %+v, want the snapshot of %+v", bad, good)
		}
		if bad.Duration != time.Second || bad.Target != good.Target {
			t.Errorf("the report after a failure is %+v, want its own duration and the known account", bad)
		}

		s.update(func(s *source) { s.err, s.cluster = nil, "api" })
		h.advance(settings.Interval)
		if again := h.lastReport("one"); again.State != coverage.OK || again.cluster() != "api" || !again.LastSuccess.After(good.LastSuccess) {
			t.Errorf("the report after recovery is %+v", again)
		}
	})
}

func TestAccountIsKnownFromAFailure(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.err = errDenied
		h.set(settings, s.target("one"))
		h.advance(0)
		if got := h.lastReport("one"); got.Target != (coverage.TargetID{Name: "one", AccountID: s.account, Region: region}) {
			t.Errorf("the target is %+v", got.Target)
		}
	})
}

func TestReady(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		if !h.Ready() {
			t.Error("without targets there is nothing to wait for")
		}
		good, bad := h.source(), h.source()
		good.latency, bad.latency, bad.err = time.Second, 2*time.Second, errDenied
		h.set(settings, good.target("good"), bad.target("bad"))
		h.advance(0)
		if h.Ready() {
			t.Error("ready before any attempt has ended")
		}
		h.advance(time.Second)
		if h.Ready() {
			t.Error("ready before every target has finished an attempt")
		}
		h.advance(2 * time.Second)
		if !h.Ready() {
			t.Error("not ready after one good and one bad attempt")
		}
	})
}

func TestEndOfContextEndsEverything(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		idle, busy, waiting := h.source(), h.source(), h.source()
		busy.latency = time.Hour
		h.set(settings, idle.target("idle"), busy.target("busy"), waiting.target("waiting"))
		h.advance(75 * time.Millisecond) // waiting's first refresh is due at 100 ms
		h.cancel()
		h.Wait()
		if took := time.Since(h.start); took != 75*time.Millisecond {
			t.Errorf("all ended after %v, want at once", took)
		}
		h.advance(10 * settings.MaxStaleness) // no timer is left to withdraw anything
		if reports := len(h.reportsOf("idle")); reports != 1 || len(h.reportsOf("busy")) != 0 || len(waiting.calls()) != 0 {
			t.Errorf("something has happened after the end: %+v", h.reportsOf("idle"))
		}
		if gone := h.droppedNames(); len(gone) != 0 {
			t.Errorf("dropped %v: the end of the process is not the end of what is known", gone)
		}
	})
}

func TestSetAfterTheEnd(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		h.cancel()
		s := h.source()
		h.set(settings, s.target("late"))
		h.advance(settings.Interval)
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
		r.Set(ctx, settings, []refresh.Target{{Name: "one", Region: region, Source: refresh.SourceFunc(func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			close(inFlight)
			<-ctx.Done()
			return "111122223333", snapshot("web"), nil
		})}})
		<-inFlight
		cancel()
		r.Wait()
	})
}
