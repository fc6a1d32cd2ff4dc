package refresh_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

const region = "eu-west-1"

var (
	settings        = refresh.Settings{Interval: 100 * time.Second, Timeout: 30 * time.Second, MaxStaleness: 500 * time.Second}
	errDenied error = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "access denied"}
)

// harness is a Refresher with fake time and what it has put and logged.
type harness struct {
	*refresh.Refresher
	set     func(refresh.Settings, ...refresh.Target) // Set with a context that cancel ends
	cancel  context.CancelFunc
	start   time.Time
	metrics *prometheus.Registry
	t       *testing.T

	mu      sync.Mutex
	reports []published
	dropped []coverage.TargetID
	lines   []line
	blocked chan struct{} // if not nil, the log blocks until it is closed
}

type published struct {
	after time.Duration // since the start
	coverage.Report
}

// run runs f with fake time and then stops the refresher. A goroutine that does
// not end fails the test.
func run(t *testing.T, f func(*testing.T, *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &harness{start: time.Now(), metrics: prometheus.NewRegistry(), t: t}
		ctx, cancel := context.WithCancel(t.Context())
		h.cancel = cancel
		h.set = func(s refresh.Settings, targets ...refresh.Target) { h.Set(ctx, s, targets) }
		h.Refresher = refresh.New(refresh.Options{
			Put: func(r coverage.Report) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.reports = append(h.reports, published{time.Since(h.start), r})
			},
			Drop: func(target coverage.TargetID) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.dropped = append(h.dropped, target)
			},
			Metrics: refresh.NewMetrics(h.metrics),
			Logger:  slog.New((*logHandler)(h)),
		})
		f(t, h)
		h.cancel()
		h.Wait()
	})
}

// update changes the harness.
func (h *harness) update(change func(*harness)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// advance advances the time and waits until everything due has happened.
func (h *harness) advance(d time.Duration) {
	h.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// advanceTo advances the time to this long after the start.
func (h *harness) advanceTo(after time.Duration) { h.advance(time.Until(h.start.Add(after))) }

// reportsOf returns the reports of a target.
func (h *harness) reportsOf(name string) []published {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.reports), func(p published) bool { return p.Target.Name != name })
}

// lastReport returns the newest report of a target.
func (h *harness) lastReport(name string) published {
	h.t.Helper()
	reports := h.reportsOf(name)
	if len(reports) == 0 {
		h.t.Fatalf("no report of %s", name)
	}
	return reports[len(reports)-1]
}

// logged returns the log lines.
func (h *harness) logged() []line {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

// droppedNames returns the names of the targets dropped so far, sorted.
func (h *harness) droppedNames() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, target := range h.dropped {
		names = append(names, target.Name)
	}
	slices.Sort(names)
	return names
}

// source is a fake source that responds after a latency. While calls may be in
// flight, it is changed only by update.
type source struct {
	t             *testing.T
	account       string
	latency       time.Duration
	err           error
	cluster       string
	ignoresCancel bool // whether it continues after its context has ended
	listing       func() []refresh.Target

	mu        sync.Mutex // guards all fields
	started   []time.Time
	deadlines []time.Duration
	inFlight  int
}

func (h *harness) source() *source {
	return &source{t: h.t, account: "111122223333", cluster: "web"}
}

// respond waits for the latency and returns the error.
func (s *source) respond(ctx context.Context) error {
	s.mu.Lock()
	if s.inFlight++; s.inFlight > 1 {
		s.t.Errorf("%d refreshes of one target are in flight", s.inFlight)
	}
	s.started = append(s.started, time.Now())
	deadline, ok := ctx.Deadline()
	if !ok {
		s.t.Error("a refresh has no deadline")
	}
	s.deadlines = append(s.deadlines, time.Until(deadline))
	latency, err, ignoresCancel := s.latency, s.err, s.ignoresCancel
	s.mu.Unlock()

	var ended <-chan struct{}
	if !ignoresCancel {
		ended = ctx.Done()
	}
	select {
	case <-ended:
		err = fmt.Errorf("read: %w", ctx.Err())
	case <-time.After(latency):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	return err
}

func (s *source) read(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
	err := s.respond(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.account, nil, err
	}
	return s.account, snapshot(s.cluster), nil
}

func (s *source) list(ctx context.Context) (string, []refresh.Target, error) {
	err := s.respond(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.account, nil, err
	}
	return s.account, s.listing(), nil
}

// update changes the source.
func (s *source) update(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// calls returns when the calls started.
func (s *source) calls() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.started)
}

// timeouts returns the time that each call had until its deadline.
func (s *source) timeouts() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deadlines)
}

// target returns a target that reads the source.
func (s *source) target(name string) refresh.Target {
	return refresh.Target{Name: name, Region: region, Key: "same", Source: refresh.SourceFunc(s.read)}
}

// lister returns a target named "all" whose listing returns targets.
func (s *source) lister(targets func() []refresh.Target) refresh.Target {
	s.update(func(s *source) { s.listing = targets })
	return refresh.Target{Name: "all", Kind: coverage.KindRegions, Key: "same", List: s.list}
}

func snapshot(cluster string) *coverage.Snapshot {
	return &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: region, Name: cluster}, Status: coverage.Healthy,
	})}}
}

// cluster returns the name of the snapshot's cluster, "" without a snapshot.
func (p published) cluster() string {
	if p.Snapshot == nil || len(p.Snapshot.Resources) == 0 {
		return ""
	}
	return p.Snapshot.Resources[0].Name
}
