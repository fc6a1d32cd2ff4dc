package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/organizations"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// reading is a target in one Region.
type reading struct {
	e       *examination
	target  config.Target
	session *session.Session
	client  *guardduty.Client

	probe   guardduty.Probe
	checks  []doctor.Check
	answers []doctor.Answer
}

// openTargets returns the targets by Region. It lists the enabled Regions of those
// with regions: [all].
func (e *examination) openTargets(ctx context.Context) []*reading {
	var all []*reading
	for _, t := range e.Config.Targets {
		s := e.targetSession(t)
		regions := t.Regions
		switch {
		case t.AllRegions():
			regions = e.enabledRegions(ctx, t, s)
		case len(regions) == 0:
			regions = []string{e.factory.Region()}
		}
		for _, region := range regions {
			in := s.InRegion(region)
			built, _ := e.builder.coverage(t, in)
			client, ok := built.Source.(*guardduty.Client)
			if !ok {
				panic("impossible: the source of a target of coverage is a client of GuardDuty")
			}
			all = append(all, &reading{e: e, target: t, session: in, client: client})
		}
	}
	return all
}

func (e *examination) enabledRegions(ctx context.Context, t config.Target, s *session.Session) []string {
	c := doctor.Check{Category: doctor.Target, Subject: t.Name, Check: "ListRegions", Status: doctor.OK}
	if e.failed[roleOf(t)] {
		c.Status, c.Message = doctor.Skipped, "the credentials cannot be used"
		e.result.Add(c)
		return nil
	}
	if endpoint, err := s.RegionsEndpoint(ctx); err == nil && e.unreachable(endpoint) {
		c.Status, c.Message = doctor.Skipped, "the endpoint "+endpoint+" cannot be reached"
		e.result.Add(c)
		return nil
	}
	regions, err := s.EnabledRegions(ctx)
	switch {
	case err != nil:
		c = e.failure(c, s.Region(), err, "account:ListRegions")
		c.Policy = e.policy(t.RoleARN, c, "account:ListRegions")
	case len(regions) == 0:
		c.Status, c.Code, c.Message = doctor.Error, "invalid_response", "no Regions"
	default:
		c.Message = fmt.Sprintf("%d Regions are enabled", len(regions))
	}
	e.result.Add(c)
	return regions
}

// endpointCall shows the endpoint of GuardDuty.
func (r *reading) endpointCall(ctx context.Context, cfg aws.Config) error {
	_, _, err := guardduty.NewClient(guardduty.Options{
		Region: r.session.Region(), AccountID: func(context.Context) (string, error) { return "", nil },
		Config: func(string) aws.Config { return cfg }, DetectorID: "any", Types: []coverage.ResourceType{coverage.ECS}, Logger: r.e.Logger,
	}).Read(ctx, nil)
	return err
}

// endpointsOf returns the endpoints of GuardDuty and ECS in the Regions of targets.
func endpointsOf(ctx context.Context, readings []*reading) []endpoint {
	var all []endpoint
	for _, r := range readings {
		url, err := r.session.Endpoint(ctx, r.endpointCall)
		all = append(all, endpoint{"guardduty", url, err})
		if r.target.ECS != nil {
			url, err := r.session.Endpoint(ctx, r.ecsEndpointCall)
			all = append(all, endpoint{"ecs", url, err})
		}
	}
	return all
}

// read makes every call of the target once.
func (r *reading) read(ctx context.Context) {
	c := doctor.Check{Category: doctor.Target, Subject: r.target.Name, Region: r.session.Region(), Check: "detector"}
	if reason := r.e.unusable(ctx, r.session, roleOf(r.target), r.endpointCall); reason != "" {
		c.Status, c.Message = doctor.Skipped, reason
		r.checks = append(r.checks, c)
		return
	}
	var err error
	if r.probe, err = r.client.Probe(ctx); err != nil {
		r.checks = append(r.checks, r.e.failure(c, r.session.Region(), err, ""))
		return
	}
	for _, s := range r.probe.Steps {
		r.checks = append(r.checks, r.step(s))
	}
	if r.probe.DetectorID == "" {
		return
	}
	r.checkFeatures()
	r.checkOrganization()
	if r.e.Deep {
		r.test(ctx)
	}
}

// step returns the check of a call.
func (r *reading) step(s guardduty.Step) doctor.Check {
	c := doctor.Check{Category: doctor.Target, Subject: r.target.Name, Region: r.session.Region(), Check: s.Operation, Status: doctor.OK}
	if s.Type != "" {
		c.Check += " " + string(s.Type)
	}
	if s.Err == nil {
		return c
	}
	action := "guardduty:" + s.Operation
	c = r.e.failure(c, r.session.Region(), s.Err, action)
	if guardduty.IsNotAdministrator(s.Err) {
		c.Category, c.Code = doctor.Organization, "not_administrator"
		c.Message = "the account is not an administrator of GuardDuty in this Region: members: true needs the delegated administrator, or an administrator by invitation"
		c.Hint = "docs/iam.md#one-delegated-administrator"
		return c
	}
	c.Policy = r.e.policy(r.target.RoleARN, c, action)
	if c.Code == string(coverage.Denied) && isOptional(s.Operation) {
		c.Status = doctor.Warning
	}
	return c
}

// isOptional reports whether a target works without an operation.
func isOptional(operation string) bool {
	return !slices.Contains([]string{"ListDetectors", "ListCoverage"}, operation)
}

// checkFeatures checks the detector's own state.
func (r *reading) checkFeatures() {
	if !r.called("GetDetector") {
		return
	}
	c := doctor.Check{Category: doctor.Target, Subject: r.target.Name, Region: r.session.Region(), Check: "runtime_monitoring", Status: doctor.OK, Message: "enabled"}
	switch on, found := r.monitors(r.probe.AccountID); {
	case !r.probe.Enabled:
		c.Status, c.Code, c.Message = doctor.Warning, "suspended", "the detector is suspended: GuardDuty monitors nothing"
		c.Hint = "docs/alerts.md#guarddutycoveragedetectorsuspended"
	case !found || !on:
		c.Status, c.Code, c.Message = doctor.Warning, "runtime_monitoring_off", "Runtime Monitoring is off in the account of the detector"
		c.Hint = "docs/alerts.md#guarddutycoverageruntimemonitoringoff"
	}
	r.checks = append(r.checks, c)
}

// called reports whether a call was made and succeeded.
func (r *reading) called(operation string) bool {
	return slices.ContainsFunc(r.probe.Steps, func(s guardduty.Step) bool { return s.Operation == operation && s.Err == nil })
}

// monitors reports whether Runtime Monitoring is on in an account, and whether that
// is known.
func (r *reading) monitors(accountID string) (on, found bool) {
	for _, f := range r.probe.Features {
		if f.AccountID == accountID && f.Name == "RUNTIME_MONITORING" && f.Additional == "" {
			return f.Enabled, true
		}
	}
	return false, false
}

// checkOrganization checks the members of an administrator.
func (r *reading) checkOrganization() {
	c := doctor.Check{Category: doctor.Organization, Subject: r.target.Name, Region: r.session.Region(), Check: "members", Status: doctor.OK}
	if !r.called("ListMembers") {
		return
	}
	if len(r.probe.Members) == 0 {
		c.Status, c.Code, c.Hint = doctor.Warning, "no_members", "docs/iam.md#one-delegated-administrator"
		c.Message = "the account has no members in this Region: it is not the delegated administrator, or its members are not associated"
		r.checks = append(r.checks, c)
		return
	}
	byRelationship, read, off, enabled := map[string]int{}, 0, 0, 0
	for _, m := range r.probe.Members {
		byRelationship[m.Relationship]++
		if on, found := r.monitors(m.AccountID); found {
			read++
			if !on {
				off++
			}
		}
		if m.Relationship == coverage.RelationshipEnabled {
			enabled++
		}
	}
	c.Message = counts(byRelationship)
	if r.probe.More {
		c.Message += fmt.Sprintf(", of the first %d", len(r.probe.Members))
	}
	if others := len(r.probe.Members) - enabled; others > 0 {
		c.Status, c.Code, c.Hint = doctor.Warning, "members_not_enabled", "docs/alerts.md#guarddutycoveragememberleft"
		c.Message += ": the resources of those that are not enabled are not visible"
	}
	r.checks = append(r.checks, c)
	if r.called("GetMemberDetectors") {
		r.checks = append(r.checks, r.memberFeatures(off, read))
	}
}

func (r *reading) memberFeatures(off, read int) doctor.Check {
	c := doctor.Check{Category: doctor.Organization, Subject: r.target.Name, Region: r.session.Region(), Check: "runtime_monitoring", Status: doctor.OK}
	if off > 0 {
		c.Status, c.Code, c.Hint = doctor.Warning, "runtime_monitoring_off", "docs/alerts.md#guarddutycoverageruntimemonitoringoff"
		c.Message = fmt.Sprintf("Runtime Monitoring is off in %d of %d enabled members", off, read)
	}
	return c
}

// counts returns "3 enabled, 1 removed".
func counts(n map[string]int) string {
	var parts []string
	for _, name := range sortedKeys(n) {
		parts = append(parts, fmt.Sprintf("%d %s", n[name], name))
	}
	return strings.Join(parts, ", ")
}

// checkAccountNames calls AWS Organizations for the target with account_names.
func (e *examination) checkAccountNames(ctx context.Context) {
	for _, t := range e.Config.Targets {
		if !t.Members {
			e.result.Add(doctor.Check{
				Category: doctor.Organization, Subject: t.Name, Check: "members", Status: doctor.Skipped,
				Message: "the target does not have members: true",
			})
		}
		if !t.AccountNames {
			continue
		}
		s := e.targetSession(t)
		c := doctor.Check{Category: doctor.Organization, Subject: t.Name, Check: "ListAccounts", Status: doctor.OK}
		if reason := e.unusable(ctx, s, roleOf(t), organizations.Probe); reason != "" {
			c.Status, c.Message = doctor.Skipped, reason
		} else if err := organizations.Probe(ctx, s.Config("")); err != nil {
			const action = "organizations:ListAccounts"
			c = e.failure(c, s.Region(), err, action)
			c.Policy = e.policy(t.RoleARN, c, action)
			if c.Code == string(coverage.Denied) {
				c.Message += "; AWS Organizations also denies accounts that are neither the management account nor a delegated administrator"
			}
		}
		e.result.Add(c)
	}
}
