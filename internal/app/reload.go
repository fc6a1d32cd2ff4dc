package app

import (
	"context"
	"errors"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// prepared is everything built from a configuration, not yet in use.
type prepared struct {
	config   *config.Config
	settings refresh.Settings
	targets  []refresh.Target
	// operations are the operations that the targets and queues use.
	operations []session.Operation
	queues     []events.Queue
	ecs        []ecs.Target
	page       pageOptions
}

// pageOptions are the options of the page.
type pageOptions struct {
	issues        collector.IssueOptions
	tags          []string // keys of cluster tags, see [collector.Families]
	exclusions    []exclusion.Entry
	onlyUnhealthy bool // see [collector.Input]
	statements    statements
}

// input returns the input of the page as of now: the store's view and the options
// in use.
func (a *app) input(now time.Time) (in collector.Input, tags []string) {
	in = collector.Input{View: a.store.View(), ECS: a.store.ECS()}
	if o := a.pageOptions.Load(); o != nil {
		in.Issues, in.OnlyUnhealthy, tags = o.issues, o.onlyUnhealthy, o.tags
		in.Exclusions = a.exclude(now, o.exclusions, in.View, in.ECS)
	}
	return in, tags
}

// requestReload requests a reload from the running app and returns its result.
func (a *app) requestReload() error {
	result := make(chan error, 1)
	select {
	case a.reloads <- result:
		return <-result
	case <-a.stopped:
		return errors.New("the exporter is shutting down")
	}
}

// reload builds everything from the configuration and then swaps it in. If it
// fails, or ctx ends before, nothing changes. Targets run until work ends.
func (a *app) reload(ctx, work context.Context) error {
	next, err := a.prepare(ctx)
	if err != nil {
		a.self.reloads.failed()
		a.o.Logger.Error("reload failed, configuration unchanged", "err", err)
		return err
	}
	a.apply(work, next)
	return nil
}

// apply puts a configuration into use.
func (a *app) apply(ctx context.Context, next *prepared) {
	a.config = next.config
	for _, o := range next.operations {
		a.self.sessions.Init(o)
	}
	a.pageOptions.Store(&next.page)
	a.monitor.Set(ctx, next.ecs)
	a.refresher.Set(ctx, next.settings, next.targets)
	a.observeAll()
	a.events.Set(ctx, next.queues)
	a.renderer.Render()
	a.self.reloads.succeeded()
	a.o.Logger.Info("configuration loaded", "summary", next.config.Summary())
}

// prepare reads the configuration and builds the components it defines.
func (a *app) prepare(ctx context.Context) (*prepared, error) {
	cfg, err := a.o.Load()
	if err == nil && a.config != nil {
		err = a.config.CheckReload(cfg)
	}
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
	b := &targetBuilder{
		factory: factory, profile: cfg.AWS.Profile, onlyECS: cfg.EC2.OnlyECS,
		requestsPerSecond: cfg.AWS.RequestsPerSecond, logger: a.o.Logger, metrics: a.self.sessions,
		deep: a.deep,
	}
	targets, err := b.buildAll(cfg.Targets)
	if err != nil {
		return nil, err
	}
	if a.guide == nil { // for the first configuration
		if a.guide, err = guide.New(); err != nil {
			return nil, err
		}
	}
	policies, err := newStatements(cfg)
	if err != nil {
		return nil, err
	}
	ecsTargets, queues := b.ecsTargets(cfg.Targets, cfg.ECSTags()), b.queues(cfg.Events)
	return &prepared{
		config: cfg,
		settings: refresh.Settings{
			Interval: cfg.Refresh.Interval, Timeout: cfg.Refresh.Timeout, MaxStaleness: cfg.Refresh.MaxStaleness,
		},
		targets:    targets,
		queues:     queues,
		operations: b.operations,
		ecs:        ecsTargets,
		page: pageOptions{
			issues: collector.IssueOptions{Text: cfg.Issues.Text, MaxPerCluster: cfg.Issues.MaxPerCluster}, tags: cfg.ECSTags(),
			onlyUnhealthy: cfg.Detail == config.DetailUnhealthy, statements: policies,
			exclusions: cfg.Exclusions,
		},
	}, nil
}
