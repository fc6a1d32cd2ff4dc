package events_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestManyEvents checks the limit of events in flight, and that a burst costs few
// requests.
func TestManyEvents(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		const messages = 1500
		var now, most int
		h.onApply(func(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
			h.mu.Lock()
			now++
			most = max(most, now)
			h.mu.Unlock()
			defer func() {
				h.mu.Lock()
				now--
				h.mu.Unlock()
			}()
			return delayed(40*time.Second, returns(coverage.Applied))(ctx, c)
		})
		for i := range messages {
			h.send(mainQueue, event(fmt.Sprint(i)))
		}
		h.set(h.queue(mainQueue))
		h.advance(5 * time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		if most != 1000 {
			t.Errorf("%d events in flight, want at most 1000", most)
		}
		if n := h.requests("DeleteMessageBatch"); n > messages/10+10 {
			t.Errorf("%d requests deleted %d messages", n, messages)
		}
		if got := h.values(); got["received_total"] != messages || got["applied_total"] != messages {
			t.Errorf("metrics: %v", got)
		}
	})
}
