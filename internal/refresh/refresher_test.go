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

func TestRefreshesAreNotLate(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = 20 * time.Second // part of the interval
		h.set(settings, s.target("one"))
		h.advance(100 * settings.Interval)
		calls := s.calls()
		if len(calls) < 100 || len(calls) > 112 {
			t.Errorf("%d refreshes in 100 intervals", len(calls))
		}
		times := map[time.Duration]bool{}
		for i := range calls[1:] {
			between := calls[i+1].Sub(calls[i])
			if between > settings.Interval || between < settings.Interval*9/10 {
				t.Errorf("a refresh started %v after the previous one", between)
			}
			times[between] = true
		}
		if len(times) < 50 {
			t.Errorf("%d different times between refreshes: there is no jitter", len(times))
		}
	})
}

func TestTargetsAreIndependent(t *testing.T) {
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

// TestOneInFlight has a source that exceeds its deadline and the interval. The
// source fails the test if calls overlap.
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
			if between := calls[i+1].Sub(calls[i]); between != s.latency {
				t.Errorf("a refresh started %v after the previous one, want %v", between, s.latency)
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
		if good.cluster() != "web" || good.State != coverage.OK || good.Duration != s.latency || good.AccountID != s.account {
			t.Fatalf("the first report is %+v", good)
		}
		if !good.LastSuccess.Equal(h.start.Add(s.latency)) {
			t.Errorf("the last success was at %v, want the end of the refresh", good.LastSuccess)
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

func TestAccountFromAFailure(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.err = errDenied
		h.set(settings, s.target("one"))
		h.advance(0)
		if got := h.lastReport("one"); got.Target != (coverage.TargetID{Name: "one", Region: region}) || got.AccountID != s.account {
			t.Errorf("the target is %+v of account %q", got.Target, got.AccountID)
		}
	})
}

func TestReady(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		if !h.Ready() {
			t.Error("not ready without targets")
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
			t.Error("not ready after one successful and one failed attempt")
		}
	})
}

func TestEndOfTheContext(t *testing.T) {
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
		h.advance(10 * settings.MaxStaleness) // no timer may be left
		if reports := len(h.reportsOf("idle")); reports != 1 || len(h.reportsOf("busy")) != 0 || len(waiting.calls()) != 0 {
			t.Errorf("put after the end: %+v", h.reportsOf("idle"))
		}
		if gone := h.droppedNames(); len(gone) != 0 {
			t.Errorf("dropped %v at the end", gone)
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

// TestRefreshInFlightAtTheEnd has a source that returns a snapshot after its
// context has ended: that is not put.
func TestRefreshInFlightAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inFlight := make(chan struct{})
		r := refresh.New(refresh.Options{
			Put:     func(report coverage.Report) { t.Errorf("put %+v", report) },
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
