package deploy_test

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// templates returns the CloudFormation templates in this directory.
func templates() []string { return []string{memberRole, queueTemplate, topicTemplate} }

// stack is the part of a CloudFormation template that defines names.
type stack struct {
	Version     string               `yaml:"AWSTemplateFormatVersion"`
	Description string               `yaml:"Description"`
	Metadata    yaml.Node            `yaml:"Metadata"`
	Parameters  map[string]parameter `yaml:"Parameters"`
	Conditions  map[string]yaml.Node `yaml:"Conditions"`
	Resources   map[string]yaml.Node `yaml:"Resources"`
	Outputs     map[string]yaml.Node `yaml:"Outputs"`
}

// reference is a use of a name in a template.
type reference struct {
	name, attribute string
	line            int
}

var substituted = regexp.MustCompile(`\$\{([^}]*)\}`)

// references returns the names that a part of a template uses in !Ref, !GetAtt and !Sub. Other functions are errors,
// except those for conditions.
func references(t *testing.T, node *yaml.Node) []reference {
	t.Helper()
	var found []reference
	switch node.Tag {
	case "!Ref":
		found = append(found, reference{name: node.Value, line: node.Line})
	case "!GetAtt":
		name, attribute, _ := strings.Cut(node.Value, ".")
		found = append(found, reference{name, attribute, node.Line})
	case "!Sub":
		for _, part := range substituted.FindAllStringSubmatch(node.Value, -1) {
			name, attribute, _ := strings.Cut(part[1], ".")
			found = append(found, reference{name, attribute, node.Line})
		}
	case "!Not", "!Equals":
	default:
		if strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
			t.Errorf("line %d: this test does not support the function %s", node.Line, node.Tag)
		}
	}
	for _, child := range node.Content {
		found = append(found, references(t, child)...)
	}
	return found
}

// condition returns the condition of a resource or an output, or "" if it has none.
func condition(node yaml.Node) string {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "Condition" {
			return node.Content[i+1].Value
		}
	}
	return ""
}

// Every name refers to something that exists under the same condition, and every parameter and condition is used.
func TestTemplateReferences(t *testing.T) {
	for _, name := range templates() {
		t.Run(name, func(t *testing.T) {
			file := readYAML[stack](t, name)
			used := map[string]bool{}
			check := func(part yaml.Node, mayName map[string]yaml.Node) {
				used[condition(part)] = true
				for _, r := range references(t, &part) {
					_, isParameter := file.Parameters[r.name]
					resource, isResource := mayName[r.name]
					used[r.name] = true
					switch {
					case isParameter && r.attribute == "":
					case r.name == "AWS::Partition" || r.name == "AWS::AccountId":
					case !isResource || r.attribute != "" && r.attribute != "Arn":
						t.Errorf("line %d: %s refers to nothing", r.line, r.name)
					case condition(resource) != "" && condition(resource) != condition(part):
						t.Errorf("line %d: %s does not always exist", r.line, r.name)
					}
				}
			}
			for _, part := range slices.Collect(maps.Values(file.Conditions)) {
				check(part, nil)
			}
			for _, part := range slices.Concat(slices.Collect(maps.Values(file.Resources)), slices.Collect(maps.Values(file.Outputs))) {
				check(part, file.Resources)
			}
			for _, part := range slices.Concat(slices.Collect(maps.Values(file.Resources)), slices.Collect(maps.Values(file.Outputs))) {
				if _, known := file.Conditions[condition(part)]; condition(part) != "" && !known {
					t.Errorf("line %d: there is no condition %s", part.Line, condition(part))
				}
			}
			for name := range file.Conditions {
				if !used[name] {
					t.Errorf("the condition %s is not used", name)
				}
			}
			for name, p := range file.Parameters {
				if !used[name] || p.Description == "" || p.ConstraintDescription == "" {
					t.Errorf("the parameter %s is unused or has no description", name)
				}
			}
			// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
			if file.Version != "2010-09-09" || file.Description == "" || len(file.Description) > 1024 {
				t.Errorf("the version is %q, the description has %d bytes of at most 1,024", file.Version, len(file.Description))
			}
		})
	}
}

// cfn-lint checks the properties of every resource.
func TestTemplatesPassTheLinter(t *testing.T) {
	t.Parallel()
	linter, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("cfn-lint is not installed: AWS's own check is left out")
	}
	if out, err := exec.CommandContext(t.Context(), linter, templates()...).CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
}
