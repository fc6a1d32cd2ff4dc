package iampolicy_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

var update = flag.Bool("update", false, "regenerate the golden policies")

const (
	administratorRole = "arn:aws:iam::111122223333:role/guardduty-coverage"
	memberRole        = "arn:aws:iam::222233334444:role/guardduty-coverage"
	eventsRole        = "arn:aws:iam::222233334444:role/guardduty-coverage-events"
	queues            = "https://sqs.us-east-1.amazonaws.com/"
)

// everything enables every option of a target.
const everything = `regions: [all], resource_types: [ECS, EC2, EKS], detector: true, members: true, account_names: true`

// configurations returns the configurations of the tests by name.
func configurations() map[string]string {
	return map[string]string{
		"defaults":   "",
		"everything": "targets: [{" + everything + "}]\n",
		"instances":  "targets: [{regions: [us-east-1], detector_id: 0123456789abcdef0123456789abcdef, resource_types: [EC2]}]\n",
		"fleet":      "targets: [{regions: [us-east-1], resource_types: [EC2]}]\nec2: {only_ecs: false}\n",
		"roles": "targets:\n- {name: organization, role_arn: '" + administratorRole + "', " + everything + "}\n" +
			"- {name: apart, role_arn: '" + memberRole + "', regions: [us-east-1], detector: true}\n" +
			"- {name: apart-eks, role_arn: '" + memberRole + "', regions: [us-east-1], resource_types: [EKS]}\n" +
			"- {name: here, regions: [us-east-1], members: true}\n",
		"detectors": "targets:\n- {role_arn: '" + memberRole + "', detector_id: b, regions: [us-east-1], detector: true, resource_types: [ECS, EC2]}\n" +
			"- {name: two, role_arn: '" + memberRole + "', detector_id: a, detector: true, resource_types: [EC2]}\n" +
			"- {name: three, role_arn: '" + memberRole + "', regions: [us-west-2], resource_types: [EC2]}\n",
		"queue": "targets: [{regions: [us-east-1]}]\nevents: [{queue_url: '" + queues + own + "/events'}]\n",
		"queues": "targets: [{regions: [us-east-1], role_arn: '" + memberRole + "'}]\nevents:\n" +
			"- {queue_url: '" + queues + "222233334444/events-2', role_arn: '" + memberRole + "'}\n" +
			"- {queue_url: '" + queues + "222233334444/events-1', role_arn: '" + memberRole + "'}\n" +
			"- {queue_url: '" + queues + "222233334444/events-3', role_arn: '" + eventsRole + "'}\n" +
			"- {queue_url: '" + queues + own + "/events'}\n",
	}
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func policyFor(t *testing.T, cfg *config.Config, principal string) iampolicy.Policy {
	t.Helper()
	p, err := iampolicy.For(cfg, principal)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGoldenPolicies(t *testing.T) {
	all := configurations()
	maps.Copy(all, ecsConfigurations())
	for _, c := range []struct{ configuration, principal, golden string }{
		{"defaults", iampolicy.Exporter, "defaults"},
		{"everything", iampolicy.Exporter, "everything"},
		{"instances", iampolicy.Exporter, "instances"},
		{"fleet", iampolicy.Exporter, "defaults"}, // other instances need no other permission
		{"roles", iampolicy.Exporter, "roles-exporter"},
		{"roles", "here", "roles-exporter"},
		{"roles", "organization", "everything"}, // a role needs the same permissions as the exporter
		{"roles", memberRole, "roles-apart"},
		{"roles", "apart-eks", "roles-apart"},
		{"detectors", memberRole, "detectors"},
		{"queue", iampolicy.Exporter, "queue"},
		{"queues", iampolicy.Exporter, "queues-exporter"},
		{"queues", memberRole, "queues-target"},
		{"queues", eventsRole, "queues-apart"},
		{"ecs-everything", iampolicy.Exporter, "ecs-everything"},
		{"ecs-own", administratorRole, "ecs-own"},
		{"ecs-members", iampolicy.Exporter, "ecs-members-exporter"},
		{"ecs-members", "a", "ecs-members-target"},
		{"ecs-members", iampolicy.ECS, "ecs-members"},
		{"ecs-members", ecsRole, "ecs-members"},
		{"ecs-same-role", administratorRole, "ecs-same-role"},
		{"ecs-anywhere", iampolicy.Exporter, "ecs-anywhere-exporter"},
		{"ecs-anywhere", iampolicy.ECS, "ecs-anywhere"},
	} {
		t.Run(c.configuration+" for "+c.principal, func(t *testing.T) {
			p := policyFor(t, parse(t, all[c.configuration]), c.principal)
			got, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", c.golden+".json")
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("%s (-), policy (+):\n%s", path, diff)
			}
			checkForm(t, p)
		})
	}
}

// checkForm checks the rules of IAM and of this package for a policy.
func checkForm(t *testing.T, p iampolicy.Policy) {
	t.Helper()
	sids, actions := map[string]bool{}, map[string]bool{}
	for _, s := range p.Statement {
		if !regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(s.Sid) || sids[s.Sid] || s.Effect != "Allow" || len(s.Resource) == 0 {
			t.Errorf("a statement without a unique Sid, Allow or a resource: %+v", s)
		}
		sids[s.Sid] = true
		for _, action := range s.Action {
			if actions[action] {
				t.Errorf("%s is allowed twice", action)
			}
			actions[action] = true
			if row := "| `" + action + "` | `" + s.Sid + "` | "; !strings.Contains(p.Explain(), "\n"+row) {
				t.Errorf("no row %q in\n%s", row, p.Explain())
			}
		}
	}
	if lines := strings.Count(p.Explain(), "\n"); lines != len(actions)+2 {
		t.Errorf("%d rows explain %d actions", lines, len(actions))
	}
}

// TestOrder checks that the order of targets and queues does not affect a policy.
func TestOrder(t *testing.T) {
	for _, name := range []string{"roles", "queues"} {
		cfg := parse(t, configurations()[name])
		backwards := *cfg
		backwards.Targets, backwards.Events = slices.Clone(cfg.Targets), slices.Clone(cfg.Events)
		slices.Reverse(backwards.Targets)
		slices.Reverse(backwards.Events)
		for _, principal := range iampolicy.Principals(cfg) {
			want, got := policyFor(t, cfg, principal), policyFor(t, &backwards, principal)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(want)); diff != "" {
				t.Errorf("%s, forwards (-) and backwards (+):\n%s", principal, diff)
			}
			if want.Explain() != got.Explain() {
				t.Errorf("%s: different reasons backwards:\n%s", principal, got.Explain())
			}
		}
	}
}

func TestPrincipals(t *testing.T) {
	want := []string{iampolicy.Exporter, memberRole, eventsRole}
	if diff := cmp.Diff(want, iampolicy.Principals(parse(t, configurations()["queues"]))); diff != "" {
		t.Errorf("principals (-want +got):\n%s", diff)
	}
}

// TestTargetNamedExporter has a target with the name of the exporter's own principal, which has precedence.
func TestTargetNamedExporter(t *testing.T) {
	cfg := parse(t, "targets: [{name: exporter, role_arn: '"+memberRole+"'}]\n")
	p := policyFor(t, cfg, "exporter")
	if len(p.Statement) != 1 || !slices.Equal(p.Statement[0].Action, []string{"sts:AssumeRole"}) {
		t.Errorf("got %+v, want the policy of the exporter", p)
	}
}

func TestWrongPrincipals(t *testing.T) {
	for _, c := range []struct{ configuration, principal, want string }{
		{
			"roles", "",
			`unknown principal ""; use exporter, ` +
				administratorRole + ", " + memberRole + ", or the name of a target",
		},
		{
			"roles", "nobody",
			`unknown principal "nobody"; use exporter, ` +
				administratorRole + ", " + memberRole + ", or the name of a target",
		},
		{
			"everything", administratorRole,
			`unknown principal "` + administratorRole + `"; use exporter, or the name of a target`,
		},
	} {
		_, err := iampolicy.For(parse(t, configurations()[c.configuration]), c.principal)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s for %q:\n got %v\nwant %s", c.configuration, c.principal, err, c.want)
		}
	}
}

// TestDocument compares the table in docs/iam.md with the output of the command.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(document), "\n## What each call needs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, text := range []string{ecsConfigurations()["ecs-everything"], configurations()["queues"]} {
		for line := range strings.Lines(policyFor(t, parse(t, text), iampolicy.Exporter).Explain()) {
			if !strings.Contains(section, "\n"+line) {
				t.Errorf("the table in docs/iam.md has no row %s", line)
			}
		}
	}
}

func TestCheckSize(t *testing.T) {
	policy := func(n int) iampolicy.Policy {
		p := iampolicy.Policy{Version: "2012-10-17", Statement: []iampolicy.Statement{{Sid: "A", Effect: "Allow", Resource: []string{""}}}}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		p.Statement[0].Resource[0] = strings.Repeat("r", n-len(text))
		return p
	}
	if err := policy(10_240).CheckSize(); err != nil {
		t.Error(err)
	}
	if err := policy(10_241).CheckSize(); err == nil || !strings.Contains(err.Error(), "10241 characters") {
		t.Errorf("got %v", err)
	}
}
