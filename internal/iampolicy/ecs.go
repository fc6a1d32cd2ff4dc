package iampolicy

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// ECS is a short name for the principal of ecs.role_arn, if all targets with ecs have the same.
const ECS = "ecs"

// ecsRoles returns the templates of the roles that read ECS, sorted and without duplicates.
func ecsRoles(cfg *config.Config) []string {
	var templates []string
	for _, t := range cfg.Targets {
		if t.ECS != nil && t.ECS.RoleARN != "" {
			templates = append(templates, t.ECS.RoleARN)
		}
	}
	slices.Sort(templates)
	return slices.Compact(templates)
}

// ecsRolePatterns returns the roles that read ECS as the resources of sts:AssumeRole.
func ecsRolePatterns(cfg *config.Config) []string {
	var patterns []string
	for _, t := range cfg.Targets {
		if t.ECS != nil && t.ECS.RoleARN != "" {
			patterns = append(patterns, t.ECS.RoleIn(cmp.Or(t.Partition(), "*"), "*"))
		}
	}
	return patterns
}

// readsECS reports whether the role, or the ambient credentials if it is "", reads ECS for the target. A role of an
// account does if ecs.role_arn is its name in every account.
func readsECS(t config.Target, role string) bool {
	if t.ECS == nil {
		return false
	}
	reader := cmp.Or(t.ECS.RoleARN, t.RoleARN)
	if reader == role {
		return true
	}
	parsed, err := arn.Parse(role)
	return err == nil && t.ECS.RoleIn(parsed.Partition, parsed.AccountID) == role
}

// ecsResources returns the resources of ECS that the role, or the ambient credentials if it is "", needs the permission
// for: none if it does not need it, and * if IAM cannot restrict the action.
func (p permission) ecsResources(cfg *config.Config, role string) []string {
	var arns []string
	for _, t := range cfg.Targets {
		if !readsECS(t, role) || p.when != nil && !p.when(t) {
			continue
		}
		if !p.scoped {
			return []string{"*"}
		}
		arns = append(arns, resourcesOfECS(t, role)...)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// resourcesOfECS returns all clusters and what is in them, in the Regions of the target, with * for what the
// configuration does not contain.
func resourcesOfECS(t config.Target, role string) []string {
	partition, account := cmp.Or(t.Partition(), "*"), "*"
	if reader, err := arn.Parse(t.ECS.RoleIn(partition, "*")); err == nil {
		partition = reader.Partition
	}
	if parsed, err := arn.Parse(role); err == nil && role != t.ECS.RoleARN {
		account = parsed.AccountID
	}
	regions := t.Regions
	if len(regions) == 0 || t.AllRegions() {
		regions = []string{"*"}
	}
	var arns []string
	for _, region := range regions {
		for _, kind := range []string{"cluster", "service", "task", "container-instance"} {
			arns = append(arns, arn.ARN{
				Partition: partition, Service: "ecs", Region: region, AccountID: account, Resource: kind + "/*",
			}.String())
		}
	}
	return arns
}

// ecsPermissions returns the permissions for ecs. Source of scoped: service authorization reference, "Actions,
// resources, and condition keys for Amazon Elastic Container Service" (read November 2026).
func ecsPermissions() []permission {
	const list, describe, reason = "ListECS", "DescribeECS", "for `ecs`"
	const unknown = "`guardduty_ecs_account_up` is 0; it is not known "
	return []permission{
		{
			sid: list, action: "ecs:ListAccountSettings", reason: reason,
			loss: unknown + "whether the account lets GuardDuty add its agent",
		},
		{
			sid: list, action: "ecs:DescribeTaskDefinition", reason: reason,
			loss: unknown + "whether tasks have an execution role",
		},
		{
			sid: list, action: "ecs:ListClusters", reason: "for `ecs` with `scope: all`",
			when: func(t config.Target) bool { return t.ECS.Scope == config.ScopeAll },
			loss: unknown + "which clusters GuardDuty does not list",
		},
		{
			sid: describe, action: "ecs:DescribeClusters", scoped: true, reason: reason,
			loss: unknown + "whether a tag excludes the cluster; `guardduty_ecs_cluster_tags_info` is absent",
		},
		{
			sid: describe, action: "ecs:DescribeServices", scoped: true, reason: reason,
			loss: unknown + "whether services are older than Runtime Monitoring",
		},
		{
			sid: describe, action: "ecs:ListTasks", scoped: true, reason: reason,
			loss: unknown + "which tasks the cluster has and whether they have an agent",
		},
		{
			sid: describe, action: "ecs:DescribeTasks", scoped: true, reason: reason,
			loss: unknown + "which tasks the cluster has and whether they have an agent",
		},
		{
			sid: describe, action: "ecs:DescribeContainerInstances", scoped: true, reason: "for `ecs`, if a cluster has tasks on EC2 instances",
			loss: unknown + "which EC2 instance a task runs on",
		},
	}
}
