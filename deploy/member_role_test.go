package deploy_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// template is the part of a CloudFormation template that the member role uses.
type template struct {
	AWSTemplateFormatVersion string               `yaml:"AWSTemplateFormatVersion"`
	Description              string               `yaml:"Description"`
	Metadata                 yaml.Node            `yaml:"Metadata"`
	Parameters               map[string]parameter `yaml:"Parameters"`
	Conditions               yaml.Node            `yaml:"Conditions"`
	Resources                map[string]resource  `yaml:"Resources"`
	Outputs                  yaml.Node            `yaml:"Outputs"`
}

type parameter struct {
	Type                  string   `yaml:"Type"`
	Description           string   `yaml:"Description"`
	Default               string   `yaml:"Default"`
	AllowedValues         []string `yaml:"AllowedValues"`
	NoEcho                bool     `yaml:"NoEcho"`
	MinLength             int      `yaml:"MinLength"`
	MaxLength             int      `yaml:"MaxLength"`
	AllowedPattern        string   `yaml:"AllowedPattern"`
	ConstraintDescription string   `yaml:"ConstraintDescription"`
}

type resource struct {
	Type       string `yaml:"Type"`
	Condition  string `yaml:"Condition"`
	Properties struct {
		RoleName                 string `yaml:"RoleName"`
		Description              string `yaml:"Description"`
		MaxSessionDuration       int    `yaml:"MaxSessionDuration"`
		AssumeRolePolicyDocument policy `yaml:"AssumeRolePolicyDocument"`
		Policies                 []struct {
			PolicyName     string `yaml:"PolicyName"`
			PolicyDocument policy `yaml:"PolicyDocument"`
		} `yaml:"Policies"`
		PolicyName     string `yaml:"PolicyName"` // of a policy
		PolicyDocument policy `yaml:"PolicyDocument"`
	} `yaml:"Properties"`
}

const memberRole = "iam/member-role.yaml"

func TestMemberRoleReadsAsTheDelegatedAdministratorDoes(t *testing.T) {
	file := readYAML[template](t, memberRole)
	role, ok := file.Resources["CoverageRole"]
	if !ok || len(file.Resources) != 2 || role.Type != "AWS::IAM::Role" || len(role.Properties.Policies) != 1 {
		t.Fatalf("the template does not create one role with one policy: %+v", file.Resources)
	}
	want := readJSON[policy](t, "iam/delegated-administrator.json")
	if diff := cmp.Diff(want, role.Properties.Policies[0].PolicyDocument); diff != "" {
		t.Errorf("delegated-administrator.json (-), member-role.yaml (+):\n%s", diff)
	}
	// The principal and the external ID are the names of parameters.
	trust := readJSON[policy](t, "iam/trust-policy.json")
	trust.Statement[0].Principal = map[string]string{"AWS": "ExporterPrincipalArn"}
	trust.Statement[0].Condition = map[string]map[string]string{"StringEquals": {"sts:ExternalId": "ExternalId"}}
	if diff := cmp.Diff(trust, role.Properties.AssumeRolePolicyDocument); diff != "" {
		t.Errorf("trust-policy.json (-), member-role.yaml (+):\n%s", diff)
	}
}

// The policy for ECS is that of the configuration in docs/iam.md with all Regions and clusters, in the account of the
// role, and without the parameter it does not exist.
func TestMemberRoleReadsECS(t *testing.T) {
	const role = "arn:{partition}:iam::{account_id}:role/guardduty-coverage-ecs"
	file := readYAML[template](t, memberRole)
	p := file.Resources["EcsPolicy"]
	if p.Type != "AWS::IAM::RolePolicy" || p.Condition != "ReadsEcs" || p.Properties.RoleName != "CoverageRole" {
		t.Errorf("the template has no policy that is optional: %+v", p)
	}
	inAccount := p.Properties.PolicyDocument
	for _, s := range inAccount.Statement {
		for i, arn := range s.Resource {
			s.Resource[i] = strings.NewReplacer("${AWS::Partition}", "*", "${AWS::AccountId}", "*").Replace(arn)
		}
	}
	want := policyFor(t, "targets: [{regions: [all], ecs: {scope: all, role_arn: '"+role+"'}}]", "ecs")
	if diff := cmp.Diff(want, inAccount); diff != "" {
		t.Errorf("policy for ecs (-), member-role.yaml (+):\n%s", diff)
	}
	if read := file.Parameters["ReadEcs"]; read.Default != "false" || !slices.Equal(read.AllowedValues, []string{"false", "true"}) {
		t.Errorf("ReadEcs is not off by default: %+v", read)
	}
}

func TestMemberRoleParameters(t *testing.T) {
	file := readYAML[template](t, memberRole)
	externalID := file.Parameters["ExternalId"]
	if !externalID.NoEcho || externalID.Default != "" {
		t.Errorf("the external ID is echoed, or has a default: %+v", externalID)
	}
	pattern := regexp.MustCompile(externalID.AllowedPattern)
	for _, id := range []string{
		"", "a", "ab", "Az09_+=,.@:/-", "with space", "new\nline", "ümlaut",
		strings.Repeat("x", 1224), strings.Repeat("x", 1225),
	} {
		allowed := len(id) >= externalID.MinLength && len(id) <= externalID.MaxLength && pattern.MatchString(id)
		if id != "" && allowed != parses(id) {
			t.Errorf("the external ID %.20q is allowed by the template: %t, by the configuration: %t", id, allowed, parses(id))
		}
	}
	principal := regexp.MustCompile(file.Parameters["ExporterPrincipalArn"].AllowedPattern)
	for arn, want := range map[string]bool{
		"arn:aws:iam::444455556666:role/guardduty-coverage-exporter": true,
		"arn:aws-us-gov:iam::444455556666:role/path/exporter":        true,
		"arn:aws:iam::444455556666:root":                             false, // any principal of that account
		"*":                                                          false,
	} {
		if principal.MatchString(arn) != want {
			t.Errorf("the principal %s is allowed: %t, want %t", arn, !want, want)
		}
	}
	if name := file.Parameters["RoleName"]; !regexp.MustCompile(name.AllowedPattern).MatchString(name.Default) {
		t.Errorf("the default role name %q is not allowed", name.Default)
	}
}

// parses reports whether a configuration with this external ID is valid.
func parses(externalID string) bool {
	_, err := config.Parse("config.yaml", []byte("targets: [{role_arn: 'arn:aws:iam::111122223333:role/guardduty-coverage', "+
		"external_id: "+strconv.Quote(externalID)+"}]"))
	return err == nil
}
