package iampolicy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

// ecsRole is the role that reads ECS in every account.
const ecsRole = "arn:aws:iam::{account_id}:role/guardduty-coverage-ecs"

// ecsConfigurations returns the configurations of the tests that read ECS, by name.
func ecsConfigurations() map[string]string {
	return map[string]string{
		"ecs-everything": "targets: [{" + everything + ", ecs: {scope: all}}]\n",
		"ecs-own":        "targets: [{regions: [us-east-1], role_arn: '" + administratorRole + "', ecs: {}}]\n",
		"ecs-members": "targets:\n- {name: a, role_arn: '" + administratorRole + "', regions: [us-east-1, eu-west-1], ecs: {role_arn: '" + ecsRole + "'}}\n" +
			"- {name: b, role_arn: '" + administratorRole + "', regions: [us-west-2]}\n",
		"ecs-same-role": "targets: [{role_arn: '" + administratorRole + "', regions: [us-east-1], " +
			"ecs: {role_arn: 'arn:{partition}:iam::{account_id}:role/guardduty-coverage', scope: all}}]\n",
		"ecs-anywhere": "targets: [{ecs: {role_arn: 'arn:{partition}:iam::{account_id}:role/ecs-{account_id}'}}]\n",
		"ecs-two-roles": "targets:\n- {name: a, regions: [us-east-1], ecs: {role_arn: '" + ecsRole + "'}}\n" +
			"- {name: b, regions: [us-east-2], ecs: {role_arn: '" + ecsRole + "-b', scope: all}}\n" +
			"- {name: c, regions: [us-west-2], ecs: {role_arn: '" + ecsRole + "'}}\n",
	}
}

// TestPrincipalsOfECS has the role of every account by its ARN and its short name, which is ambiguous for two roles.
func TestPrincipalsOfECS(t *testing.T) {
	one, two := parse(t, ecsConfigurations()["ecs-members"]), parse(t, ecsConfigurations()["ecs-two-roles"])
	if diff := cmp.Diff([]string{iampolicy.Exporter, administratorRole, ecsRole}, iampolicy.Principals(one)); diff != "" {
		t.Errorf("principals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{iampolicy.Exporter, ecsRole, ecsRole + "-b"}, iampolicy.Principals(two)); diff != "" {
		t.Errorf("principals (-want +got):\n%s", diff)
	}
	const want = "targets have different ecs.role_arn; use one of " + ecsRole + ", " + ecsRole + "-b"
	if _, err := iampolicy.For(two, iampolicy.ECS); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, name := range []string{"ecs-own", "ecs-everything"} {
		if _, err := iampolicy.For(parse(t, ecsConfigurations()[name]), iampolicy.ECS); err == nil || !strings.HasPrefix(err.Error(), "no target has ecs.role_arn") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for role, target := range map[string]string{"": iampolicy.Exporter, ", role_arn: '" + memberRole + "'": memberRole} {
		both := parse(t, "targets: [{name: ecs, regions: [us-east-1]"+role+"}, {name: b, regions: [us-east-2], ecs: {role_arn: '"+ecsRole+"'}}]\n")
		want := `"ecs" is the name of a target, and short for ecs.role_arn; use ` + ecsRole + ", or for the target " + target
		if _, err := iampolicy.For(both, iampolicy.ECS); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	named := parse(t, "targets: [{name: ecs, regions: [us-east-1], role_arn: '"+memberRole+"'}]\n")
	if p := policyFor(t, named, "ecs"); p.Statement[0].Sid != "ReadCoverage" {
		t.Errorf("got %+v, want the policy of the target", p)
	}
}

// TestResourcesOfECS has the resource level of each action, and the fix of one that is
// denied.
func TestResourcesOfECS(t *testing.T) {
	for _, s := range policyFor(t, parse(t, ecsConfigurations()["ecs-everything"]), iampolicy.Exporter).Statement {
		for _, action := range s.Action {
			operation, isECS := strings.CutPrefix(action, "ecs:")
			if !isECS {
				continue
			}
			unrestricted := slices.Contains([]string{"ListAccountSettings", "DescribeTaskDefinition", "ListClusters"}, operation)
			if unrestricted != slices.Equal(s.Resource, []string{"*"}) {
				t.Errorf("%s on %v", action, s.Resource)
			}
			denied := diagnosis.Finding{Cause: diagnosis.Denied, Evidence: action + " was denied (AccessDeniedException)."}
			if fix := diagnosis.FixOf(diagnosis.Cluster{}, denied); !strings.Contains(fix.Text, "the statement "+s.Sid+" of the policy") {
				t.Errorf("%s of %s: %s", action, s.Sid, fix.Text)
			}
		}
	}
	for role, want := range map[string]string{
		ecsRole:        `["arn:aws:ecs:us-east-1:*:cluster/*" "arn:aws:ecs:us-west-2:*:cluster/*"]`,
		ecsRole + "-b": `["arn:aws:ecs:us-east-2:*:cluster/*"]`,
	} {
		p := policyFor(t, parse(t, ecsConfigurations()["ecs-two-roles"]), role)
		last := p.Statement[len(p.Statement)-1]
		clusters := slices.DeleteFunc(slices.Clone(last.Resource), func(arn string) bool { return !strings.Contains(arn, ":cluster/") })
		if diff := cmp.Diff(want, quoted(clusters)); diff != "" {
			t.Errorf("%s, clusters (-want +got):\n%s", role, diff)
		}
		if lists := slices.Contains(p.Statement[0].Action, "ecs:ListClusters"); lists != strings.HasSuffix(role, "-b") {
			t.Errorf("%s: ListClusters is allowed: %t", role, lists)
		}
	}
}

func quoted(texts []string) string { return `["` + strings.Join(texts, `" "`) + `"]` }
