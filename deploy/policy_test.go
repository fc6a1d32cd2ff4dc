package deploy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

// policy is an IAM policy document. Statements of an identity-based policy have resources, those of a trust policy have
// principals.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    list
	Resource  list
	Condition map[string]map[string]string
}

// UnmarshalYAML decodes by way of JSON, because the YAML decoder does not expect capitalized keys.
func (p *policy) UnmarshalYAML(node *yaml.Node) error {
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		return err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	type plain policy
	return json.Unmarshal(data, (*plain)(p))
}

// list is one string or a list of strings.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// policyFor returns the policy of a principal, as IAM parses it.
func policyFor(t *testing.T, text, principal string) policy {
	t.Helper()
	cfg, err := config.Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	made, err := iampolicy.For(cfg, principal)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var p policy
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// actions returns the actions that the policy allows, sorted. Statements other than Allow are errors.
func (p policy) actions(t *testing.T) []string {
	t.Helper()
	if p.Version != "2012-10-17" {
		t.Errorf("policy has the version %q, want 2012-10-17", p.Version)
	}
	var all []string
	for _, s := range p.Statement {
		if s.Effect != "Allow" || s.Sid == "" || len(s.Action) == 0 {
			t.Errorf("statement %+v lacks an Allow, a Sid or an action", s)
		}
		all = append(all, s.Action...)
	}
	slices.Sort(all)
	if distinct := slices.Compact(slices.Clone(all)); len(distinct) != len(all) {
		t.Errorf("an action is allowed twice: %v", all)
	}
	return all
}
