package config

import (
	"strings"
	"testing"
)

const (
	ecsRole = "role_arn: 'arn:{partition}:iam::{account_id}:role/ecs'"
	// withECS begins a file whose fourth line is the first key of an ecs block.
	withECS = "targets:\n- regions: [us-east-1]\n  ecs:\n    "
)

func mistakesInECS() []mistake {
	return []mistake{
		{
			"ecs true", "targets:\n- ecs: true\n",
			"2: targets[0].ecs: must be a mapping of keys, not true or false",
		},
		{
			"ecs unknown key", withECS + "rolearn: x\n",
			"4: targets[0].ecs.rolearn: unknown key (did you mean role_arn?)",
		},
		{
			"ecs of a queue", "events:\n- {" + queueURL + ", ecs: {}}\n",
			"2: events[0].ecs: unknown key",
		},
		{
			"ecs without its type", "targets:\n- resource_types: [EC2, EKS]\n  ecs: {scope: unhealthy}\n",
			"3: targets[0].ecs: requires ECS in resource_types",
		},
		{ // the intended type may be ECS
			"ecs with a mistyped type", "targets:\n- resource_types: [ESC]\n  ecs: {}\n",
			`2: targets[0].resource_types[0]: "ESC" is not one of ECS, EC2, EKS (did you mean ECS?)`,
		},
		{
			"ecs scope", withECS + "scope: unhealhty\n",
			`4: targets[0].ecs.scope: "unhealhty" is not one of unhealthy, all (did you mean unhealthy?)`,
		},
		{
			"ecs scope list", withECS + "scope: [all]\n",
			"4: targets[0].ecs.scope: must be text, not a list",
		},
		{
			"ecs scope with a filter", "targets:\n- filter: {coverage_status: {equals: [UNHEALTHY]}}\n  ecs:\n    scope: all\n",
			`4: targets[0].ecs.scope: "all" cannot be combined with filter.coverage_status, because clusters that it excludes would count as not listed`,
		},
		{
			"ecs scope with a filter on names", "targets:\n- filter: {ecs_cluster_name: {not_equals: [a]}}\n  ecs:\n    scope: all\n",
			`4: targets[0].ecs.scope: "all" cannot be combined with filter.ecs_cluster_name, because clusters that it excludes would count as not listed`,
		},
		{
			"ecs scope with a filter on the management", "targets:\n- filter: {management_type: {equals: [MANUAL]}}\n  ecs:\n    scope: all\n",
			`4: targets[0].ecs.scope: "all" cannot be combined with filter.management_type, because clusters that it excludes would count as not listed`,
		},
		{
			"ecs interval", withECS + "interval: 59s\n",
			"4: targets[0].ecs.interval: must be between 1m and 1y, not 59s",
		},
		{
			"ecs interval of zero", withECS + "interval: 0s\n",
			"4: targets[0].ecs.interval: must be between 1m and 1y, not 0s",
		},
		{
			"ecs interval without a unit", withECS + "interval: 15\n",
			"4: targets[0].ecs.interval: 15 has no unit; write a duration such as 30s, 5m or 1h30m",
		},
	}
}

func mistakesInECSRoles() []mistake {
	return []mistake{
		{
			"ecs role", withECS + "role_arn: coverage\n",
			`4: targets[0].ecs.role_arn: "coverage" is not the ARN of an IAM role (arn:aws:iam::{account_id}:role/NAME)`,
		},
		{
			"ecs role of an account", withECS + coverageRole + "\n",
			`4: targets[0].ecs.role_arn: "arn:aws:iam::111122223333:role/coverage" must have {account_id} as its account, because ECS is read in the account of each cluster`,
		},
		{
			"ecs role with the account in its name", withECS + "role_arn: 'arn:aws:iam::111122223333:role/ecs-{account_id}'\n",
			`4: targets[0].ecs.role_arn: "arn:aws:iam::111122223333:role/ecs-{account_id}" must have {account_id} as its account, because ECS is read in the account of each cluster`,
		},
		{
			"ecs role with placeholders confused", withECS + "role_arn: 'arn:{account_id}:iam::{partition}:role/ecs'\n",
			`4: targets[0].ecs.role_arn: "arn:{account_id}:iam::{partition}:role/ecs" is not the ARN of an IAM role (arn:aws:iam::{account_id}:role/NAME)`,
		},
		{
			"ecs role with another placeholder", withECS + "role_arn: 'arn:aws:iam::{account}:role/ecs'\n",
			`4: targets[0].ecs.role_arn: "{account}" is not a placeholder; {partition} and {account_id} are (did you mean {account_id}?)`,
		},
		{
			"ecs role with the Region", withECS + "role_arn: 'arn:aws:iam::{account_id}:role/ecs-{region}'\n",
			`4: targets[0].ecs.role_arn: "{region}" is not a placeholder; {partition} and {account_id} are`,
		},
		{
			"ecs role with an open brace", withECS + "role_arn: 'arn:aws:iam::{account_id:role/ecs'\n",
			`4: targets[0].ecs.role_arn: "{" is not a placeholder; {partition} and {account_id} are`,
		},
		{
			"ecs role without a name", withECS + "role_arn: 'arn:aws:iam::{account_id}:role/'\n",
			`4: targets[0].ecs.role_arn: "arn:aws:iam::{account_id}:role/" is not the ARN of an IAM role (arn:aws:iam::{account_id}:role/NAME)`,
		},
		{
			"ecs role in another partition", withECS + "role_arn: 'arn:aws-cn:iam::{account_id}:role/ecs'\n",
			"3: targets[0].ecs: is in the partition aws-cn, but targets[0] (line 2) is in aws; use one exporter for each partition",
		},
		{
			"placeholder in the role of a target", "targets:\n- role_arn: 'arn:aws:iam::{account_id}:role/coverage'\n",
			`2: targets[0].role_arn: "arn:aws:iam::{account_id}:role/coverage" has a placeholder, which only ecs.role_arn of a target may have`,
		},
		{
			"placeholder in the role of a queue", "events:\n- {" + queueURL + ", role_arn: 'arn:{partition}:iam::111122223333:role/coverage'}\n",
			`2: events[0].role_arn: "arn:{partition}:iam::111122223333:role/coverage" has a placeholder, which only ecs.role_arn of a target may have`,
		},
		{
			"ecs external ID without role", withECS + "external_id: s3cret\n",
			"4: targets[0].ecs.external_id: requires role_arn",
		},
		{
			"ecs external ID with a placeholder", withECS + ecsRole + "\n    external_id: 'x{account_id}'\n",
			"5: targets[0].ecs.external_id: must have 2 to 1224 letters, digits and _+=,.@:/-",
		},
		{ // external_id does not lack a role
			"ecs external ID with a wrong role", withECS + "role_arn: coverage\n    external_id: s3cret\n",
			`4: targets[0].ecs.role_arn: "coverage" is not the ARN of an IAM role (arn:aws:iam::{account_id}:role/NAME)`,
		},
		{
			"ecs session without role", withECS + "role_session_name: prometheus\n",
			"4: targets[0].ecs.role_session_name: requires role_arn",
		},
		{
			"ecs session short", withECS + ecsRole + "\n    role_session_name: p\n",
			`5: targets[0].ecs.role_session_name: "p" must have 2 to 64 letters, digits and _+=,.@-`,
		},
	}
}

// tagKeys returns n different tag keys.
func tagKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "k" + strings.Repeat("a", i)
	}
	return strings.Join(keys, ", ")
}

func mistakesInECSTags() []mistake {
	return []mistake{
		{"tags text", withECS + "tags: team\n", "4: targets[0].ecs.tags: must be a list, not text"},
		{"tag empty", withECS + "tags: ['']\n", "4: targets[0].ecs.tags[0]: must not be empty"},
		{
			"tag pattern", withECS + "tags: [team, 'cost*']\n",
			`4: targets[0].ecs.tags[1]: "cost*" is not a tag key of letters, digits, spaces and _.:/=+@-`,
		},
		{
			"tag long", withECS + "tags: [" + strings.Repeat("é", 129) + "]\n",
			"4: targets[0].ecs.tags[0]: must have at most 128 characters, not 129",
		},
		{
			"tag twice", withECS + "tags:\n    - team\n    - owner\n    - team\n",
			`7: targets[0].ecs.tags[2]: "team" is a duplicate of targets[0].ecs.tags[0]`,
		},
		{
			"tags with one label", withECS + "tags:\n    - cost-center\n    - cost_center\n",
			`6: targets[0].ecs.tags[1]: "cost_center" has the label tag_cost_center, as "cost-center" has, which is targets[0].ecs.tags[0] (line 5)`,
		},
		{
			"tags of two targets with one label", "targets:\n- {name: a, regions: [us-east-1], ecs: {tags: [Größe]}}\n- {name: b, regions: [us-east-2], ecs: {tags: ['Gr..e']}}\n",
			`3: targets[1].ecs.tags[0]: "Gr..e" has the label tag_Gr__e, as "Größe" has, which is targets[0].ecs.tags[0] (line 2)`,
		},
		{
			"many tags", withECS + "tags: [" + tagKeys(18) + "]\n",
			"4: targets[0].ecs.tags[16]: is more than the 16 tag keys that the targets may have in total",
		},
		{
			"many tags of two targets", "targets:\n- {name: a, regions: [us-east-1], ecs: {tags: [" + tagKeys(16) + "]}}\n- {name: b, regions: [us-east-2], ecs: {tags: [k, ka, owner]}}\n",
			"3: targets[1].ecs.tags[2]: is more than the 16 tag keys that the targets may have in total",
		},
	}
}

// TestEveryMistakeInECS has mistakes in all keys, which are reported at once.
func TestEveryMistakeInECS(t *testing.T) {
	_, err := Parse("config.yaml", []byte(strings.Join([]string{
		"targets:",
		"- ecs:",
		"    role_arn: arn:aws:iam::{account}:role/ecs",
		"    external_id: x",
		"    role_session_name: y",
		"    scope: every",
		"    interval: 10s",
		"    tags: [a.b, a-b, '{account_id}']",
	}, "\n")))
	if err == nil {
		t.Fatal("no error")
	}
	for _, line := range []string{":3: ", ":4: ", ":5: ", ":6: ", ":7: ", ":8: targets[0].ecs.tags[1]", ":8: targets[0].ecs.tags[2]"} {
		if !strings.Contains(err.Error(), "config.yaml"+line) {
			t.Errorf("nothing is reported for line%s in\n%v", line, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 7 {
		t.Errorf("%d mistakes instead of 7:\n%v", lines, err)
	}
}
