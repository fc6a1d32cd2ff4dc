package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/organizations"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// The label region of what a target reads once, and not in each Region.
const (
	allRegions   = "all"          // the listing of its Regions
	organization = "organization" // the account names
)

// builder makes refresh targets of configured ones.
type builder struct {
	factory *session.Factory
	profile string
	onlyECS bool // of EC2 instances, see [guardduty.Options]

	requestsPerSecond float64
	logger            *slog.Logger
}

// asks is what decides a target's answers, see [refresh.Target].
type asks struct {
	profile    string
	role       session.Role
	region     string
	detectorID string
	filter     string
	scope      string // resource types and optional parts
}

func (b builder) targets(t config.Target) ([]refresh.Target, error) {
	regions := t.Regions
	if len(regions) == 0 {
		if b.factory.Region() == "" {
			return nil, errors.New("no Region: set regions in the configuration, or AWS_REGION")
		}
		regions = []string{b.factory.Region()}
	}
	s := b.factory.Session(roleOf(t), b.homeRegion(t))
	targets := b.names(t, s)
	if t.AllRegions() {
		return append(targets, b.listing(t, s)), nil
	}
	for _, region := range regions {
		targets = append(targets, b.target(t, s.In(region)))
	}
	return targets, nil
}

// queues makes queues to be read of configured ones.
func (b builder) queues(configured []config.EventQueue) []events.Queue {
	var queues []events.Queue
	for _, q := range configured {
		role := session.Role{ARN: q.RoleARN, AccountID: q.RoleAccountID(), ExternalID: q.ExternalID.Reveal(), SessionName: q.RoleSessionName}
		cfg := b.factory.Session(role, q.Region).LongPolling()
		if endpoint := q.Endpoint(); endpoint != "" {
			cfg.BaseEndpoint = &endpoint
		}
		queues = append(queues, events.Queue{
			URL: q.QueueURL, Key: asks{profile: b.profile, role: role, region: q.Region}, Config: cfg,
		})
	}
	return queues
}

func roleOf(t config.Target) session.Role {
	return session.Role{ARN: t.RoleARN, AccountID: t.RoleAccountID(), ExternalID: t.ExternalID.Reveal(), SessionName: t.RoleSessionName}
}

func (b builder) target(t config.Target, s *session.Session) refresh.Target {
	region := s.Region()
	client := guardduty.NewClient(guardduty.Options{
		Region:     region,
		AccountID:  s.AccountID,
		Config:     s.Config,
		DetectorID: t.DetectorID,
		Filter:     t.Filter,
		Logger:     b.logger.With("target", t.Name, "region", region),
		Types:      resourceTypes(t),
		OnlyECS:    b.onlyECS,
		Detector:   t.Detector,
		Members:    t.Members,

		RequestsPerSecond: b.requestsPerSecond,
	})
	return refresh.Target{
		Name: t.Name, Region: region, Key: b.asks(t, region), Read: client.Read,
		ReadKeys: client.ReadKeys, Matches: client.Matches, FiltersByState: client.FiltersByState,
	}
}

// listing makes the target that finds the Regions of regions: [all].
func (b builder) listing(t config.Target, s *session.Session) refresh.Target {
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
			return accountID, nil, fmt.Errorf("list the enabled Regions: %w: there are none", coverage.ErrInvalidResponse)
		}
		var targets []refresh.Target
		for _, region := range regions {
			if region == "" {
				return accountID, nil, fmt.Errorf("list the enabled Regions: %w: one has no name", coverage.ErrInvalidResponse)
			}
			if _, ok := known[region]; !ok {
				known[region] = b.target(t, s.In(region))
			}
			targets = append(targets, known[region])
		}
		return accountID, targets, nil
	}
	return refresh.Target{Name: t.Name, Region: allRegions, Key: b.asks(t, allRegions), List: list}
}

// names makes the target that reads the account names, where they are wanted.
func (b builder) names(t config.Target, s *session.Session) []refresh.Target {
	if !t.AccountNames {
		return nil
	}
	read := func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
		accountID, err := s.AccountID(ctx)
		if err != nil {
			return "", nil, err
		}
		names, err := organizations.Names(ctx, s.Config(accountID))
		if err != nil {
			return accountID, nil, err
		}
		return accountID, &coverage.Snapshot{Names: names}, nil
	}
	return []refresh.Target{{Name: t.Name, Region: organization, Key: b.asks(t, organization), Read: read}}
}

func resourceTypes(t config.Target) []coverage.ResourceType {
	types := make([]coverage.ResourceType, len(t.ResourceTypes))
	for i, name := range t.ResourceTypes {
		types[i] = coverage.ResourceType(name)
	}
	return types
}

func (b builder) asks(t config.Target, region string) asks {
	filter, err := json.Marshal(t.Filter)
	if err != nil {
		panic(err) // strings and lists of them
	}
	return asks{
		profile: b.profile, role: roleOf(t), region: region, detectorID: t.DetectorID, filter: string(filter),
		scope: fmt.Sprint(t.ResourceTypes, b.onlyECS, t.Detector, t.Members),
	}
}

// homeRegion returns where the target's credentials are asked for: in the
// Region of the environment, else in one that cannot be off, so that a Region
// that is off is no trouble of the others.
func (b builder) homeRegion(t config.Target) string {
	if region := b.factory.Region(); region != "" {
		return region
	}
	for _, region := range t.Regions {
		if !t.AllRegions() && !awsregion.IsOptIn(region) {
			return region
		}
	}
	role, _ := arn.Parse(t.RoleARN) // has been checked; ambient credentials have none
	return awsregion.Home(role.Partition)
}
