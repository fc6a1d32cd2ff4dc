package config

import (
	"strings"
	"testing"
	"time"
)

func TestECS(t *testing.T) {
	for text, want := range map[string]*ECS{
		"":   nil,
		"~":  nil,
		"{}": {Scope: ScopeUnhealthy, Interval: 15 * time.Minute},
		"{role_arn: , external_id: '', role_session_name: '', scope: '', interval: , tags: []}": {
			Scope: ScopeUnhealthy, Interval: 15 * time.Minute,
		},
		"{" + ecsRole + "}": {
			RoleARN: "arn:{partition}:iam::{account_id}:role/ecs", RoleSessionName: "guardduty-coverage-exporter",
			Scope: ScopeUnhealthy, Interval: 15 * time.Minute,
		},
		"{" + ecsRole + ", external_id: abc, role_session_name: me, scope: all, interval: 1m, tags: [team, 'aws:cloudformation:stack-name', 'Größe 1']}": {
			RoleARN: "arn:{partition}:iam::{account_id}:role/ecs", ExternalID: "abc", RoleSessionName: "me",
			Scope: ScopeAll, Interval: time.Minute, Tags: []string{"team", "aws:cloudformation:stack-name", "Größe 1"},
		},
	} {
		equal(t, text, want, parse(t, "targets: [{ecs: "+text+"}]\n").Targets[0].ECS)
	}
}

// TestScopeAllWithFilters has filters that hide no cluster of an account that the target shows.
func TestScopeAllWithFilters(t *testing.T) {
	for _, filter := range []string{
		"{account_id: {equals: ['111122223333']}}", "{ecs_cluster_name: {equals: []}, coverage_status: {not_equals: []}}",
	} {
		parse(t, "targets: [{filter: "+filter+", ecs: {scope: all}}]\n")
	}
	parse(t, "targets: [{filter: {coverage_status: {equals: [UNHEALTHY]}}, ecs: {}}]\n")
}

func TestRoleIn(t *testing.T) {
	for template, want := range map[string]string{
		"":                                      "",
		"arn:aws-cn:iam::{account_id}:role/ecs": "arn:aws-cn:iam::444455556666:role/ecs",
		"arn:{partition}:iam::{account_id}:role/p/ecs":            "arn:aws-us-gov:iam::444455556666:role/p/ecs",
		"arn:aws:iam::{account_id}:role/{account_id}-{partition}": "arn:aws:iam::444455556666:role/444455556666-aws-us-gov",
	} {
		equal(t, template, want, ECS{RoleARN: template}.RoleIn("aws-us-gov", "444455556666"))
	}
}

// TestECSRolesInPartitions has roles that are in the partition of every other target, or in none.
func TestECSRolesInPartitions(t *testing.T) {
	for _, file := range []string{
		"targets: [{regions: [cn-north-1], ecs: {role_arn: 'arn:aws-cn:iam::{account_id}:role/path/ecs'}}]\n",
		"targets: [{regions: [cn-north-1], ecs: {" + ecsRole + "}}]\n",
		"targets: [{regions: [all], ecs: {role_arn: 'arn:aws-us-gov:iam::{account_id}:role/ecs'}}]\n",
	} {
		parse(t, file)
	}
}

func TestECSTags(t *testing.T) {
	got := parse(t, "targets:\n- {name: a, ecs: {tags: [team, owner]}}\n- {name: b, regions: [us-east-1]}\n- {name: c, regions: [us-east-2], ecs: {tags: [env, team]}}\n")
	equal(t, "tags", []string{"env", "owner", "team"}, got.ECSTags())
	equal(t, "no tags", []string(nil), parse(t, "targets: [{ecs: {}}]\n").ECSTags())
	parse(t, "targets: [{ecs: {tags: ["+tagKeys(16)+"]}}]\n")
	parse(t, "targets: [{ecs: {tags: ["+strings.Repeat("é", 128)+"]}}]\n")
}

func TestSummaryOfECS(t *testing.T) {
	for file, want := range map[string]string{
		"targets: [{ecs: {}}, {name: b, regions: [all]}]\n":                                              "; ecs of 1 target",
		"targets: [{ecs: {}}, {name: b, regions: [all], ecs: {" + ecsRole + ", external_id: s3cret}}]\n": "; ecs of 2 targets",
		"targets: [{ecs: {}}]\nevents: [{" + queueURL + "}]\n":                                           "; ecs of 1 target; 1 queue: ",
	} {
		if got := parse(t, file).Summary(); !strings.Contains(got, want) || strings.Contains(got, "s3cret") {
			t.Errorf("summary %s, want %s", got, want)
		}
	}
}
