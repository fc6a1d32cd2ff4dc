package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// ecsEndpointCall shows the endpoint of ECS.
func (r *reading) ecsEndpointCall(ctx context.Context, cfg aws.Config) error {
	_, _, err := ecs.NewClient(ecs.Options{AccountID: r.probe.AccountID, Region: r.session.Region(), Config: cfg}).List(ctx)
	return err
}

// ecsRoleUse is the targets that read ECS with the same template of a role, or a
// target that reads it with its own.
type ecsRoleUse struct {
	target   config.Target
	readings []*reading // with a detector
}

// checkECS checks one role of each template, then how many accounts lack it.
func (e *examination) checkECS(ctx context.Context, readings []*reading) {
	var uses []*ecsRoleUse
	for _, r := range readings {
		t := r.target
		if t.ECS == nil {
			continue
		}
		i := slices.IndexFunc(uses, func(u *ecsRoleUse) bool {
			if t.ECS.RoleARN == "" {
				return u.target.Name == t.Name
			}
			return u.target.ECS.RoleARN == t.ECS.RoleARN && u.target.ECS.ExternalID == t.ECS.ExternalID
		})
		if i < 0 {
			uses = append(uses, &ecsRoleUse{target: t})
			i = len(uses) - 1
		}
		if r.probe.DetectorID != "" {
			uses[i].readings = append(uses[i].readings, r)
		}
	}
	for _, u := range uses {
		e.checkECSRole(ctx, u)
	}
}

// subject returns what reads ECS.
func (u *ecsRoleUse) subject() string {
	return cmp.Or(u.target.ECS.RoleARN, "of target "+u.target.Name+" with its own role")
}

// region returns the Region in which ECS is read, "" if there is none.
func (u *ecsRoleUse) region() string {
	if r, _ := u.first(); r != nil {
		return r.session.Region()
	}
	return ""
}

func (e *examination) checkECSRole(ctx context.Context, u *ecsRoleUse) {
	c := doctor.Check{Category: doctor.ECS, Subject: u.subject(), Region: u.region(), Check: "AssumeRole", Status: doctor.OK}
	r, accountID := u.first()
	if accountID == "" {
		c.Status, c.Message = doctor.Skipped, "no account is known: no target with ecs could be read"
		e.result.Add(c)
		return
	}
	if reason := e.unusable(ctx, r.session, roleOf(u.target), r.ecsEndpointCall); reason != "" {
		c.Status, c.Message = doctor.Skipped, reason
		e.result.Add(c)
		return
	}
	var with *session.Session
	if u.target.ECS.RoleARN == "" {
		with = r.session
	} else {
		with = u.session(e, r, accountID)
		_, err := with.Credentials(ctx)
		if err != nil {
			c = e.failure(c, r.session.Region(), err, "sts:AssumeRole")
			c.Message = "in " + accountID + ": " + c.Message
		} else {
			c.Message = "in " + accountID
		}
		e.result.Add(c, e.checkOthers(ctx, u, accountID))
		if err != nil {
			return
		}
	}
	e.probeECS(ctx, u, r, with, accountID)
}

// session returns the session of the role in an account.
func (u *ecsRoleUse) session(e *examination, r *reading, accountID string) *session.Session {
	role := ecsRole(u.target, awsregion.Partition(r.session.Region()), accountID)
	return e.factory.Session(role, e.builder.homeRegion(u.target)).InRegion(r.session.Region())
}

// first returns the account whose role is checked, and the target that shows it: one
// with a cluster, if there is any.
func (u *ecsRoleUse) first() (*reading, string) {
	for _, r := range u.readings {
		if c := r.probe.Cluster; c != nil && (u.target.ECS.RoleARN != "" || c.AccountID == r.probe.AccountID) {
			return r, c.AccountID
		}
	}
	for _, r := range u.readings {
		if r.probe.AccountID != "" {
			return r, r.probe.AccountID
		}
	}
	return nil, ""
}

func (e *examination) probeECS(ctx context.Context, u *ecsRoleUse, r *reading, with *session.Session, accountID string) {
	client := ecs.NewClient(ecs.Options{
		AccountID: accountID, Region: r.session.Region(), Config: with.ConfigForECS(accountID),
	})
	cluster := ""
	if c := r.probe.Cluster; c != nil && c.AccountID == accountID {
		cluster = c.Name
	}
	probe := client.Probe(ctx, u.target.ECS.Scope == config.ScopeAll, cluster)
	for _, s := range probe.Steps {
		c := doctor.Check{Category: doctor.ECS, Subject: u.subject(), Region: u.region(), Check: s.Operation, Status: doctor.OK}
		switch {
		case s.Err != nil:
			action := "ecs:" + s.Operation
			c = e.failure(c, r.session.Region(), s.Err, action)
			c.Policy = e.policy(cmp.Or(u.target.ECS.RoleARN, u.target.RoleARN), c, action)
		case s.Reason != "":
			c.Status, c.Message = doctor.Skipped, s.Reason
		}
		e.result.Add(c)
	}
	if e.Deep {
		e.answers = append(e.answers, e.judgeTags(ctx, r, accountID, probe)...)
	}
}

// judgeTags judges what the tags of clusters show.
func (e *examination) judgeTags(ctx context.Context, r *reading, accountID string, probe ecs.Probe) []doctor.Answer {
	var described error
	for _, s := range probe.Steps {
		if s.Operation == "DescribeClusters" {
			described = s.Err
		}
	}
	needsMore := awserr.IsActionDenied(described) && strings.Contains(described.Error(), "ListTagsForResource")
	answers := []doctor.Answer{doctor.JudgeTags(probe.Tagged, needsMore)}
	if len(probe.Excluded) == 0 {
		return append(answers, doctor.JudgeExcluded(0, nil))
	}
	excluded := probe.Excluded[:min(len(probe.Excluded), 50)]
	rows, err := r.list(ctx, coverage.Filter{
		AccountID: coverage.Condition{Equals: []string{accountID}}, ECSClusterName: coverage.Condition{Equals: excluded},
	})
	if err != nil {
		return append(answers, doctor.NotTold(doctor.ExcludedByTag, "the listing failed"))
	}
	statuses := map[string]int{}
	for _, row := range rows {
		statuses[string(row.Status)]++
	}
	return append(answers, doctor.JudgeExcluded(len(excluded), statuses))
}

// maxOtherAccounts limits the accounts in which a role is only assumed.
const maxOtherAccounts = 200

// checkOthers assumes the role in the other accounts that the targets show.
func (e *examination) checkOthers(ctx context.Context, u *ecsRoleUse, first string) doctor.Check {
	c := doctor.Check{Category: doctor.ECS, Subject: u.subject(), Region: u.region(), Check: "accounts", Status: doctor.OK}
	sessions := map[string]*session.Session{}
	for _, r := range u.readings {
		for _, id := range r.accounts() {
			if id != first && r.target.Filter.AccountID.Matches(id) {
				sessions[id] = u.session(e, r, id)
			}
		}
	}
	ids := sortedKeys(sessions)
	checked := ids[:min(len(ids), maxOtherAccounts)]
	failures := make([]error, len(checked))
	inParallel(len(checked), func(i int) { _, failures[i] = sessions[checked[i]].Credentials(ctx) })
	var lack []string
	var lastErr error
	for i, err := range failures {
		if err != nil {
			lack, lastErr = append(lack, checked[i]), err
		}
	}
	switch {
	case len(checked) == 0:
		c.Status, c.Message = doctor.Skipped, "no other account is known"
		return c
	case len(lack) == 0:
		c.Message = fmt.Sprintf("the role can be assumed in all %d other accounts", len(checked))
	default:
		c = e.failure(c, "", lastErr, "sts:AssumeRole")
		c.Status, c.Hint = doctor.Warning, "docs/iam.md#ecs"
		c.Message = fmt.Sprintf("the role cannot be assumed in %d of %d other accounts, such as %s: %s",
			len(lack), len(checked), strings.Join(lack[:min(len(lack), 5)], ", "), c.Message)
	}
	if rest := len(ids) - len(checked); rest > 0 {
		c.Message += fmt.Sprintf("; %d more were not checked", rest)
	}
	return c
}

// accounts returns the accounts whose clusters the target shows, of the first members.
func (r *reading) accounts() []string {
	var ids []string
	if r.probe.AccountID != "" {
		ids = append(ids, r.probe.AccountID)
	}
	for _, m := range r.probe.Members {
		if m.Relationship == coverage.RelationshipEnabled {
			ids = append(ids, m.AccountID)
		}
	}
	return ids
}
