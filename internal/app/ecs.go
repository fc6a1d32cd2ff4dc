package app

import (
	"fmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/deep"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// ecsFingerprint is the comparable value of all settings that affect what is read
// from ECS, see [ecs.Target].
type ecsFingerprint struct {
	profile     string
	role        session.Role // without a role of ECS's own, that of the target
	own         bool
	homeRegion  string
	scope, tags string
	interval    int64
}

// ecsTargets builds the targets of a configuration whose accounts are read from
// ECS. Each reads the tags of all targets, because series of clusters have all
// labels, whichever target reads them.
func (b *targetBuilder) ecsTargets(configured []config.Target, tags []string) []ecs.Target {
	var targets []ecs.Target
	for _, t := range configured {
		if t.ECS == nil {
			continue
		}
		role := roleOf(t)
		own := t.ECS.RoleARN == ""
		if !own {
			role = ecsRole(t, "", "")
		}
		home := b.homeRegion(t)
		b.operations = append(b.operations, b.factory.Session(role, home).CredentialsOperation())
		targets = append(targets, ecs.Target{
			Name: t.Name,
			Key: ecsFingerprint{
				profile: b.profile, role: role, own: own, homeRegion: home, scope: t.ECS.Scope,
				tags: fmt.Sprintf("%q", tags), interval: int64(t.ECS.Interval),
			},
			All: t.ECS.Scope == config.ScopeAll, Interval: t.ECS.Interval, Tags: tags, OwnAccount: own,
			Open: func(accountID, region string) ecs.Reader {
				role := role
				if !own {
					role = ecsRole(t, awsregion.Partition(region), accountID)
				}
				cfg := b.factory.Session(role, home).InRegion(region).ConfigForECS(accountID)
				client := ecs.NewClient(ecs.Options{AccountID: accountID, Region: region, Config: cfg})
				if !b.deep {
					return client
				}
				return deepReader{client, deep.NewClient(deep.Options{AccountID: accountID, Region: region, Config: cfg})}
			},
		})
	}
	return targets
}

// ecsOperations returns the operations of ECS that a target uses in a Region.
func ecsOperations(t config.Target, s *session.Session) []session.Operation {
	if t.ECS == nil {
		return nil
	}
	var operations []session.Operation
	for _, name := range ecs.Operations(t.ECS.Scope == config.ScopeAll) {
		operations = append(operations, s.Operation(ecs.ServiceID, name))
	}
	return operations
}

// ecsRole returns the role to assume in an account.
func ecsRole(t config.Target, partition, accountID string) session.Role {
	return session.Role{
		ARN: t.ECS.RoleIn(partition, accountID), AccountID: accountID,
		ExternalID: t.ECS.ExternalID.Reveal(), SessionName: t.ECS.RoleSessionName,
	}
}
