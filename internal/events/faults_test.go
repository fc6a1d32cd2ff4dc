package events_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// appliedOnce returns Applied for the first event and then Duplicate.
func appliedOnce() applyFunc {
	var known atomic.Bool
	return func(context.Context, coverage.Event) (coverage.Outcome, error) {
		if known.Swap(true) {
			return coverage.Duplicate, nil
		}
		return coverage.Applied, nil
	}
}

func TestDeleteFails(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(appliedOnce())
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error.")
		})
		h.send(mainQueue, event("shop"))
		h.advance(5 * time.Minute)
		h.wantDepth(mainQueue, 0, 1)
		if up := h.values()["event_queue_up coverage"]; up != 0 {
			t.Errorf("the queue is up although nothing can be deleted")
		}
		h.server.SetIntercept(nil)
		h.advance(3 * time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "discarded_total duplicate": 3, "event_queue_up coverage": 1,
			"exporter_event_lag_seconds": 1,
		}, h.values())
		h.wantLog("INFO request to event queue succeeded receive", "WARN request to event queue failed delete", "INFO request to event queue succeeded delete")
	})
}

// TestDeleteFailsForOneMessage deletes one message of a batch of two.
func TestDeleteFailsForOneMessage(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		q := h.queue(mainQueue)
		client := sqs.NewFromConfig(q.Config)
		h.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, r *http.Request) {
			h.server.SetIntercept(nil)
			var in struct {
				Entries []struct{ ReceiptHandle string }
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Entries) != 2 {
				t.Errorf("a batch of %d messages, %v", len(in.Entries), err)
				return
			}
			_, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{
				QueueUrl: &q.URL, ReceiptHandle: &in.Entries[0].ReceiptHandle,
			})
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","Code":"InternalError","SenderFault":false,"Message":"m"}]}`)
		})
		h.send(mainQueue, event("shop"))
		h.send(mainQueue, event("blog"))
		h.set(q) // receives both at once
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 1)
		h.advance(2 * time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		if n := len(h.handled()); n != 3 {
			t.Errorf("%d events handled, want the deleted one once and the other twice", n)
		}
		h.wantLog("INFO request to event queue succeeded receive")
	})
}

// TestApplyTimeout has an event whose target does not respond: it makes room for
// others and is redelivered.
func TestApplyTimeout(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(time.Hour, returns(coverage.Applied)))
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 1)
		h.advance(50 * time.Second) // released for a minute after 45 seconds
		equal(t, "handled", []string{"shop", "shop"}, h.handled())
	})
}

// TestRedeliveryWhileInFlight has a message whose visibility timeout runs out
// while its event is handled. Its old receipt no longer deletes it.
func TestRedeliveryWhileInFlight(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		var calls atomic.Int32
		h.onApply(func(context.Context, coverage.Event) (coverage.Outcome, error) {
			if calls.Add(1) == 1 {
				<-time.After(150 * time.Second) // does not stop with its context
				return coverage.Applied, nil
			}
			<-time.After(time.Minute)
			return coverage.Duplicate, nil
		})
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(2*time.Minute + 40*time.Second)
		h.wantDepth(mainQueue, 0, 1)
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "handled", []string{"shop", "shop"}, h.handled())
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "applied_total": 1, "discarded_total duplicate": 1, "event_queue_up coverage": 1,
			"exporter_event_lag_seconds": 1,
		}, h.values())
		h.wantLog("INFO request to event queue succeeded receive")
	})
}

// TestSlowEventDelaysNoOther has a batch with one event whose target does not
// respond: the others are deleted or released meanwhile.
func TestSlowEventDelaysNoOther(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(func(ctx context.Context, e coverage.Event) (coverage.Outcome, error) {
			switch e.Name {
			case "slow":
				return delayed(time.Hour, returns(coverage.Applied))(ctx, e)
			case "behind":
				return coverage.Behind, nil
			}
			return coverage.Applied, nil
		})
		for _, name := range []string{"a", "slow", "behind", "b"} {
			h.send(mainQueue, event(name))
		}
		h.set(h.queue(mainQueue))
		h.advance(time.Second)
		h.wantDepth(mainQueue, 0, 2)
		h.advance(2 * time.Second) // after the first pause of the event that is behind
		handled := h.handled()
		slices.Sort(handled)
		equal(t, "handled", []string{"a", "b", "behind", "behind", "slow"}, handled)
	})
}

// TestUnresponsiveTarget has nearly as many events of a target that does not
// respond as can be in flight, in batches with those of another target.
func TestUnresponsiveTarget(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(func(ctx context.Context, e coverage.Event) (coverage.Outcome, error) {
			if e.Name == "slow" {
				return delayed(time.Hour, returns(coverage.Applied))(ctx, e)
			}
			return coverage.Applied, nil
		})
		const others = 500
		for i := range 990 {
			h.send(mainQueue, event("slow"))
			if i < others {
				h.send(mainQueue, event("other"))
			}
		}
		h.set(h.queue(mainQueue))
		h.advance(2 * time.Second)
		if applied := h.values()["applied_total"]; applied != others {
			t.Errorf("%v events of the other target applied, want %d", applied, others)
		}
		h.wantDepth(mainQueue, 0, 990)
	})
}

// TestSlotsAreReleased has more redeliveries and malformed messages than events
// can be in flight.
func TestSlotsAreReleased(t *testing.T) {
	t.Parallel()
	const messages = 1010
	for name, c := range map[string]struct {
		body string
		wait time.Duration // until all have been received twice, or once
	}{
		"malformed":   {"not an event", 125 * time.Second},
		"foreign":     {`{"detail-type":"GuardDuty Finding"}`, time.Second},
		"redelivered": {event("behind"), 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			withHarness(t, func(t *testing.T, h *harness) {
				h.onApply(func(_ context.Context, e coverage.Event) (coverage.Outcome, error) {
					if e.Name == "behind" {
						return coverage.Behind, nil
					}
					return coverage.Applied, nil
				})
				for range messages {
					h.send(mainQueue, c.body)
				}
				h.set(h.queue(mainQueue))
				h.advance(c.wait)
				h.send(mainQueue, event("shop"))
				h.advance(2 * time.Second)
				if values := h.values(); values["applied_total"] != 1 || values["received_total"] <= messages {
					t.Errorf("metrics: %v", values)
				}
			})
		})
	}
}

// TestReleaseFails checks that a message that cannot be released is redelivered,
// and that this is no failure of the queue.
func TestReleaseFails(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(returns(coverage.Behind))
		h.intercept("ChangeMessageVisibilityBatch", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusForbidden, "AccessDeniedException", "denied")
		})
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(time.Minute)
		h.onApply(returns(coverage.Applied))
		h.advance(2 * time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
		h.wantLog("INFO request to event queue succeeded receive", "WARN request to event queue failed release")
	})
}

// errorResponse returns a handler that responds with an SQS error.
func errorResponse(status int, shape string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { awswire.WriteSQSError(w, status, shape, "refused") }
}

func closeConnection(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.Close()
}
