package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// readyInterval is how often Diagnose checks whether all targets have been read.
const readyInterval = 20 * time.Millisecond

// Selection limits what is diagnosed. An empty list means all.
type Selection struct {
	AccountIDs, Regions, Clusters []string
}

func (s Selection) has(accountID, region, cluster string) bool {
	in := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return in(s.AccountIDs, accountID) && in(s.Regions, region) && in(s.Clusters, cluster)
}

// DiagnoseOptions configures Diagnose.
type DiagnoseOptions struct {
	// Config is what is read. ECS is also read for targets without ecs, with the
	// target's own role.
	Config    *config.Config
	Selection Selection
	// Deep is whether EC2 and IAM are read too, where agents run and do not report.
	Deep      bool
	Logger    *slog.Logger
	Simulator *session.Simulator // nil for AWS
}

// Diagnose reads GuardDuty and ECS once. The error is one of the configuration or
// the selection, or that of ctx; what could not be read is in the result, and its error in the log.
func Diagnose(ctx context.Context, o DiagnoseOptions) (*diagnose.Result, error) {
	started := time.Now()
	for i := range o.Config.Targets {
		if t := &o.Config.Targets[i]; t.ECS == nil && slices.Contains(t.ResourceTypes, coverage.ECS) {
			t.ECS = &config.ECS{Scope: config.ScopeUnhealthy, Interval: o.Config.Refresh.Interval}
		}
	}
	a := newOneShot(Options{Load: func() (*config.Config, error) { return o.Config, nil }, Logger: o.Logger, Simulator: o.Simulator})
	a.deep = o.Deep
	next, err := a.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.readTargets(ctx, next.settings, o.Selection.targets(next.targets)); err != nil {
		return nil, err
	}
	showsAll := map[string]bool{}
	for _, t := range o.Config.Targets {
		showsAll[t.Name] = t.ShowsAllClusters()
	}
	a.readECS(ctx, next.ecs, func(t ecs.Target, r coverage.Report) (ecs.Target, coverage.Report) {
		return o.Selection.limit(t, r, showsAll[t.Name])
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	view := *a.store.View()
	unknown := o.Selection.check(&view, a.store.ECS())
	exclusions := a.exclude(started, next.page.exclusions, &view, a.store.ECS())
	view.Resources = slices.DeleteFunc(slices.Clone(view.Resources), func(r coverage.Resource) bool {
		return !o.Selection.has(r.AccountID, r.Region, r.Name)
	})
	result := diagnose.New(started, &view, a.store.ECS())
	result.AddGuide(a.guide)
	result.AddExclusions(exclusions)
	if unknown != nil && len(result.Unreadable) > 0 {
		a.o.Logger.WarnContext(ctx, "not everything that was selected is shown", "err", unknown) // it may be in what could not be read
		unknown = nil
	}
	return result, unknown
}

// readTargets makes one refresh of each target.
func (a *app) readTargets(ctx context.Context, settings refresh.Settings, targets []refresh.Target) error {
	ctx, cancel := context.WithCancel(ctx)
	a.refresher = refresh.New(refresh.Options{
		Put:  func(r coverage.Report) { a.store.Put(r) },
		Drop: a.store.Drop, Metrics: a.self.refreshes, Logger: a.o.Logger,
	})
	defer a.refresher.Wait()
	defer cancel()
	a.refresher.Set(ctx, settings, targets)
	for !a.refresher.Ready() {
		select {
		case <-time.After(readyInterval):
		case <-ctx.Done():
			return fmt.Errorf("read GuardDuty: %w", context.Cause(ctx))
		}
	}
	return nil
}

// targets returns the targets of the selected Regions, and limits the Regions that
// targets list. Account names are left out, because the result does not have them.
func (s Selection) targets(all []refresh.Target) []refresh.Target {
	var targets []refresh.Target
	for _, t := range all {
		if t.Kind == coverage.KindAccountNames || t.Kind == coverage.KindCoverage && len(s.Regions) > 0 && !slices.Contains(s.Regions, t.Region) {
			continue
		}
		if list := t.List; list != nil {
			t.List = func(ctx context.Context) (string, []refresh.Target, error) {
				accountID, listed, err := list(ctx)
				return accountID, s.targets(listed), err
			}
		}
		targets = append(targets, t)
	}
	return targets
}

// readECS reads what limit returns of each target and its report.
func (a *app) readECS(ctx context.Context, targets []ecs.Target, limit func(ecs.Target, coverage.Report) (ecs.Target, coverage.Report)) {
	o := ecs.MonitorOptions{Diagnose: diagnosis.Diagnose, Put: a.store.PutECS, Drop: a.store.DropECS, Logger: a.o.Logger}
	var wait sync.WaitGroup
	for _, t := range targets {
		for _, r := range a.store.Reports() {
			if r.Target.Name == t.Name && r.Target.Kind == coverage.KindCoverage && r.Snapshot != nil {
				t, r := limit(t, r)
				wait.Go(func() {
					attrs := []any{"target", t.Name, "region", r.Target.Region}
					a.o.Logger.InfoContext(ctx, "reading ECS", attrs...)
					ecs.ReadOnce(ctx, o, t, r)
					a.o.Logger.InfoContext(ctx, "ECS read", attrs...)
				})
			}
		}
	}
	wait.Wait()
}

// limit returns the target and its report without the accounts and clusters that are
// not selected. If the target shows all clusters that GuardDuty lists, those of ECS
// are listed too, but without scope: all the healthy ones are left out.
func (s Selection) limit(t ecs.Target, r coverage.Report, showsAll bool) (ecs.Target, coverage.Report) {
	healthy := map[string]bool{} // by account and name
	accounts := Selection{AccountIDs: s.AccountIDs, Regions: s.Regions}
	part := *r.Snapshot
	part.Accounts = slices.DeleteFunc(slices.Clone(part.Accounts), func(id string) bool { return !accounts.has(id, r.Target.Region, "") })
	part.Resources = slices.DeleteFunc(slices.Clone(part.Resources), func(row coverage.Resource) bool {
		if row.Type != coverage.ECS {
			return !accounts.has(row.AccountID, row.Region, "")
		}
		if row.Status == coverage.Healthy && !t.All {
			healthy[row.AccountID+"/"+row.Name] = true
			return true
		}
		return !s.has(row.AccountID, row.Region, row.Name)
	})
	r.Snapshot = &part
	t.All = t.All || showsAll
	open := t.Open
	t.Open = func(accountID, region string) ecs.Reader {
		return limitedReader{open(accountID, region), func(name string) bool {
			return !healthy[accountID+"/"+coverage.SanitizeName(name)] && s.has(accountID, region, name)
		}}
	}
	return t, r
}

// limitedReader lists some of the clusters.
type limitedReader struct {
	ecs.Reader
	includes func(cluster string) bool
}

// List implements [ecs.Reader].
func (r limitedReader) List(ctx context.Context) ([]string, bool, error) {
	names, truncated, err := r.Reader.List(ctx)
	return slices.DeleteFunc(names, func(name string) bool { return !r.includes(name) }), truncated, err
}
