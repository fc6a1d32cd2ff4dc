package events_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mainQueue  = "coverage"
	deadLetter = "coverage-dead"
	otherQueue = "otherQueue"
	keyID      = "AKIAIOSFODNN7EXAMPLE"
	secret     = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	endpoint   = "http://sqs.test"
)

// harness is a Consumer and the simulator that it calls over HTTP, both in a
// synctest bubble, and a record of what happened.
type harness struct {
	*events.Consumer
	t       *testing.T
	server  *simulator.Server
	client  *http.Client
	set     func(...events.Queue) // Set with a context that stop ends
	stop    context.CancelFunc
	start   time.Time
	metrics *prometheus.Registry

	mu    sync.Mutex
	apply applyFunc
	calls []applyCall
	lines []line
}

// applyFunc stands in for Options.Apply.
type applyFunc func(context.Context, coverage.Event) (coverage.Outcome, error)

type applyCall struct {
	after time.Duration // since the start
	name  string
}

// withHarness runs f and then stops everything. It fails if a goroutine does not
// end.
func withHarness(t *testing.T, f func(*testing.T, *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{
			t: t, start: time.Now(), metrics: prometheus.NewPedanticRegistry(), apply: returns(coverage.Applied),
			server: simulator.New(&simulator.World{Accounts: []*simulator.Account{{
				ID: account, Keys: simulator.Keys{AccessKeyID: keyID, SecretAccessKey: secret},
				Queues: []*simulator.Queue{
					{Region: region, Name: mainQueue, DeadLetter: deadLetter, MaxReceives: 10},
					{Region: region, Name: deadLetter},
					{Region: region, Name: otherQueue},
				},
			}}}, simulator.Options{}),
		}
		n := newNetwork()
		server := &http.Server{Handler: h.server}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(n)
		}()
		transport := &http.Transport{DialContext: n.dial}
		h.client = &http.Client{Transport: transport, Timeout: 40 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		h.stop = cancel
		h.set = func(queues ...events.Queue) { h.Set(ctx, queues) }
		h.Consumer = events.New(events.Options{
			Apply: h.record, Metrics: events.NewMetrics(h.metrics), Logger: slog.New(&logHandler{harness: h}),
		})
		f(t, h)
		h.stop()
		h.Wait()
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
}

// network is a listener whose connections are pipes, because synctest does not
// support sockets.
type network struct {
	connections chan net.Conn
	closed      chan struct{}
	close       func()
}

func newNetwork() *network {
	n := &network{connections: make(chan net.Conn), closed: make(chan struct{})}
	n.close = sync.OnceFunc(func() { close(n.closed) })
	return n
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case n.connections <- far:
		return near, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.connections:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.close()
	return nil
}

func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// queue returns a queue of the simulator.
func (h *harness) queue(name string) events.Queue {
	return events.Queue{
		URL: queue.Address{AccountID: account, Region: region, Name: name}.URL(endpoint), Key: "unchanged",
		Config: aws.Config{
			Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: h.client,
			Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		},
	}
}

// send puts a message into a queue.
func (h *harness) send(queue, body string) (messageID string) {
	h.t.Helper()
	id, err := h.server.Send(account, region, queue, body)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// event returns an event of a cluster, published now.
func event(name string) string {
	return strings.NewReplacer(
		`"shop"`, fmt.Sprintf("%q", name), "2026-08-03T07:58:16Z", time.Now().UTC().Format(time.RFC3339),
	).Replace(documented)
}

// record records a call of Options.Apply.
func (h *harness) record(ctx context.Context, e coverage.Event) (coverage.Outcome, error) {
	h.mu.Lock()
	h.calls = append(h.calls, applyCall{time.Since(h.start), e.Name})
	apply := h.apply
	h.mu.Unlock()
	return apply(ctx, e)
}

// onApply replaces the applyFunc.
func (h *harness) onApply(f applyFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.apply = f
}

func returns(o coverage.Outcome) applyFunc {
	return func(context.Context, coverage.Event) (coverage.Outcome, error) { return o, nil }
}

// delayed calls f after d, or fails when its context ends before.
func delayed(d time.Duration, f applyFunc) applyFunc {
	return func(ctx context.Context, e coverage.Event) (coverage.Outcome, error) {
		select {
		case <-time.After(d):
			return f(ctx, e)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// handled returns the names of the events' resources in the order of the calls.
func (h *harness) handled() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, c := range h.calls {
		names = append(names, c.name)
	}
	return names
}

// advance advances the fake clock and waits until everything that is due has
// happened.
func (h *harness) advance(d time.Duration) {
	h.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// wantDepth checks how many messages of a queue are visible and hidden.
func (h *harness) wantDepth(queue string, visible, hidden int) {
	h.t.Helper()
	if v, n := h.server.QueueDepth(account, region, queue); v != visible || n != hidden {
		h.t.Errorf("queue %s has %d visible and %d hidden messages, want %d and %d", queue, v, n, visible, hidden)
	}
}

// requests returns the number of completed requests of an operation.
func (h *harness) requests(operation string) int {
	n := 0
	for _, c := range h.server.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// intercept lets f respond to requests of an operation, for a queue or "" for all.
func (h *harness) intercept(operation, queue string, f func(w http.ResponseWriter, r *http.Request)) {
	h.server.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			h.t.Error(err)
		}
		if c.Operation != operation || !strings.Contains(string(body), "/"+queue) {
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f(w, r)
		return true
	})
}

// values returns the metrics that are not zero, and all gauges, by their names
// and label values.
func (h *harness) values() map[string]float64 {
	h.t.Helper()
	found := map[string]float64{}
	for _, f := range gather(h.t, h.metrics) {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(strings.TrimPrefix(f.GetName(), "guardduty_exporter_events_"), "guardduty_")
			for _, label := range m.GetLabel() {
				name += " " + strings.TrimPrefix(label.GetValue(), endpoint+"/"+account+"/")
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if value != 0 || m.GetGauge() != nil {
				found[name] = value
			}
		}
	}
	return found
}

func gather(t *testing.T, registry *prometheus.Registry) []*dto.MetricFamily {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}
