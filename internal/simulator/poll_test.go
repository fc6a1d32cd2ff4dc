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

// inProcess brings requests to a server without a network, so that a test's
// bubble has no goroutine waiting for one.
type inProcess struct{ server http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// poller is a box in a bubble.
func poller(t *testing.T, s *simulator.Server, name string) box {
	b := openBox(t, "http://simulator", name)
	config := awsConfig("http://simulator", administrator)
	config.HTTPClient = inProcess{s}
	b.client = sqs.NewFromConfig(config)
	return b
}

// polled is how a long poll has ended.
type polled struct {
	messages []types.Message
	err      error
	took     time.Duration
}

// poll waits for a message for 20 s.
func (b box) poll(ctx context.Context) polled {
	begin := time.Now()
	out, err := b.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &b.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20})
	p := polled{err: err, took: time.Since(begin)}
	if err == nil {
		p.messages = out.Messages
	}
	return p
}

// A long poll ends when there is a message, and no sooner than after its time
// when there is none. meanwhile happens after 3 s.
func TestLongPoll(t *testing.T) {
	for name, c := range map[string]struct {
		before    func(b box)
		meanwhile func(b box)
		from      string // queueName by default
		took      time.Duration
		bodies    []string
	}{
		"nothing comes": {took: 20 * time.Second},
		"one is there":  {before: func(b box) { b.send("one") }, bodies: []string{"one"}},
		"one comes": {
			meanwhile: func(b box) { b.send("one") },
			took:      3 * time.Second, bodies: []string{"one"},
		},
		"one comes elsewhere": {
			meanwhile: func(b box) { b.send("one") },
			from:      "open", took: 20 * time.Second,
		},
		"one shows again": {
			before: func(b box) {
				b.send("one")
				if err := b.hide(b.receive()[0], 5); err != nil {
					b.t.Error(err)
				}
			},
			took: 5 * time.Second, bodies: []string{"one"},
		},
		"one is given up": {
			before: func(b box) {
				b.send("one")
				for range 2 {
					if err := b.hide(b.receive()[0], 0); err != nil {
						b.t.Error(err)
					}
				}
			},
			meanwhile: func(b box) { checkBodies(b.t, b.receive()) },
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

// A message that is handed back must come to a poll that waits already.
func TestLongPollGetsWhatIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulator.New(queueWorld(), simulator.Options{Latency: -1})
		queue := poller(t, s, queueName)
		queue.send("one")
		m := queue.receive()[0]
		time.AfterFunc(3*time.Second, func() {
			if err := queue.hide(m, 0); err != nil {
				t.Error(err)
			}
		})
		got := queue.poll(t.Context())
		checkBodies(t, got.messages, "one")
		if got.took != 3*time.Second {
			t.Errorf("took %s", got.took)
		}
	})
}

func TestLongPollOfAQueueThatGoes(t *testing.T) {
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

// A server's clock that stands still must not keep a poll from its end.
func TestLongPollWithAStandingClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{time.Now()}
		s := simulator.New(queueWorld(), simulator.Options{Latency: -1, Now: c.Now})
		queue := poller(t, s, queueName)
		queue.send("one")
		checkBodies(t, queue.receive(), "one")
		c.pass(30*time.Second - time.Nanosecond)
		if got := queue.poll(t.Context()); got.err != nil || got.took != 20*time.Second || len(got.messages) != 0 {
			t.Errorf("ended with %+v", got)
		}
	})
}

// pollOnTheWire begins a long poll over HTTP and returns once its call has come.
func pollOnTheWire(ctx context.Context, t *testing.T, s *simulator.Server, url string) <-chan polled {
	t.Helper()
	come, ended := make(chan struct{}), make(chan polled, 1)
	s.SetIntercept(func(simulator.Call, http.ResponseWriter, *http.Request) bool {
		close(come)
		return false
	})
	queue := openBox(t, url, queueName)
	go func() { ended <- queue.poll(ctx) }()
	<-come
	s.SetIntercept(nil)
	return ended
}

func TestLongPollOnTheWire(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	ended := pollOnTheWire(t.Context(), t, s, url)
	if _, err := s.Send(administrator, region, queueName, "one"); err != nil {
		t.Fatal(err)
	}
	got := <-ended
	checkBodies(t, got.messages, "one")
	if got.err != nil || got.took > 10*time.Second {
		t.Errorf("took %s, %v", got.took, got.err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended = pollOnTheWire(ctx, t, s, url)
	s.ResetCalls()
	cancel()
	if got := <-ended; !errors.Is(got.err, context.Canceled) {
		t.Errorf("given up with %v", got.err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(s.Calls()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the server has not noticed that the caller has gone")
		}
		<-time.After(time.Millisecond)
	}
	if call := s.Calls()[0]; call.Status != 0 || call.Operation != "ReceiveMessage" {
		t.Errorf("recorded as %+v", call)
	}
}

func TestStopEndsLongPolls(t *testing.T) {
	s := simulator.New(queueWorld(), simulator.Options{})
	running, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := pollOnTheWire(t.Context(), t, s, running.URL)
	if err := running.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-ended; got.err != nil || len(got.messages) != 0 || got.took > 10*time.Second {
		t.Errorf("ended with %+v", got)
	}
}

func TestInterceptOfSQS(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openBox(t, url, queueName)
	queue.send("one")
	s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteSQSError(w, http.StatusBadRequest, "RequestThrottled", c.Operation)
		return true
	})
	got := queue.poll(t.Context())
	throttled := new(types.RequestThrottled)
	if !errors.As(got.err, &throttled) || throttled.ErrorMessage() != "ReceiveMessage" {
		t.Errorf("refused with %v", got.err)
	}
	s.SetIntercept(func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteSQSError(w, http.StatusBadRequest, "QueueDoesNotExist", "gone")
		return true
	})
	if got := queue.poll(t.Context()); !errors.As(got.err, new(*types.QueueDoesNotExist)) {
		t.Errorf("refused with %v", got.err)
	}
	checkDepth(t, s, queueName, 1, 0)
}
