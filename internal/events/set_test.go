package events_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestStopReleasesMessages(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(time.Hour, returns(coverage.Applied)))
		for i := range 25 {
			h.send(mainQueue, event(fmt.Sprint(i)))
		}
		h.set(h.queue(mainQueue))
		h.advance(30 * time.Second)
		h.wantDepth(mainQueue, 0, 25)
		stopped := time.Now()
		h.stop()
		h.Wait()
		if took := time.Since(stopped); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
		h.wantDepth(mainQueue, 25, 0)
		if n := h.requests("ChangeMessageVisibilityBatch"); n != 3 {
			t.Errorf("%d requests released 25 messages, want 3", n)
		}
		h.wantLog("INFO request to event queue succeeded receive")
	})
}

// TestStopDeletesHandledMessages stops during ackDelay.
func TestStopDeletesHandledMessages(t *testing.T) {
	withHarness(t, func(_ *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(30 * time.Second)
		h.send(mainQueue, event("shop"))
		h.advance(20 * time.Millisecond)
		h.wantDepth(mainQueue, 0, 1)
		h.stop()
		h.Wait()
		h.wantDepth(mainQueue, 0, 0)
	})
}

// TestStopWhileQueueHangs stops while requests to the queue hang. Messages that
// are not released are redelivered later.
func TestStopWhileQueueHangs(t *testing.T) {
	for _, operation := range []string{"ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		t.Run(operation, func(t *testing.T) {
			withHarness(t, func(t *testing.T, h *harness) {
				h.onApply(func(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
					if c.Name == "deleted" {
						return coverage.Applied, nil
					}
					return delayed(time.Hour, returns(coverage.Applied))(ctx, c)
				})
				h.set(h.queue(mainQueue))
				h.intercept(operation, "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				h.send(mainQueue, event("released"))
				h.send(mainQueue, event("deleted"))
				h.advance(30 * time.Second)
				stopped := time.Now()
				h.stop()
				h.Wait()
				if took := time.Since(stopped); took > 2*time.Second {
					t.Errorf("the stop took %v", took)
				}
				for _, l := range h.logged() {
					if l.Text != "request to event queue succeeded receive" {
						t.Errorf("logged %s", l.Text)
					}
				}
			})
		})
	}
}

func TestSetAfterStop(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.stop()
		h.Wait()
		h.advance(0) // the server records the cancelled poll
		h.server.ResetCalls()
		before := h.values()
		h.set(h.queue(otherQueue))
		h.Wait()
		h.advance(time.Minute)
		if n := len(h.server.Calls()); n != 0 {
			t.Errorf("%d requests after the stop", n)
		}
		equal(t, "metrics", before, h.values())
	})
}

func TestSetKeepsUnchangedQueues(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(30*time.Second, returns(coverage.Applied)))
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(time.Second)
		for range 10 {
			h.set(h.queue(mainQueue), h.queue(otherQueue))
			h.advance(time.Second)
		}
		h.advance(30 * time.Second)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "handled", []string{"shop"}, h.handled())
		if n := h.requests("ChangeMessageVisibilityBatch"); n != 0 {
			t.Error("the message was released")
		}
		if n := h.requests("ReceiveMessage"); n > 10 {
			t.Errorf("%d polls: the queue was restarted", n)
		}
	})
}

// TestSetAddsQueue receives from a queue that is added beside one that is kept.
func TestSetAddsQueue(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.set(h.queue(mainQueue), h.queue(otherQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.send(otherQueue, event("blog"))
		h.advance(time.Second)
		handled := h.handled()
		slices.Sort(handled)
		equal(t, "handled", []string{"blog", "shop"}, handled)
		h.wantDepth(mainQueue, 0, 0)
		h.wantDepth(otherQueue, 0, 0)
	})
}

func TestSetRestartsChangedQueues(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(30*time.Second, returns(coverage.Applied)))
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(time.Second)
		changed := h.queue(mainQueue)
		changed.Key = "another role"
		h.set(changed)
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "handled", []string{"shop", "shop"}, h.handled())
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

func TestSetDropsRemovedQueues(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(time.Hour, returns(coverage.Applied)))
		h.set(h.queue(mainQueue), h.queue(otherQueue))
		h.send(mainQueue, event("shop"))
		h.advance(30 * time.Second)
		h.set(h.queue(otherQueue))
		h.advance(time.Second)
		h.wantDepth(mainQueue, 1, 0)
		h.advance(time.Hour)
		h.wantDepth(mainQueue, 1, 0)
		equal(t, "metrics", map[string]float64{"received_total": 1, "event_queue_up otherQueue": 1}, h.values())
		h.set()
		h.advance(time.Minute)
		equal(t, "metrics", map[string]float64{"received_total": 1}, h.values())
	})
}

// TestRemovedQueueFails removes a queue while a request to it fails.
func TestRemovedQueueFails(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(20 * time.Millisecond)
		h.intercept("DeleteMessageBatch", "", errorResponse(http.StatusForbidden, "AccessDeniedException"))
		h.set()
		h.advance(time.Minute)
		equal(t, "metrics", map[string]float64{"received_total": 1, "applied_total": 1, "exporter_event_lag_seconds": 1}, h.values())
		h.wantLog("INFO request to event queue succeeded receive")
	})
}
