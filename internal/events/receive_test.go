package events_test

import (
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
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// TestReceiveFails has receiving from one of two queues fail for 20 minutes.
func TestReceiveFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"denied":        errorResponse(http.StatusForbidden, "AccessDeniedException"),
		"key denied":    errorResponse(http.StatusBadRequest, "KmsAccessDenied"),
		"gone":          errorResponse(http.StatusBadRequest, "QueueDoesNotExist"),
		"throttled":     errorResponse(http.StatusBadRequest, "RequestThrottled"),
		"over limit":    errorResponse(http.StatusForbidden, "OverLimit"),
		"expired token": errorResponse(http.StatusForbidden, "ExpiredToken"),
		"500":           errorResponse(http.StatusInternalServerError, "InternalError"),
		"503 of a proxy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>"+strings.Repeat("x", 100_000), http.StatusServiceUnavailable)
		},
		"cut":       closeConnection,
		"hang":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"truncated": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Messages":[{"Mess`) },
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html></html>`) },
		"deep":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 200_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			withHarness(t, func(t *testing.T, h *harness) {
				h.set(h.queue(mainQueue), h.queue(otherQueue))
				h.advance(time.Minute)
				var attempts atomic.Int32
				h.intercept("ReceiveMessage", mainQueue, func(w http.ResponseWriter, r *http.Request) {
					attempts.Add(1)
					fault(w, r)
				})
				h.advance(20 * time.Second) // the duration of a long poll
				h.send(mainQueue, event("shop"))
				h.advance(20 * time.Minute)
				h.send(otherQueue, event("blog"))
				h.advance(time.Second)
				equal(t, "handled", []string{"blog"}, h.handled())
				up := h.values()
				if up["event_queue_up coverage"] != 0 || up["event_queue_up otherQueue"] != 1 {
					t.Errorf("metrics: %v", up)
				}
				if n := attempts.Load(); n < 10 || n > 130 {
					t.Errorf("%d attempts in 20 minutes", n)
				}
				h.server.SetIntercept(nil)
				h.advance(3 * time.Minute) // three attempts of a request that hangs, and the pause after it
				equal(t, "handled", []string{"blog", "shop"}, h.handled())
				h.wantDepth(mainQueue, 0, 0)
				if up := h.values(); up["event_queue_up coverage"] != 1 || up["applied_total"] != 2 {
					t.Errorf("metrics: %v", up)
				}
				h.wantLog("INFO request to event queue succeeded receive", "INFO request to event queue succeeded receive",
					"WARN request to event queue failed receive", "INFO request to event queue succeeded receive")
			})
		})
	}
}

func TestQueueIsRecreated(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		var all []*simulator.Queue
		h.server.Update(func(w *simulator.World) { all, w.Accounts[0].Queues = w.Accounts[0].Queues, nil })
		h.advance(10 * time.Minute)
		if up := h.values()["event_queue_up coverage"]; up != 0 {
			t.Error("a queue that does not exist is up")
		}
		h.server.Update(func(w *simulator.World) { w.Accounts[0].Queues = all })
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(time.Second)
		equal(t, "handled", []string{"shop"}, h.handled())
		h.wantLog("INFO request to event queue succeeded receive", "WARN request to event queue failed receive", "INFO request to event queue succeeded receive")
	})
}

// TestLongPollReturnsAtOnce has a queue that responds to long polls at once.
func TestLongPollReturnsAtOnce(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		var polls atomic.Int32
		h.intercept("ReceiveMessage", "", func(w http.ResponseWriter, _ *http.Request) {
			polls.Add(1)
			_, _ = io.WriteString(w, "{}")
		})
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		if n := polls.Load(); n < 50 || n > 62 {
			t.Errorf("%d polls in a minute", n)
		}
	})
}

// TestIdleQueue checks the number of requests to an idle queue.
func TestIdleQueue(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(time.Hour)
		if n := h.requests("ReceiveMessage"); n != 180 {
			t.Errorf("%d polls in an hour, want three a minute", n)
		}
	})
}

// limitedClient is an HTTP client that fails on larger responses than limit.
type limitedClient struct {
	*http.Client
	limit int
}

var _ aws.HTTPClient = limitedClient{}

func (c limitedClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(r)
	if err == nil {
		resp.Body = &limitedBody{resp.Body, c.limit}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errors.New("response too large")
	}
	return n, err
}

// TestLargestMessages has ten messages of 1 MiB, much of which is escaped on the
// wire, and clients that accept all or only some of them in one response.
func TestLargestMessages(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int{"all in one response": 32 << 20, "few in one response": 8 << 20} {
		t.Run(name, func(t *testing.T) {
			withHarness(t, func(t *testing.T, h *harness) {
				var want []string
				for i := range 10 {
					name := fmt.Sprint(i)
					want = append(want, name)
					e := strings.Replace(event(name), `"issue":""`, `"issue":"`+strings.Repeat(`\"`, 1<<19-500)+`"`, 1)
					h.send(mainQueue, e+strings.Repeat(" ", 1<<20-len(e)))
				}
				q := h.queue(mainQueue)
				q.Config.HTTPClient = limitedClient{h.client, limit}
				q.Config.RetryMaxAttempts = 1 // the next response would be as large
				h.set(q)
				h.advance(15 * time.Minute)
				h.wantDepth(mainQueue, 0, 0)
				h.wantDepth(deadLetter, 0, 0)
				got := h.handled()
				slices.Sort(got)
				equal(t, "handled", want, got)
			})
		})
	}
}

// TestLoggedErrors has a queue respond with a long error message, which the logger
// redacts and then truncates.
func TestLoggedErrors(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.intercept("ReceiveMessage", "", func(w http.ResponseWriter, _ *http.Request) {
			awswire.WriteSQSError(w, http.StatusForbidden, "AccessDeniedException", strings.Repeat("x", 100_000))
		})
		h.set(h.queue(mainQueue))
		h.advance(time.Second)
		lines := h.logged()
		if len(lines) != 1 || lines[0].Level != slog.LevelWarn {
			t.Fatalf("log %+v, want a warning", lines)
		}
		if err, ok := lines[0].attrs["err"].Any().(error); !ok || !strings.Contains(err.Error(), "sqs:ReceiveMessage") {
			t.Errorf("error %.200s", lines[0].attrs["err"])
		}
		if url := lines[0].attrs["queue"].String(); url != h.queue(mainQueue).URL {
			t.Errorf("queue %q", url)
		}
	})
}
