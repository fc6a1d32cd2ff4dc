package simulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// inProcess calls a server without a network, so that no goroutine of a synctest
// bubble waits for the network.
type inProcess struct{ server http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// poller returns a queueClient for a synctest bubble.
func poller(t *testing.T, s *simulator.Server, name string) queueClient {
	b := openQueue(t, "http://simulator", name)
	config := awsConfig("http://simulator", administrator)
	config.HTTPClient = inProcess{s}
	b.client = sqs.NewFromConfig(config)
	return b
}

// polled is the result of a long poll.
type polled struct {
	messages []types.Message
	err      error
	took     time.Duration
}

// poll waits up to 20 s for a message.
func (q queueClient) poll(ctx context.Context) polled {
	begin := time.Now()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20})
	p := polled{err: err, took: time.Since(begin)}
	if err == nil {
		p.messages = out.Messages
	}
	return p
}

// A long poll ends when there is a message, otherwise exactly after its wait time.
// meanwhile is called after 3 s.
func TestLongPoll(t *testing.T) {
	for name, c := range map[string]struct {
		before    func(q queueClient)
		meanwhile func(q queueClient)
		from      string // queueName by default
		took      time.Duration
		bodies    []string
	}{
		"no message":        {took: 20 * time.Second},
		"message available": {before: func(q queueClient) { q.send("one") }, bodies: []string{"one"}},
		"message sent": {
			meanwhile: func(q queueClient) { q.send("one") },
			took:      3 * time.Second, bodies: []string{"one"},
		},
		"message in another queue": {
			meanwhile: func(q queueClient) { q.send("one") },
			from:      "open", took: 20 * time.Second,
		},
		"message becomes visible": {
			before: func(q queueClient) {
				q.send("one")
				if err := q.changeVisibility(q.receive()[0], 5); err != nil {
					q.t.Error(err)
				}
			},
			took: 5 * time.Second, bodies: []string{"one"},
		},
		"message becomes a dead letter": {
			before: func(q queueClient) {
				q.send("one")
				for range 2 {
					if err := q.changeVisibility(q.receive()[0], 0); err != nil {
						q.t.Error(err)
					}
				}
			},
			meanwhile: func(q queueClient) { checkBodies(q.t, q.receive()) },
			from:      deadName, took: 3 * time.Second, bodies: []string{"one"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulator.New(queueWorld(), simulator.Options{Latency: -1})
				source := poller(t, s, queueName)
				if c.before != nil {
					c.before(source)
				}
				if c.from == "" {
					c.from = queueName
				}
				if c.meanwhile != nil {
					time.AfterFunc(3*time.Second, func() { c.meanwhile(source) })
				}
				got := poller(t, s, c.from).poll(t.Context())
				if got.err != nil || got.took != c.took {
					t.Errorf("took %s, want %s; %v", got.took, c.took, got.err)
				}
				checkBodies(t, got.messages, c.bodies...)
				synctest.Wait()
			})
		})
	}
}

// A waiting poll receives a message whose visibility timeout is set to zero.
func TestLongPollReceivesReleasedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(queueWorld(), simulator.Options{Latency: -1})
		queue := poller(t, s, queueName)
		queue.send("one")
		m := queue.receive()[0]
		time.AfterFunc(3*time.Second, func() {
			if err := queue.changeVisibility(m, 0); err != nil {
				t.Error(err)
			}
		})
		got := queue.poll(t.Context())
		checkBodies(t, got.messages, "one")
		if got.took != 3*time.Second {
			t.Errorf("took %s", got.took)
		}
		synctest.Wait() // for changeVisibility to return
	})
}

func TestLongPollOfRemovedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(queueWorld(), simulator.Options{Latency: -1})
		var removed []*simulator.Queue
		time.AfterFunc(time.Second, func() {
			s.Update(func(w *simulator.World) {
				a := w.Account(administrator)
				removed, a.Queues = a.Queues, nil
			})
		})
		queue := poller(t, s, queueName)
		other := poller(t, s, "open")
		other.send("lost with its queue")
		got := queue.poll(t.Context())
		if code := errorCode(t, got.err); code != "AWS.SimpleQueueService.NonExistentQueue" || got.took != time.Second {
			t.Errorf("%s after %s", code, got.took)
		}
		s.Update(func(w *simulator.World) { w.Account(administrator).Queues = removed })
		checkBodies(t, other.receive())
	})
}

// A poll ends on time although the server's clock does not advance.
func TestLongPollWithStoppedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{time.Now()}
		s := simulator.New(queueWorld(), simulator.Options{Latency: -1, Now: c.Now})
		queue := poller(t, s, queueName)
		queue.send("one")
		checkBodies(t, queue.receive(), "one")
		c.advance(30*time.Second - time.Nanosecond)
		if got := queue.poll(t.Context()); got.err != nil || got.took != 20*time.Second || len(got.messages) != 0 {
			t.Errorf("ended with %+v", got)
		}
	})
}

// startPoll starts a long poll over HTTP and returns when the server has received
// the call.
func startPoll(ctx context.Context, t *testing.T, s *simulator.Server, url string) <-chan polled {
	t.Helper()
	received, ended := make(chan struct{}), make(chan polled, 1)
	s.SetIntercept(func(simulator.Call, http.ResponseWriter, *http.Request) bool {
		close(received)
		return false
	})
	queue := openQueue(t, url, queueName)
	go func() { ended <- queue.poll(ctx) }()
	<-received
	s.SetIntercept(nil)
	return ended
}

func TestLongPollOverHTTP(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	ended := startPoll(t.Context(), t, s, url)
	if _, err := s.Send(administrator, region, queueName, "one"); err != nil {
		t.Fatal(err)
	}
	got := <-ended
	checkBodies(t, got.messages, "one")
	if got.err != nil || got.took > 10*time.Second {
		t.Errorf("took %s, %v", got.took, got.err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended = startPoll(ctx, t, s, url)
	s.ResetCalls()
	cancel()
	if got := <-ended; !errors.Is(got.err, context.Canceled) {
		t.Errorf("canceled with %v", got.err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(s.Calls()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the server did not detect the disconnect")
		}
		<-time.After(time.Millisecond)
	}
	if call := s.Calls()[0]; call.Status != 0 || call.Operation != "ReceiveMessage" {
		t.Errorf("recorded as %+v", call)
	}
}

func TestStopEndsLongPolls(t *testing.T) {
	s := simulator.New(queueWorld(), simulator.Options{})
	listener, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := startPoll(t.Context(), t, s, listener.URL)
	if err := listener.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-ended; got.err != nil || len(got.messages) != 0 || got.took > 10*time.Second {
		t.Errorf("ended with %+v", got)
	}
}

func TestInterceptOfSQS(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	queue.send("one")
	s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteSQSError(w, http.StatusBadRequest, "RequestThrottled", c.Operation)
		return true
	})
	got := queue.poll(t.Context())
	throttled := new(types.RequestThrottled)
	if !errors.As(got.err, &throttled) || throttled.ErrorMessage() != "ReceiveMessage" {
		t.Errorf("error is %v", got.err)
	}
	s.SetIntercept(func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteSQSError(w, http.StatusBadRequest, "QueueDoesNotExist", "deleted")
		return true
	})
	if got := queue.poll(t.Context()); !errors.As(got.err, new(*types.QueueDoesNotExist)) {
		t.Errorf("error is %v", got.err)
	}
	checkDepth(t, s, queueName, 1, 0)
}
