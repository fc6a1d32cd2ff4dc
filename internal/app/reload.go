package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// prepared is all that a configuration decides, built and not yet in use.
type prepared struct {
	config   *config.Config
	settings refresh.Settings
	targets  []refresh.Target
	queues   []events.Queue
	issues   collector.IssueOptions
}

// input is what a page shows: the store's view, in the manner configured now.
func (a *App) input() collector.Input {
	in := collector.Input{View: a.store.View()}
	if issues := a.issues.Load(); issues != nil {
		in.Issues = *issues
	}
	return in
}

// requestReload asks the running App for a reload and returns its result.
func (a *App) requestReload() error {
	result := make(chan error, 1)
	select {
	case a.requests <- result:
		return <-result
	case <-a.stopping:
		return errors.New("the exporter is stopping")
	}
}

// reload builds everything anew and swaps it in, or changes nothing. Targets
// live as long as ctx.
func (a *App) reload(ctx context.Context) error {
	next, err := a.prepare(ctx)
	if err == nil {
		err = a.running.CheckReload(next.config)
	}
	if err != nil {
		a.self.reloads.failed()
		a.o.Logger.Error("reload failed, the running configuration is unchanged", "err", err)
		return err
	}
	a.apply(ctx, next)
	return nil
}

func (a *App) apply(ctx context.Context, next *prepared) {
	a.running = next.config
	a.issues.Store(&next.issues)
	a.refresher.Set(ctx, next.settings, next.targets)
	a.events.Set(ctx, next.queues)
	a.publisher.Publish()
	a.self.reloads.succeeded()
	a.o.Logger.Info("configuration loaded", "summary", next.config.Summary())
}

// prepare reads the configuration and builds what it decides.
func (a *App) prepare(ctx context.Context) (*prepared, error) {
	cfg, err := a.o.Load()
	if err != nil {
		return nil, err
	}
	factory, err := session.Open(ctx, session.Options{
		Profile:           cfg.AWS.Profile,
		RequestsPerSecond: cfg.AWS.RequestsPerSecond,
		Simulator:         a.o.Simulator,
		Metrics:           a.self.sessions,
		Logger:            a.o.Logger,
	})
	if err != nil {
		return nil, err
	}
	b := builder{factory: factory, profile: cfg.AWS.Profile, onlyECS: cfg.EC2.OnlyECS, requestsPerSecond: cfg.AWS.RequestsPerSecond, logger: a.o.Logger}
	var targets []refresh.Target
	var errs []error
	for _, t := range cfg.Targets {
		made, err := b.targets(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("target %q: %w", t.Name, err))
		}
		targets = append(targets, made...)
	}
	return &prepared{
		config: cfg,
		settings: refresh.Settings{
			Interval: cfg.Refresh.Interval, Timeout: cfg.Refresh.Timeout, MaxStaleness: cfg.Refresh.MaxStaleness,
		},
		targets: targets,
		queues:  b.queues(cfg.Events),
		issues:  collector.IssueOptions{Text: cfg.Issues.Text, MaxPerCluster: cfg.Issues.MaxPerCluster},
	}, errors.Join(errs...)
}
