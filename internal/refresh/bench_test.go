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
	usual           = refresh.Settings{Interval: 100 * time.Second, Timeout: 30 * time.Second, MaxStaleness: 500 * time.Second}
	errDenied error = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "access denied"}
)

// bench is a Refresher in a bubble of fake time, and what it has said so far.
type bench struct {
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
}

type published struct {
	after time.Duration // since the start
	coverage.Report
}

// inBubble runs f and then ends all that runs. A goroutine that does not end is
// a failure of the bubble.
func inBubble(t *testing.T, f func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{start: time.Now(), metrics: prometheus.NewRegistry(), t: t}
		ctx, cancel := context.WithCancel(t.Context())
		b.cancel = cancel
		b.set = func(s refresh.Settings, targets ...refresh.Target) { b.Set(ctx, s, targets) }
		b.Refresher = refresh.New(refresh.Options{
			Put: func(r coverage.Report) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.reports = append(b.reports, published{time.Since(b.start), r})
			},
			Drop: func(target coverage.TargetID) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.dropped = append(b.dropped, target)
			},
			Metrics: refresh.NewMetrics(b.metrics),
			Logger:  slog.New((*logHandler)(b)),
		})
		f(t, b)
		b.cancel()
		b.Wait()
	})
}

// pass lets time go by, and all that is due at its end happen.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

// passUntil lets time go by up to so long after the start.
func (b *bench) passUntil(after time.Duration) { b.pass(time.Until(b.start.Add(after))) }

// of returns the reports of a target.
func (b *bench) of(name string) []published {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.reports), func(p published) bool { return p.Target.Name != name })
}

// last returns the newest report of a target.
func (b *bench) last(name string) published {
	b.t.Helper()
	reports := b.of(name)
	if len(reports) == 0 {
		b.t.Fatalf("nothing is known of %s", name)
	}
	return reports[len(reports)-1]
}

// said returns the lines of the log.
func (b *bench) said() []line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// gone returns the names of the targets dropped so far, sorted.
func (b *bench) gone() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, target := range b.dropped {
		names = append(names, target.Name)
	}
	slices.Sort(names)
	return names
}

// source is what a target reads: it takes a while and then answers. While calls
// may be in flight it is changed through now alone.
type source struct {
	t        *testing.T
	account  string
	takes    time.Duration
	err      error
	cluster  string
	ignoring bool // whether it goes on after its context has ended
	listing  func() []refresh.Target

	mu        sync.Mutex // guards what stands above and what follows
	begun     []time.Time
	deadlines []time.Duration
	inFlight  int
}

func (b *bench) source() *source {
	return &source{t: b.t, account: "111122223333", cluster: "web"}
}

// answer waits and says what to answer.
func (s *source) answer(ctx context.Context) error {
	s.mu.Lock()
	if s.inFlight++; s.inFlight > 1 {
		s.t.Errorf("%d refreshes of one target are in flight", s.inFlight)
	}
	s.begun = append(s.begun, time.Now())
	deadline, ok := ctx.Deadline()
	if !ok {
		s.t.Error("a refresh has no deadline")
	}
	s.deadlines = append(s.deadlines, time.Until(deadline))
	takes, err, ignoring := s.takes, s.err, s.ignoring
	s.mu.Unlock()

	var ended <-chan struct{}
	if !ignoring {
		ended = ctx.Done()
	}
	select {
	case <-ended:
		err = fmt.Errorf("read: %w", ctx.Err())
	case <-time.After(takes):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	return err
}

func (s *source) read(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
	err := s.answer(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.account, nil, err
	}
	return s.account, snapshot(s.cluster), nil
}

func (s *source) list(ctx context.Context) (string, []refresh.Target, error) {
	err := s.answer(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return s.account, nil, err
	}
	return s.account, s.listing(), nil
}

// now changes the source from this moment on.
func (s *source) now(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// calls returns when the calls began.
func (s *source) calls() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun)
}

// timeouts returns how far away the calls' deadlines were at their beginnings.
func (s *source) timeouts() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deadlines)
}

// target asks "the same" of the source.
func (s *source) target(name string) refresh.Target {
	return refresh.Target{Name: name, Region: region, Key: "the same", Read: s.read}
}

// lister is a target called "all" that asks "the same" of the source, which
// answers with targets.
func (s *source) lister(targets func() []refresh.Target) refresh.Target {
	s.now(func(s *source) { s.listing = targets })
	return refresh.Target{Name: "all", Region: "all", Key: "the same", List: s.list}
}

func snapshot(cluster string) *coverage.Snapshot {
	return &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: region, Name: cluster}, Status: coverage.Healthy,
	})}}
}

// shows returns the name of the snapshot's cluster, "" when there is no snapshot.
func (p published) shows() string {
	if p.Snapshot == nil || len(p.Snapshot.Resources) == 0 {
		return ""
	}
	return p.Snapshot.Resources[0].Name
}
