package refresh_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestOptionalDataOfAFailedRefresh: the detector's features stay current while
// the listing is invalid, and do not keep old resources.
func TestOptionalDataOfAFailedRefresh(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		var enabled atomic.Bool
		enabled.Store(true)
		w.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			return ownAccount, &coverage.Snapshot{
				ReadAt:       time.Now(),
				Features:     []coverage.Feature{{AccountID: ownAccount, Name: "RUNTIME_MONITORING", Enabled: enabled.Load()}},
				Capabilities: []coverage.Capability{{Name: coverage.DetectorCapability, OK: true}},
			}, fmt.Errorf("list: %w", coverage.ErrInvalidResponse)
		}
		h.set(settings, w.target("one"))
		check := func(when string, resources, features int) {
			t.Helper()
			r := h.lastReport("one")
			if r.Snapshot == nil {
				t.Fatalf("%s: no snapshot", when)
			}
			if len(r.Snapshot.Resources) != resources || len(r.Snapshot.Features) != features || r.State != coverage.InvalidResponse {
				t.Errorf("%s: state %s, snapshot %+v", when, r.State, r.Snapshot)
			}
		}
		h.advanceTo(settings.Interval)
		check("after a failure", 1, 1)
		enabled.Store(false)
		h.advance(settings.Interval)
		check("after another one", 1, 1)
		if h.lastReport("one").Snapshot.Features[0].Enabled {
			t.Error("the feature is not current")
		}
		h.advanceTo(settings.MaxStaleness + settings.Interval)
		check("when the resources are too old", 0, 1)
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "the target has no data yet" {
			t.Errorf("without resources an event is %s", got[0])
		}
		check("after an event", 0, 1)
	})
}

// TestEventBeforeTheFirstSuccess: optional data is not a snapshot to compare an
// event with.
func TestEventBeforeTheFirstSuccess(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			return ownAccount, &coverage.Snapshot{
				ReadAt: time.Now(), Capabilities: []coverage.Capability{{Name: coverage.DetectorCapability, OK: true}},
			}, coverage.ErrInvalidResponse
		}
		h.set(settings, w.target("one"))
		h.advance(0)
		if outcome, err := h.Apply(t.Context(), eventOf(isUnhealthy)); err == nil {
			t.Errorf("the event is %s", outcome)
		}
		h.advance(settings.MaxStaleness)
		if s := h.lastReport("one").Snapshot; s == nil {
			t.Error("optional data that is read at each refresh has expired")
		}
		w.update(func(w *keySource) { w.read = nil })
	})
}
