package events_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
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
	usual      = "coverage"
	deadLetter = "coverage-dead"
	spare      = "spare"
	keyID      = "AKIAIOSFODNN7EXAMPLE"
	secret     = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	endpoint   = "http://sqs.test"
)

// bench is a Consumer and the simulator that it speaks HTTP with, all in a
// bubble of fake time, and what has happened so far.
type bench struct {
	*events.Consumer
	t       *testing.T
	server  *simulator.Server
	client  *http.Client
	set     func(...events.Queue) // Set with a context that stop ends
	stop    context.CancelFunc
	start   time.Time
	metrics *prometheus.Registry

	mu    sync.Mutex
	judge judge
	looks []look
	lines []line
}

// judge stands for what looks at changes.
type judge func(context.Context, coverage.Event) (coverage.Outcome, error)

type look struct {
	after time.Duration // since the start
	name  string
}

// inBubble runs f and then ends all that runs. A goroutine that does not end is
// a failure of the bubble.
func inBubble(t *testing.T, f func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{
			t: t, start: time.Now(), metrics: prometheus.NewPedanticRegistry(), judge: always(coverage.Applied),
			server: simulator.New(&simulator.World{Accounts: []*simulator.Account{{
				ID: account, Keys: simulator.Keys{AccessKeyID: keyID, SecretAccessKey: secret},
				Queues: []*simulator.Queue{
					{Region: region, Name: usual, DeadLetter: deadLetter, MaxReceives: 10},
					{Region: region, Name: deadLetter},
					{Region: region, Name: spare},
				},
			}}}, simulator.Options{}),
		}
		n := newNetwork()
		server := &http.Server{Handler: b.server}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(n)
		}()
		transport := &http.Transport{DialContext: n.dial}
		b.client = &http.Client{Transport: transport, Timeout: 40 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		b.stop = cancel
		b.set = func(queues ...events.Queue) { b.Set(ctx, queues) }
		b.Consumer = events.New(events.Options{Apply: b.look, Metrics: events.NewMetrics(b.metrics), Logger: slog.New(&logHandler{bench: b})})
		f(t, b)
		b.stop()
		b.Wait()
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
}

// network is a listener whose connections are pipes: unlike sockets they stand
// still with the bubble's clock.
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
func (b *bench) queue(name string) events.Queue {
	return events.Queue{
		URL: queue.Address{AccountID: account, Region: region, Name: name}.URL(endpoint), Key: "as ever",
		Config: aws.Config{
			Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: b.client,
			Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		},
	}
}

// send puts a message into a queue.
func (b *bench) send(queue, body string) (messageID string) {
	b.t.Helper()
	id, err := b.server.Send(account, region, queue, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// event returns an event of a cluster, published now.
func event(name string) string {
	return strings.NewReplacer(
		`"shop"`, fmt.Sprintf("%q", name), "2026-08-03T07:58:16Z", time.Now().UTC().Format(time.RFC3339),
	).Replace(documented)
}

func (b *bench) look(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
	b.mu.Lock()
	b.looks = append(b.looks, look{time.Since(b.start), c.Name})
	judge := b.judge
	b.mu.Unlock()
	return judge(ctx, c)
}

// judgeBy replaces the judge.
func (b *bench) judgeBy(j judge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.judge = j
}

func always(v coverage.Outcome) judge {
	return func(context.Context, coverage.Event) (coverage.Outcome, error) { return v, nil }
}

// after delays a judge.
func after(d time.Duration, j judge) judge {
	return func(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
		select {
		case <-time.After(d):
			return j(ctx, c)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// looked returns the names of the changes looked at, in their order.
func (b *bench) looked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, l := range b.looks {
		names = append(names, l.name)
	}
	return names
}

// pass lets time go by and everything that is due happen.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// wantDepth checks how many messages of a queue can be received and how many
// are hidden.
func (b *bench) wantDepth(queue string, visible, hidden int) {
	b.t.Helper()
	if v, h := b.server.QueueDepth(account, region, queue); v != visible || h != hidden {
		b.t.Errorf("queue %s has %d messages and %d hidden ones, want %d and %d", queue, v, h, visible, hidden)
	}
}

// calls counts the calls of an operation that were answered.
func (b *bench) calls(operation string) int {
	n := 0
	for _, c := range b.server.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// intercept has calls of an operation, for a queue or "" for all, answered by f.
func (b *bench) intercept(operation, queue string, f func(w http.ResponseWriter, r *http.Request)) {
	b.server.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.t.Error(err)
		}
		if c.Operation != operation || !strings.Contains(string(body), "/"+queue) {
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f(w, r)
		return true
	})
}

// values returns the metrics, by their names and label values, that are not zero.
func (b *bench) values() map[string]float64 {
	b.t.Helper()
	found := map[string]float64{}
	for _, f := range gather(b.t, b.metrics) {
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

// line is a line of the log.
type line struct {
	Level slog.Level
	Text  string // the message, and the values of some attributes
	attrs map[string]slog.Value
}

// logHandler keeps the lines in the bench.
type logHandler struct {
	*bench
	attrs []slog.Attr
}

func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	l := line{Level: record.Level, Text: record.Message, attrs: map[string]slog.Value{}}
	for _, a := range h.attrs {
		l.attrs[a.Key] = a.Value
	}
	record.Attrs(func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value
		return true
	})
	for _, key := range []string{"action", "message_id"} {
		if v, ok := l.attrs[key]; ok {
			l.Text += " " + v.String()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, l)
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.bench, append(slices.Clone(h.attrs), attrs...)}
}

func (*logHandler) WithGroup(string) slog.Handler { panic("not expected") }

// said returns the lines of the log above DEBUG.
func (b *bench) said() []line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.lines), func(l line) bool { return l.Level == slog.LevelDebug })
}

// wantSaid checks the lines of the log above DEBUG: their levels, messages and
// actions.
func (b *bench) wantSaid(want ...string) {
	b.t.Helper()
	var got []string
	for _, l := range b.said() {
		got = append(got, l.Level.String()+" "+l.Text)
	}
	equal(b.t, "log", want, got)
}
