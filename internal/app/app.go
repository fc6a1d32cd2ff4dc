// Package app wires the exporter together: it builds every component, runs
// them, applies configuration reloads and shuts down in reverse order.
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
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/statuspage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// The shutdown drains scrapes and stops the work at the same time.
const (
	// drainTimeout is how long open requests may take to finish before their
	// connections are closed.
	drainTimeout = 10 * time.Second
	// stopTimeout limits the end of refreshes, events and rendering after their
	// contexts have been cancelled.
	stopTimeout = 10 * time.Second
)

// Options configures the exporter.
type Options struct {
	// Load reads the configuration, at the start and for each reload.
	Load func() (*config.Config, error)
	// Changed reports whether what Load reads has changed since the last Load. It is
	// called every AutoReload, which is 0 to reload only on request.
	Changed    func() bool
	AutoReload time.Duration

	Web           *toolkit.FlagConfig
	TelemetryPath string
	Lifecycle     bool // serve POST /-/reload
	Profiling     bool // serve /debug/pprof
	Logger        *slog.Logger
	LogWriter     *LogWriter         // that Logger writes to, for its metric; nil for none
	Simulator     *session.Simulator // nil for AWS
	// Listening, if not nil, is called once when the addresses are open, before
	// serving.
	Listening func(*web.Server)
}

// app is a built exporter.
type app struct {
	o          Options
	registry   *prometheus.Registry // of the exporter's own metrics
	self       *SelfMetrics
	store      store.Store
	refresher  *refresh.Refresher
	events     *events.Consumer
	monitor    *ecs.Monitor
	guide      guide.Guide
	renderer   *renderer
	server     *web.Server
	renderLoop sync.WaitGroup
	reportMu   sync.Mutex // held while a report is passed from the store to monitor

	deep        bool           // see [DiagnoseOptions]
	config      *config.Config // in use; accessed only by the goroutine that reloads
	pageOptions atomic.Pointer[pageOptions]

	exclusionLog exclusionLog    // used by render only
	reloads      chan chan error // requested reloads, each with the channel for its result
	stopped      chan struct{}   // closed when no more reloads are made
}

// Run builds the exporter and serves until ctx ends. SIGHUP reloads the
// configuration. It returns nil after an orderly shutdown.
func Run(ctx context.Context, o Options) error {
	o.Logger = slog.New(redactHandler{o.Logger.Handler()})
	registry := prometheus.NewRegistry()
	a := &app{
		o: o, registry: registry, self: NewSelfMetrics(registry, o.LogWriter),
		reloads: make(chan chan error), stopped: make(chan struct{}),
	}
	first, err := a.build(ctx)
	if err != nil {
		return err
	}
	return a.run(ctx, first)
}

// build creates all components and opens the listeners, but starts nothing. It
// returns the first configuration.
func (a *app) build(ctx context.Context) (*prepared, error) {
	o := a.o
	a.monitor = ecs.NewMonitor(ecs.MonitorOptions{
		Diagnose: diagnosis.Diagnose, Put: a.store.PutECS, Drop: a.store.DropECS, Logger: o.Logger,
	})
	a.refresher = refresh.New(refresh.Options{
		Put:     a.put,
		Drop:    a.drop,
		Metrics: a.self.refreshes,
		Logger:  o.Logger,
	})
	a.events = events.New(events.Options{Apply: a.refresher.Apply, Metrics: a.self.events, Logger: o.Logger})
	a.renderer = newRenderer(rendererOptions{render: a.render, ready: a.refresher.Ready, expire: a.refresher.ExpireSnapshots})
	a.store.Changed = a.renderer.Changed
	a.registry.MustRegister(newGoMetrics(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler, err := web.Routes{
		TelemetryPath: o.TelemetryPath,
		Metrics: exposition.MetricsHandler(exposition.Options{
			Page: a.renderer.Page, Self: a.registry, Limit: web.LimitRequests, Logger: o.Logger,
		}),
		Status: web.LimitRequests(statuspage.Page(a.statusSource(), statuspage.PageOptions{
			TelemetryPath: o.TelemetryPath, Profiling: o.Profiling,
		})),
		StatusJSON:   web.LimitRequests(statuspage.StatusJSON(a.statusSource())),
		ClustersJSON: web.LimitRequests(statuspage.ClustersJSON(a.statusSource())),
		Ready:        func() bool { return a.refresher.Ready() && a.renderer.Ready() },
		Lifecycle:    o.Lifecycle,
		Reload:       a.requestReload,
		Profiling:    o.Profiling,
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

// render renders the store's view.
func (a *app) render() (page *exposition.Page, expires time.Time) {
	now := time.Now()
	in, tags := a.input(now)
	a.exclusionLog.log(a.o.Logger, in.Exclusions)
	return renderPage(in, tags...), earliest(expiry(in.View), nextEnd(in.Exclusions))
}

// put takes the newest report of a target.
func (a *app) put(r coverage.Report) {
	a.reportMu.Lock()
	defer a.reportMu.Unlock()
	a.self.transitions.observe(r, a.store.Put(r))
	a.monitor.Observe(r)
}

// drop removes a target that is no longer configured.
func (a *app) drop(t coverage.TargetID) {
	a.reportMu.Lock()
	defer a.reportMu.Unlock()
	a.store.Drop(t)
	a.self.transitions.drop(t)
	a.monitor.Drop(t)
}

// observeAll passes all reports to the monitor, which may have new targets.
func (a *app) observeAll() {
	a.reportMu.Lock()
	defer a.reportMu.Unlock()
	for _, r := range a.store.Reports() {
		a.monitor.Observe(r)
	}
}

// run starts all components, waits for the end and shuts down.
func (a *app) run(ctx context.Context, first *prepared) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	renderCtx, stopRendering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRendering()
	a.apply(work, first)
	a.renderLoop.Go(func() { a.renderer.run(renderCtx) })

	if a.o.Listening != nil {
		a.o.Listening(a.server)
	}
	served := make(chan error, 1)
	go func() { served <- a.server.Serve() }()
	err := a.reloadUntil(ctx, work, served)
	close(a.stopped)

	stopWork()
	shutdown := context.WithoutCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- a.waitForWork(shutdown) }()
	err = errors.Join(err, a.drain(shutdown))
	stopRendering()
	a.renderLoop.Wait()
	return errors.Join(err, <-stopped)
}

// drain stops accepting connections and waits for open requests. Requests that
// take too long are not an error of the exporter.
func (a *app) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := a.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		a.o.Logger.Warn("closed connections with requests that did not finish in time", "timeout", drainTimeout)
		return nil
	}
	return err
}

// waitForWork returns when refreshes, event queues and reads of ECS have ended.
func (a *app) waitForWork(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	done := make(chan struct{})
	go func() {
		a.events.Wait()
		a.refresher.Wait()
		a.monitor.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for refreshes, event queues and reads of ECS to end: %w", ctx.Err())
	}
}

// reloadUntil performs the requested reloads, and those after a change, until ctx
// ends or serving fails.
func (a *app) reloadUntil(ctx, work context.Context, served <-chan error) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var check <-chan time.Time
	if a.o.AutoReload > 0 {
		ticker := time.NewTicker(a.o.AutoReload)
		defer ticker.Stop()
		check = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			a.o.Logger.Info("shutting down")
			return nil
		case err := <-served:
			return err
		case <-hangup:
			_ = a.reload(ctx, work) // logged, and visible in a metric
		case result := <-a.reloads:
			result <- a.reload(ctx, work)
		case <-check:
			if a.o.Changed() {
				_ = a.reload(ctx, work)
			}
		}
	}
}
