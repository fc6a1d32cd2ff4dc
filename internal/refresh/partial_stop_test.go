package refresh_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestTargetRemovedDuringAPartialRead removes the target before its resources are
// returned: the event is not applied.
func TestTargetRemovedDuringAPartialRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.readKeys = func(context.Context, []coverage.Key) ([]coverage.Resource, error) {
			h.set(settings)
			return []coverage.Resource{isUnhealthy}, nil
		}
		h.set(settings, w.target("one"))
		h.advance(0)
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "the target is no longer refreshed" {
			t.Errorf("the outcome is %q", got[0])
		}
	})
}

// TestExpiryDuringAPartialRead has a snapshot that becomes too old before the
// resources are returned: the event is not applied.
func TestExpiryDuringAPartialRead(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		var failing atomic.Bool
		w.read = func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			if failing.Load() {
				return ownAccount, nil, errDenied
			}
			return w.readAll(ctx)
		}
		w.readKeys = func(context.Context, []coverage.Key) ([]coverage.Resource, error) {
			time.Sleep(20 * time.Second)
			return []coverage.Resource{isUnhealthy}, nil
		}
		h.set(settings, w.target("one"))
		h.advance(0)
		failing.Store(true)
		h.advanceTo(settings.MaxStaleness - 10*time.Second)
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "the target has no data yet" {
			t.Errorf("the outcome is %q", got[0])
		}
		lines := h.logged()
		last := lines[len(lines)-1]
		if last.Message != "partial read of target failed" || last.attrs["err"].String() != "the target has no data yet" {
			t.Errorf("logged %q %v", last.Message, last.attrs)
		}
	})
}

// TestStopDuringAnEarlyRefresh stops a target with more events than one partial
// read takes, before and after their refresh begins.
func TestStopDuringAnEarlyRefresh(t *testing.T) {
	var events []coverage.Event
	for i := range 60 {
		events = append(events, eventOf(row(ownAccount, fmt.Sprint(i), coverage.Unhealthy, 2)))
	}
	for name, start := range map[string]time.Duration{"before": settings.Interval, "after": settings.Interval / 2} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				w := newSource(t, ownAccount, wasHealthy)
				w.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
					return w.readAll(context.WithoutCancel(t.Context()))
				}
				h.set(settings, w.target("one"))
				h.advance(0)
				w.update(func(w *keySource) { w.latency = 20 * time.Second })
				h.advanceTo(start)
				time.AfterFunc(5*time.Second, h.cancel)
				for _, got := range h.apply(events...) {
					if got != context.Canceled.Error() {
						t.Fatalf("an outcome is %q", got)
					}
				}
			})
		})
	}
}
