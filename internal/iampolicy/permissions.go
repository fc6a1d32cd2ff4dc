package iampolicy

import (
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// permission is an IAM action and its purpose.
type permission struct {
	sid    string // of the feature's statement
	action string
	scoped bool                     // whether IAM can restrict the action to resources
	when   func(config.Target) bool // whether a target needs it; nil if all do that have the feature
	reason string                   // when it is needed
	loss   string                   // what is missing without it
}

// resources returns the resources that targets with the role, or without a role if it is "", need the permission for:
// none if they do not need it, and * if one of the resources is unknown.
func (p permission) resources(cfg *config.Config, role string) []string {
	var arns []string
	for _, t := range cfg.Targets {
		if t.RoleARN != role || !p.when(t) {
			continue
		}
		detector := t.DetectorARN()
		if !p.scoped || detector == "" {
			return []string{"*"}
		}
		arns = append(arns, detector)
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

func assumeRole() permission {
	return permission{
		sid: "AssumeRoles", action: "sts:AssumeRole",
		reason: "for targets, `ecs` and queues with `role_arn`, on that role",
		loss:   "the target's state is `denied`; `guardduty_ecs_account_up` of the account or the queue's `guardduty_event_queue_up` is 0",
	}
}

// queuePermissions returns the permissions for a queue. Batch operations need no others (read November 2026):
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
func queuePermissions() []permission {
	const sid, reason = "ReadEvents", "for `events`, on each queue"
	return []permission{
		{
			sid: sid, action: "sqs:ReceiveMessage", reason: reason,
			loss: "`guardduty_event_queue_up` is 0; changes are exported at the next refresh",
		},
		{
			sid: sid, action: "sqs:DeleteMessage", reason: reason,
			loss: "`guardduty_event_queue_up` is 0; every message is redelivered until it reaches the dead-letter queue",
		},
		{
			sid: sid, action: "sqs:ChangeMessageVisibility", reason: reason,
			loss: "a change that GuardDuty does not list yet is read again only when its visibility timeout expires",
		},
	}
}

// readPermissions returns the permissions for targets, grouped by feature. Source of scoped: service authorization
// reference, "Actions, resources, and condition keys for Amazon GuardDuty" (read November 2026).
func readPermissions() []permission {
	return []permission{
		{
			sid: "ReadCoverage", action: "guardduty:ListDetectors",
			when:   func(t config.Target) bool { return t.DetectorID == "" },
			reason: "for every target without `detector_id`",
			loss:   "the target's state is `denied`",
		},
		{
			sid: "ReadCoverage", action: "guardduty:ListCoverage", scoped: true,
			when:   func(config.Target) bool { return true },
			reason: "for every target, whatever its `resource_types`",
			loss:   "the target's state is `denied`",
		},
		{
			sid: "ReadCoverageStatistics", action: "guardduty:GetCoverageStatistics", scoped: true,
			when:   func(config.Target) bool { return true },
			reason: "optional; for every target",
			loss: "`guardduty_coverage_statistics_resources` and `…_by_type` are absent, and the rows are not checked against AWS's " +
				"own counts; resources, counts and percent are complete",
		},
		{
			sid: "ReadDetector", action: "guardduty:GetDetector", scoped: true,
			when:   func(t config.Target) bool { return t.Detector },
			reason: "for `detector: true`",
			loss:   "`guardduty_detector_enabled` is absent, and so are the features of the target's own account",
		},
		{
			sid: "ReadMembers", action: "guardduty:ListMembers", when: readsMembers,
			reason: "for `members: true`",
			loss:   "`guardduty_member_enabled` is absent, and members without resources are not visible",
		},
		{
			sid: "ReadMembers", action: "guardduty:GetMemberDetectors", when: readsMembers,
			reason: "for `members: true`",
			loss:   "the features of member accounts are absent",
		},
		{
			sid: "ReadAccountNames", action: "organizations:ListAccounts",
			when:   func(t config.Target) bool { return t.AccountNames },
			reason: "for `account_names: true`",
			loss:   "`guardduty_account_info` is absent: the state of the target with `kind=\"account_names\"` is `denied`",
		},
		{
			sid: "FindRegionsForRegionsAll", action: "account:ListRegions",
			when:   func(t config.Target) bool { return t.AllRegions() },
			reason: "for `regions: [all]`",
			loss:   "no Region is found: the state of the target with `kind=\"regions\"` is `denied`",
		},
	}
}

func readsMembers(t config.Target) bool { return t.Members }
