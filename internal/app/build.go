package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/organizations"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// ErrNoRegion is returned by [Run] for a target without regions if the environment has no Region either.
var ErrNoRegion = errors.New("no Region: set regions in the configuration, or AWS_REGION in the environment")

var _ refresh.KeyReader = (*guardduty.Client)(nil) // a source is asked for it at run time

// targetBuilder builds refresh targets from the configuration.
type targetBuilder struct {
	factory *session.Factory
	profile string
	onlyECS bool // see [guardduty.Options]
	deep    bool // see [DiagnoseOptions]

	requestsPerSecond float64
	logger            *slog.Logger
	metrics           *session.Metrics

	operations []session.Operation // of all that was built, with repetitions
}

// fingerprint is the comparable value of all settings that affect what a target
// or a queue reads, see [refresh.Target].
type fingerprint struct {
	profile    string
	role       session.Role
	region     string
	detectorID string
	filter     string
	scope      string // resource types and optional reads
}

// buildAll builds the targets of a configuration. The error holds every mistake.
func (b *targetBuilder) buildAll(configured []config.Target) ([]refresh.Target, error) {
	var targets []refresh.Target
	var errs []error
	for _, t := range configured {
		built, err := b.build(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("target %q: %w", t.Name, err))
		}
		targets = append(targets, built...)
	}
	return targets, errors.Join(errs...)
}

func (b *targetBuilder) build(t config.Target) ([]refresh.Target, error) {
	regions := t.Regions
	if len(regions) == 0 {
		if b.factory.Region() == "" {
			return nil, ErrNoRegion
		}
		regions = []string{b.factory.Region()}
	}
	s := b.factory.Session(roleOf(t), b.homeRegion(t))
	b.operations = append(b.operations, s.CredentialsOperation())
	var targets []refresh.Target
	if t.AccountNames {
		b.operations = append(b.operations, s.Operation(organizations.ServiceID, organizations.Operation))
		targets = append(targets, b.accountNames(t, s))
	}
	if t.AllRegions() {
		b.operations = append(b.operations, s.Operation(session.AccountServiceID, "ListRegions"))
		return append(targets, b.allRegions(t, s)), nil
	}
	for _, region := range regions {
		target, operations := b.coverage(t, s.InRegion(region))
		targets = append(targets, target)
		b.operations = append(b.operations, operations...)
	}
	return targets, nil
}

// queues builds the event queues of a configuration.
func (b *targetBuilder) queues(configured []config.EventQueue) []events.Queue {
	var queues []events.Queue
	for _, q := range configured {
		role := queueRole(q)
		s := b.factory.Session(role, q.Region)
		if role.ARN != "" {
			b.operations = append(b.operations, s.CredentialsOperation())
		}
		for _, name := range events.Operations() {
			b.operations = append(b.operations, s.Operation(events.ServiceID, name))
		}
		cfg := s.LongPolling()
		if endpoint := q.Endpoint(); endpoint != "" {
			cfg.BaseEndpoint = &endpoint
		}
		queues = append(queues, events.Queue{
			URL: q.QueueURL, Key: fingerprint{profile: b.profile, role: role, region: q.Region}, Config: cfg,
		})
	}
	return queues
}

func roleOf(t config.Target) session.Role {
	return session.Role{ARN: t.RoleARN, AccountID: t.RoleAccountID(), ExternalID: t.ExternalID.Reveal(), SessionName: t.RoleSessionName}
}

func queueRole(q config.EventQueue) session.Role {
	return session.Role{ARN: q.RoleARN, AccountID: q.RoleAccountID(), ExternalID: q.ExternalID.Reveal(), SessionName: q.RoleSessionName}
}

// coverage builds the target that reads the coverage of one Region, and returns
// the operations that it uses.
func (b *targetBuilder) coverage(t config.Target, s *session.Session) (refresh.Target, []session.Operation) {
	region := s.Region()
	client := guardduty.NewClient(guardduty.Options{
		Region:     region,
		AccountID:  s.AccountID,
		Config:     s.Config,
		DetectorID: t.DetectorID,
		Filter:     t.Filter,
		Logger:     b.logger.With("target", t.Name, "region", region),
		Types:      t.ResourceTypes,
		OnlyECS:    b.onlyECS,
		Detector:   t.Detector,
		Members:    t.Members,

		RequestsPerSecond: b.requestsPerSecond,
	})
	var operations []session.Operation
	for _, name := range client.Operations() {
		operations = append(operations, s.Operation(guardduty.ServiceID, name))
	}
	operations = append(operations, ecsOperations(t, s)...)
	return refresh.Target{
		Name: t.Name, Kind: coverage.KindCoverage, Region: region, Key: b.fingerprint(t, region), Source: client,
		Interval: t.Interval, Timeout: t.Timeout,
	}, operations
}

// allRegions builds the target that lists the Regions for regions: [all].
func (b *targetBuilder) allRegions(t config.Target, s *session.Session) refresh.Target {
	known := map[string]refresh.Target{}
	list := func(ctx context.Context) (string, []refresh.Target, error) {
		accountID, err := s.AccountID(ctx)
		if err != nil {
			return "", nil, err
		}
		regions, err := s.EnabledRegions(ctx)
		if err != nil {
			return accountID, nil, err
		}
		if len(regions) == 0 {
			return accountID, nil, fmt.Errorf("list the enabled Regions: %w: no Regions", coverage.ErrInvalidResponse)
		}
		var targets []refresh.Target
		for _, region := range regions {
			if region == "" {
				return accountID, nil, fmt.Errorf("list the enabled Regions: %w: a Region without a name", coverage.ErrInvalidResponse)
			}
			if _, ok := known[region]; !ok {
				target, operations := b.coverage(t, s.InRegion(region))
				for _, o := range operations {
					b.metrics.Init(o)
				}
				known[region] = target
			}
			targets = append(targets, known[region])
		}
		return accountID, targets, nil
	}
	return refresh.Target{
		Name: t.Name, Kind: coverage.KindRegions, Key: b.fingerprint(t, ""), List: list,
		Interval: t.Interval, Timeout: t.Timeout,
	}
}

// accountNames builds the target that reads the account names of an organization.
func (b *targetBuilder) accountNames(t config.Target, s *session.Session) refresh.Target {
	read := func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
		accountID, err := s.AccountID(ctx)
		if err != nil {
			return "", nil, err
		}
		names, err := organizations.Names(ctx, s.Config(accountID))
		if err != nil {
			return accountID, nil, err
		}
		return accountID, &coverage.Snapshot{AccountNames: names}, nil
	}
	return refresh.Target{
		Name: t.Name, Kind: coverage.KindAccountNames, Key: b.fingerprint(t, ""), Source: refresh.SourceFunc(read),
		Interval: t.Interval, Timeout: t.Timeout,
	}
}

func (b *targetBuilder) fingerprint(t config.Target, region string) fingerprint {
	filter, err := json.Marshal(t.Filter)
	if err != nil {
		panic(err) // impossible: a filter holds strings
	}
	return fingerprint{
		profile: b.profile, role: roleOf(t), region: region, detectorID: t.DetectorID, filter: string(filter),
		scope: fmt.Sprint(t.ResourceTypes, b.onlyECS, t.Detector, t.Members),
	}
}

// homeRegion returns the Region in which the target's role is assumed: that of
// the environment, otherwise a Region that cannot be disabled, so that a disabled
// Region does not affect the others.
func (b *targetBuilder) homeRegion(t config.Target) string {
	if region := b.factory.Region(); region != "" {
		return region
	}
	for _, region := range t.Regions {
		if !t.AllRegions() && !awsregion.IsOptIn(region) {
			return region
		}
	}
	return awsregion.Home(t.Partition())
}
