package events_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestStopHandsMessagesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(time.Hour, always(coverage.Applied)))
		for i := range 25 {
			b.send(usual, event(fmt.Sprint(i)))
		}
		b.set(b.queue(usual))
		b.pass(30 * time.Second)
		b.wantDepth(usual, 0, 25)
		stopped := time.Now()
		b.stop()
		b.Wait()
		if took := time.Since(stopped); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
		b.wantDepth(usual, 25, 0)
		if n := b.calls("ChangeMessageVisibilityBatch"); n != 3 {
			t.Errorf("%d calls handed 25 messages back, want 3", n)
		}
		b.wantSaid("INFO event queue answers receive")
	})
}

// TestStopDeletesWhatIsSettled stops while messages wait for their delete.
func TestStopDeletesWhatIsSettled(t *testing.T) {
	inBubble(t, func(_ *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.pass(30 * time.Second)
		b.send(usual, event("shop"))
		b.pass(20 * time.Millisecond)
		b.wantDepth(usual, 0, 1)
		b.stop()
		b.Wait()
		b.wantDepth(usual, 0, 0)
	})
}

// TestStopIsBounded stops while the queue hangs: what could not be handed back
// comes again by itself.
func TestStopIsBounded(t *testing.T) {
	for _, operation := range []string{"ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.judgeBy(func(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
					if c.Name == "deleted" {
						return coverage.Applied, nil
					}
					return after(time.Hour, always(coverage.Applied))(ctx, c)
				})
				b.set(b.queue(usual))
				b.intercept(operation, "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				b.send(usual, event("handed back"))
				b.send(usual, event("deleted"))
				b.pass(30 * time.Second)
				stopped := time.Now()
				b.stop()
				b.Wait()
				if took := time.Since(stopped); took > 2*time.Second {
					t.Errorf("the stop took %v", took)
				}
				for _, l := range b.said() {
					if l.Text != "event queue answers receive" {
						t.Errorf("said %s", l.Text)
					}
				}
			})
		})
	}
}

func TestSetAfterTheStop(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.stop()
		b.Wait()
		b.pass(0) // until the server has recorded the poll that was cut short
		b.server.ResetCalls()
		before := b.values()
		b.set(b.queue(spare))
		b.Wait()
		b.pass(time.Minute)
		if n := len(b.server.Calls()); n != 0 {
			t.Errorf("%d calls after the stop", n)
		}
		equal(t, "metrics", before, b.values())
	})
}

func TestSetKeepsUnchangedQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(30*time.Second, always(coverage.Applied)))
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(time.Second)
		for range 10 {
			b.set(b.queue(usual), b.queue(spare))
			b.pass(time.Second)
		}
		b.pass(30 * time.Second)
		b.wantDepth(usual, 0, 0)
		equal(t, "looked at", []string{"shop"}, b.looked())
		if n := b.calls("ChangeMessageVisibilityBatch"); n != 0 {
			t.Error("the message was handed back")
		}
		if n := b.calls("ReceiveMessage"); n > 10 {
			t.Errorf("%d polls: the queue began anew", n)
		}
	})
}

func TestSetBeginsChangedQueuesAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(30*time.Second, always(coverage.Applied)))
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(time.Second)
		changed := b.queue(usual)
		changed.Key = "by another role"
		b.set(changed)
		b.pass(time.Minute)
		b.wantDepth(usual, 0, 0)
		equal(t, "looked at", []string{"shop", "shop"}, b.looked())
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

func TestSetDropsRemovedQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(time.Hour, always(coverage.Applied)))
		b.set(b.queue(usual), b.queue(spare))
		b.send(usual, event("shop"))
		b.pass(30 * time.Second)
		b.set(b.queue(spare))
		b.pass(time.Second)
		b.wantDepth(usual, 1, 0)
		b.pass(time.Hour)
		b.wantDepth(usual, 1, 0)
		equal(t, "metrics", map[string]float64{"received_total": 1, "event_queue_up spare": 1}, b.values())
		b.set()
		b.pass(time.Minute)
		equal(t, "metrics", map[string]float64{"received_total": 1}, b.values())
	})
}

// TestRemovedQueueSaysNothing removes a queue that fails while it is removed.
func TestRemovedQueueSaysNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(20 * time.Millisecond)
		b.intercept("DeleteMessageBatch", "", refusing(http.StatusForbidden, "AccessDeniedException"))
		b.set()
		b.pass(time.Minute)
		equal(t, "metrics", map[string]float64{"received_total": 1, "applied_total": 1, "exporter_event_lag_seconds": 1}, b.values())
		b.wantSaid("INFO event queue answers receive")
	})
}
