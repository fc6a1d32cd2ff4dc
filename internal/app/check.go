package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// ReadOptions configures ReadOnce.
type ReadOptions struct {
	Config    *config.Config
	Timeout   time.Duration // of everything
	Logger    *slog.Logger
	Simulator *session.Simulator // nil for AWS
}

// Reading is what one refresh of every target has read.
type Reading struct {
	Status     *status.Status      // without filters and limits
	Resources  []coverage.Resource // all, sorted
	Exclusions exclusion.Result
	Complete   bool // whether everything was read within the timeout

	input collector.Input
	tags  []string
}

// ReadOnce makes one refresh of every target, and reads ECS once where it is
// configured. What could not be read is in the result. The error is one of the
// configuration, or that of ctx.
func ReadOnce(ctx context.Context, o ReadOptions) (*Reading, error) {
	a := newOneShot(Options{Load: func() (*config.Config, error) { return o.Config, nil }, Logger: o.Logger, Simulator: o.Simulator})
	next, err := a.prepare(ctx)
	if err != nil {
		return nil, err
	}
	a.pageOptions.Store(&next.page)
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if a.readTargets(limited, next.settings, next.targets) == nil { // otherwise out of time
		a.readECS(limited, next.ecs, func(t ecs.Target, r coverage.Report) (ecs.Target, coverage.Report) { return t, r })
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read GuardDuty: %w", context.Cause(ctx))
	}
	r := &Reading{Complete: limited.Err() == nil}
	in := a.statusInput()
	for id := range in.Next {
		in.Next[id] = time.Time{} // there is no next refresh
	}
	r.Status = status.New(in, status.Query{})
	r.Resources, r.Exclusions = in.View.Resources, in.Exclusions
	r.input, r.tags = a.input(time.Now())
	return r, nil
}

// newOneShot returns an app that reads once and serves nothing.
func newOneShot(o Options) *app {
	registry := prometheus.NewRegistry()
	o.Logger = slog.New(redactHandler{o.Logger.Handler()})
	return &app{o: o, registry: registry, self: NewSelfMetrics(registry, nil)}
}

// WriteTextfile writes the metrics of a reading for node_exporter's textfile
// collector, with the result and the time of the check. Without a reading it
// writes the latter only, so that no older metrics stay.
func (r *Reading) WriteTextfile(path string, level int) error {
	registry := prometheus.NewRegistry()
	RegisterCheckMetrics(registry, level, time.Now())
	if r != nil {
		registry.MustRegister(collector.New(func() collector.Input { return r.input }, r.tags...))
	}
	if err := prometheus.WriteToTextfile(path, registry); err != nil {
		return fmt.Errorf("write the metrics to %s: %w", path, err)
	}
	return nil
}

// RegisterCheckMetrics registers the metrics of a check, which only files of
// WriteTextfile have.
func RegisterCheckMetrics(registry prometheus.Registerer, level int, at time.Time) {
	gauge := func(name, help string, value float64) {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		g.Set(value)
		registry.MustRegister(g)
	}
	gauge("guardduty_check_status", "Exit status of the last check: 0 OK, 1 warning, 2 critical, 3 unknown.", float64(level))
	gauge("guardduty_check_timestamp_seconds", "Time of the last check.", float64(at.Unix()))
}
