package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// once judges a change as applied, and as a duplicate from then on.
func once() judge {
	var known atomic.Bool
	return func(context.Context, coverage.Event) (coverage.Outcome, error) {
		if known.Swap(true) {
			return coverage.Duplicate, nil
		}
		return coverage.Applied, nil
	}
}

func TestDeleteFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(once())
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error.")
		})
		b.send(usual, event("shop"))
		b.pass(5 * time.Minute)
		b.wantDepth(usual, 0, 1)
		if up := b.values()["event_queue_up coverage"]; up != 0 {
			t.Errorf("the queue is up while nothing can be deleted")
		}
		b.server.SetIntercept(nil)
		b.pass(3 * time.Minute)
		b.wantDepth(usual, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "discarded_total duplicate": 3, "event_queue_up coverage": 1,
			"exporter_event_lag_seconds": 1,
		}, b.values())
		b.wantSaid("INFO event queue answers receive", "WARN request to event queue failed delete", "INFO event queue answers delete")
	})
}

// TestDeleteFailsInPart has one of two messages deleted, and the other refused.
func TestDeleteFailsInPart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		q := b.queue(usual)
		client := sqs.NewFromConfig(q.Config)
		b.set(q)
		b.pass(time.Minute)
		b.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, r *http.Request) {
			b.server.SetIntercept(nil)
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
		b.send(usual, event("shop"))
		b.send(usual, event("blog"))
		b.pass(time.Minute)
		b.wantDepth(usual, 0, 1)
		b.pass(2 * time.Minute)
		b.wantDepth(usual, 0, 0)
		if n := len(b.looked()); n != 3 {
			t.Errorf("%d looks, want one of the deleted message and two of the other", n)
		}
		b.wantSaid("INFO event queue answers receive")
	})
}

// TestLooksAreBounded has looks that never end by themselves: the message makes
// room, and comes again.
func TestLooksAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(time.Hour, always(coverage.Applied)))
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(time.Minute)
		b.wantDepth(usual, 0, 1)
		b.pass(50 * time.Second) // handed back for a minute after 45 seconds
		equal(t, "looked at", []string{"shop", "shop"}, b.looked())
	})
}

// TestLookOutlastsVisibility holds that a message which comes again while it is
// looked at is looked at once, and that it is deleted by its newest receipt:
// the simulator keeps it otherwise.
func TestLookOutlastsVisibility(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(func(context.Context, coverage.Event) (coverage.Outcome, error) {
			<-time.After(5 * time.Minute) // it does not hear that it is to end
			return coverage.Applied, nil
		})
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(4*time.Minute + 59*time.Second)
		b.wantDepth(usual, 0, 1)
		b.pass(2 * time.Second)
		b.wantDepth(usual, 0, 0)
		equal(t, "looked at", []string{"shop"}, b.looked())
		equal(t, "metrics", map[string]float64{
			"received_total": 3, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

// TestHandBackFails holds that a message comes again though it could not be
// handed back, and that this alone is no failure of the queue.
func TestHandBackFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(always(coverage.Behind))
		b.intercept("ChangeMessageVisibilityBatch", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusForbidden, "AccessDeniedException", "denied")
		})
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(time.Minute)
		b.judgeBy(always(coverage.Applied))
		b.pass(2 * time.Minute)
		b.wantDepth(usual, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
		b.wantSaid("INFO event queue answers receive", "WARN request to event queue failed hand_back")
	})
}

// refusing makes a fault of a refusal.
func refusing(status int, shape string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { awswire.WriteSQSError(w, status, shape, "refused") }
}

func cut(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.Close()
}

// TestFailingQueue has receiving from one of two queues fail for half an hour.
func TestFailingQueue(t *testing.T) {
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"denied":        refusing(http.StatusForbidden, "AccessDeniedException"),
		"key denied":    refusing(http.StatusBadRequest, "KmsAccessDenied"),
		"gone":          refusing(http.StatusBadRequest, "QueueDoesNotExist"),
		"throttled":     refusing(http.StatusBadRequest, "RequestThrottled"),
		"over limit":    refusing(http.StatusForbidden, "OverLimit"),
		"expired token": refusing(http.StatusForbidden, "ExpiredToken"),
		"500":           refusing(http.StatusInternalServerError, "InternalError"),
		"503 of a proxy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>"+strings.Repeat("x", 100_000), http.StatusServiceUnavailable)
		},
		"cut":       cut,
		"hang":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"truncated": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Messages":[{"Mess`) },
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html></html>`) },
		"deep":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 200_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.set(b.queue(usual), b.queue(spare))
				b.pass(time.Minute)
				var attempts atomic.Int32
				b.intercept("ReceiveMessage", usual, func(w http.ResponseWriter, r *http.Request) {
					attempts.Add(1)
					fault(w, r)
				})
				b.pass(20 * time.Second) // until the poll under way has ended
				b.send(usual, event("shop"))
				b.pass(20 * time.Minute)
				b.send(spare, event("blog"))
				b.pass(time.Second)
				equal(t, "looked at", []string{"blog"}, b.looked())
				up := b.values()
				if up["event_queue_up coverage"] != 0 || up["event_queue_up spare"] != 1 {
					t.Errorf("metrics: %v", up)
				}
				if n := attempts.Load(); n < 10 || n > 130 {
					t.Errorf("%d attempts in 20 minutes", n)
				}
				b.server.SetIntercept(nil)
				b.pass(3 * time.Minute) // a request that hangs, tried again twice, and the pause after it
				equal(t, "looked at", []string{"blog", "shop"}, b.looked())
				b.wantDepth(usual, 0, 0)
				if up := b.values(); up["event_queue_up coverage"] != 1 || up["applied_total"] != 2 {
					t.Errorf("metrics: %v", up)
				}
				b.wantSaid("INFO event queue answers receive", "INFO event queue answers receive",
					"WARN request to event queue failed receive", "INFO event queue answers receive")
			})
		})
	}
}

func TestQueueIsDeletedAndMadeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.pass(time.Minute)
		var all []*simulator.Queue
		b.server.Update(func(w *simulator.World) { all, w.Accounts[0].Queues = w.Accounts[0].Queues, nil })
		b.pass(10 * time.Minute)
		if up := b.values()["event_queue_up coverage"]; up != 0 {
			t.Error("a queue that does not exist is up")
		}
		b.server.Update(func(w *simulator.World) { w.Accounts[0].Queues = all })
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(time.Second)
		equal(t, "looked at", []string{"shop"}, b.looked())
		b.wantSaid("INFO event queue answers receive", "WARN request to event queue failed receive", "INFO event queue answers receive")
	})
}

// TestQueueThatDoesNotWait has a queue answer long polls at once.
func TestQueueThatDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var polls atomic.Int32
		b.intercept("ReceiveMessage", "", func(w http.ResponseWriter, _ *http.Request) {
			polls.Add(1)
			_, _ = io.WriteString(w, "{}")
		})
		b.set(b.queue(usual))
		b.pass(time.Minute)
		if n := polls.Load(); n < 50 || n > 62 {
			t.Errorf("%d polls in a minute", n)
		}
	})
}

// TestLongPolls holds what an idle queue costs.
func TestLongPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.pass(time.Hour)
		if n := b.calls("ReceiveMessage"); n != 180 {
			t.Errorf("%d polls in an hour, want three a minute", n)
		}
	})
}

// bounded is an HTTP client that fails on answers which are too large.
type bounded struct {
	*http.Client
	limit int
}

var _ aws.HTTPClient = bounded{}

func (c bounded) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, c.limit}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errors.New("the answer is too large")
	}
	return n, err
}

// TestLargestMessages has ten messages of 1 MiB, much of which is escaped on the
// wire, and clients that take all of them at once or only some.
func TestLargestMessages(t *testing.T) {
	for name, limit := range map[string]int{"all in one answer": 32 << 20, "few in one answer": 8 << 20} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				var want []string
				for i := range 10 {
					name := fmt.Sprint(i)
					want = append(want, name)
					e := strings.Replace(event(name), `"issue":""`, `"issue":"`+strings.Repeat(`\"`, 1<<19-500)+`"`, 1)
					b.send(usual, e+strings.Repeat(" ", 1<<20-len(e)))
				}
				q := b.queue(usual)
				q.Config.HTTPClient = bounded{b.client, limit}
				q.Config.RetryMaxAttempts = 1 // an answer that is too large stays so
				b.set(q)
				b.pass(15 * time.Minute)
				b.wantDepth(usual, 0, 0)
				b.wantDepth(deadLetter, 0, 0)
				got := b.looked()
				slices.Sort(got)
				equal(t, "looked at", want, got)
			})
		})
	}
}

// TestErrorsOfTheLogAreBounded has a queue fail with a long text.
func TestErrorsOfTheLogAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.intercept("ReceiveMessage", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusForbidden, "AccessDeniedException", strings.Repeat("x", 100_000))
		})
		b.set(b.queue(usual))
		b.pass(time.Second)
		said := b.said()
		if len(said) != 1 || said[0].Level != slog.LevelWarn {
			t.Fatalf("said %+v, want a warning", said)
		}
		if text := said[0].attrs["err"].String(); len(text) > 2000 || !strings.Contains(text, "sqs:ReceiveMessage") {
			t.Errorf("the error has %d bytes: %.200s", len(text), text)
		}
		if url := said[0].attrs["queue"].String(); url != b.queue(usual).URL {
			t.Errorf("the queue is %q", url)
		}
	})
}
