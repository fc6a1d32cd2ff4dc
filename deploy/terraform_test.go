package deploy_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// moduleStatements returns the statements of parts of the module role, in one account.
func moduleStatements(t *testing.T, parts ...string) []statement {
	t.Helper()
	var all []statement
	for _, part := range parts {
		text := strings.NewReplacer("${partition}", "aws", "${queue_arns}", `["arn:aws:sqs:us-east-1:111122223333:guardduty-coverage-events-1"]`).
			Replace(string(read(t, "terraform/role/policies/"+part+".json")))
		var statements []statement
		if err := json.Unmarshal([]byte(text), &statements); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
		all = append(all, statements...)
	}
	return all
}

// TestTerraformRole compares the module's policies with those of iam-policy for the same options.
func TestTerraformRole(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/guardduty-coverage"
	bySid := func(statements []statement) map[string]statement {
		all := map[string]statement{}
		for _, s := range statements {
			all[s.Sid] = s
		}
		if len(all) != len(statements) {
			t.Errorf("a Sid is used twice: %+v", statements)
		}
		return all
	}
	for _, tc := range []struct {
		options, principal string
		parts              []string
	}{
		{"", role, []string{"coverage"}},
		{", detector: true", role, []string{"coverage", "detector"}},
		{", members: true", role, []string{"coverage", "members"}},
		{", account_names: true", role, []string{"coverage", "account-names"}},
		{", ecs: {scope: all, role_arn: 'arn:aws:iam::{account_id}:role/guardduty-coverage-ecs'}", "ecs", []string{"ecs"}},
	} {
		want := policyFor(t, "targets: [{role_arn: '"+role+"', regions: [all]"+tc.options+"}]", tc.principal)
		if diff := cmp.Diff(bySid(want.Statement), bySid(moduleStatements(t, tc.parts...))); diff != "" {
			t.Errorf("iam-policy with %q (-), the module (+):\n%s", tc.options, diff)
		}
	}
	if diff := cmp.Diff(readJSON[policy](t, "iam/read-events.json").Statement, moduleStatements(t, "events")); diff != "" {
		t.Errorf("read-events.json (-), the module (+):\n%s", diff)
	}
	trust := strings.NewReplacer("${exporter_role_arn}", "arn:aws:iam::444455556666:role/guardduty-coverage-exporter",
		"${external_id}", "REPLACE-WITH-YOUR-EXTERNAL-ID").Replace(string(read(t, "terraform/role/policies/trust.json")))
	var got policy
	if err := json.Unmarshal([]byte(trust), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(readJSON[policy](t, "iam/trust-policy.json"), got); diff != "" {
		t.Errorf("trust-policy.json (-), the module (+):\n%s", diff)
	}
}

// TestTerraformEvents compares the module with the CloudFormation template that makes the same.
func TestTerraformEvents(t *testing.T) {
	resources := readYAML[stack](t, topicTemplate).Resources
	var rule struct {
		Properties struct {
			EventPattern map[string][]string `yaml:"EventPattern"`
		} `yaml:"Properties"`
	}
	node := resources["Rule"]
	if err := node.Decode(&rule); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rule.Properties.EventPattern, readJSON[map[string][]string](t, "terraform/events/pattern.json")); diff != "" {
		t.Errorf("topic.yaml (-), the module (+):\n%s", diff)
	}
	for name, file := range map[string]string{"TopicPolicy": "topic", "QueuePolicy1": "queue"} {
		var of struct {
			Properties struct {
				PolicyDocument policy `yaml:"PolicyDocument"`
			} `yaml:"Properties"`
		}
		node := resources[name]
		if err := node.Decode(&of); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("${topic_arn}", "Topic", "${queue_arn}", "Queue1.Arn").Replace(string(read(t, "terraform/events/policies/"+file+".json")))
		var got policy
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(of.Properties.PolicyDocument, got); diff != "" {
			t.Errorf("%s of topic.yaml (-), the module (+):\n%s", name, diff)
		}
	}
}

// TestTerraformReadsItsFiles checks the names of files and variables, because nothing here runs Terraform.
func TestTerraformReadsItsFiles(t *testing.T) {
	for _, module := range []string{"role", "events"} {
		main := string(read(t, "terraform/"+module+"/main.tf"))
		files, err := filepath.Glob("terraform/" + module + "/*/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no policies: %v", module, err)
		}
		for _, file := range files {
			part := strings.TrimSuffix(filepath.Base(file), ".json")
			if !strings.Contains(main, `["`+part+`"]`) && !strings.Contains(main, "/policies/"+part+".json") {
				t.Errorf("main.tf of %s does not read %s", module, file)
			}
			for _, variable := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(read(t, filepath.ToSlash(file))), -1) {
				if !regexp.MustCompile(`\b` + variable[1] + `\s*=`).MatchString(main) {
					t.Errorf("main.tf of %s does not set %s, which %s uses", module, variable[1], file)
				}
			}
		}
		declared := string(read(t, "terraform/"+module+"/variables.tf"))
		for _, variable := range regexp.MustCompile(`\bvar\.(\w+)`).FindAllStringSubmatch(main, -1) {
			if !strings.Contains(declared, `variable "`+variable[1]+`" {`) {
				t.Errorf("main.tf of %s uses var.%s, which is not declared", module, variable[1])
			}
		}
	}
}
