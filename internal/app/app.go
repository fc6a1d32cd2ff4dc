// Package app joins the rooms: it builds each part once, runs them, applies
// reloads, and closes in reverse. The parts know of one another only through
// the function values that it hands around.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// drainTimeout bounds the whole way down, from the signal to the last goroutine.
const drainTimeout = 15 * time.Second

// Options of a running exporter.
type Options struct {
	// Load reads the configuration, at the start and at each reload.
	Load          func() (*config.Config, error)
	Web           *toolkit.FlagConfig
	TelemetryPath string
	Lifecycle     bool // whether POST /-/reload is answered
	Profiling     bool // whether the process's profiles are served
	Logger        *slog.Logger
	Simulator     *session.Simulator // nil for AWS
	// Listening, if not nil, is called once when the addresses are open, before
	// serving.
	Listening func(*web.Server)
}

// App is a built exporter.
type App struct {
	o         Options
	store     store.Store
	refresher *refresh.Refresher
	events    *events.Consumer
	publisher *publisher
	working   sync.WaitGroup       // the publisher
	registry  *prometheus.Registry // of the process's own metrics
	self      *SelfMetrics
	running   *config.Config // what is applied; of the goroutine that applies and reloads
	issues    atomic.Pointer[collector.IssueOptions]
	requests  chan chan error // of reloads, each with where its result goes
	stopping  chan struct{}   // closed when no more reloads are made
	server    *web.Server
}

// Run builds the exporter and serves until ctx ends, a SIGHUP reloading it. It
// returns nil after an orderly stop.
func Run(ctx context.Context, o Options) error {
	o.Logger = slog.New(discreet{o.Logger.Handler()})
	registry := prometheus.NewRegistry()
	a := &App{o: o, registry: registry, self: NewSelfMetrics(registry), requests: make(chan chan error), stopping: make(chan struct{})}
	first, err := a.build(ctx)
	if err != nil {
		return err
	}
	return a.run(ctx, first)
}

// build makes every part and opens the listeners; nothing runs yet. It returns
// the first configuration.
func (a *App) build(ctx context.Context) (*prepared, error) {
	o := a.o
	a.refresher = refresh.New(refresh.Options{
		Put:     func(r coverage.Report) { a.self.countTransitions(a.store.Put(r)) },
		Drop:    a.store.Drop,
		Metrics: a.self.refreshes, Logger: o.Logger,
	})
	a.events = events.New(events.Options{Apply: a.refresher.Apply, Metrics: a.self.events, Logger: o.Logger})
	a.publisher = newPublisher(func() *exposition.Page { return render(a.input()) }, a.refresher.Ready)
	a.store.Changed = a.publisher.Changed
	a.registry.MustRegister(newGoMetrics(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler, err := web.Routes{
		TelemetryPath: o.TelemetryPath,
		Metrics: exposition.MetricsHandler(exposition.Options{
			Page: a.publisher.Page, Self: a.registry, Limit: web.LimitScrapes, Logger: o.Logger,
		}),
		Version:   version.Info(),
		Ready:     func() bool { return a.refresher.Ready() && a.publisher.Ready() },
		Lifecycle: o.Lifecycle,
		Reload:    a.requestReload,
		Profiling: o.Profiling,
	}.Handler()
	if err != nil {
		return nil, err
	}
	first, err := a.prepare(ctx)
	if err != nil {
		return nil, err
	}
	a.server, err = web.Listen(ctx, web.Options{Flags: o.Web, Handler: handler, Metrics: a.self.web, Logger: o.Logger})
	return first, err
}

// run starts what build has made and takes it down in reverse: stop accepting,
// drain the scrapes, stop the refreshes, wait.
func (a *App) run(ctx context.Context, first *prepared) error {
	refreshing, stopRefreshing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRefreshing()
	a.apply(refreshing, first)
	a.working.Go(func() { a.publisher.run(refreshing) })

	if a.o.Listening != nil {
		a.o.Listening(a.server)
	}
	served := make(chan error, 1)
	go func() { served <- a.server.Serve() }()
	err := a.wait(ctx, refreshing, served)
	close(a.stopping)

	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err = errors.Join(err, a.server.Shutdown(down))
	stopRefreshing()
	return errors.Join(err, a.waitForWork(down))
}

// wait reloads when it is asked to, until ctx ends or serving fails.
func (a *App) wait(ctx, refreshing context.Context, served <-chan error) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			a.o.Logger.Info("stopping")
			return nil
		case err := <-served:
			return err
		case <-hangup:
			_ = a.reload(refreshing) // has logged its error and shows it in a metric
		case result := <-a.requests:
			result <- a.reload(refreshing)
		}
	}
}

func (a *App) waitForWork(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		a.events.Wait()
		a.refresher.Wait()
		a.working.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the refreshes and the page to end: %w", ctx.Err())
	}
}
