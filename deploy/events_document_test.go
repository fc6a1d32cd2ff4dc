package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

const eventsDocument = "../docs/events.md"

// yamlBlock returns the YAML block of a document with this beginning.
func yamlBlock(t *testing.T, document, begin string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n```yaml\n"+begin)
	block, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatalf("no YAML block begins with %q", begin)
	}
	return begin + block
}

// The document links all templates, and no link is broken.
func TestEventsDocumentLinks(t *testing.T) {
	document := string(read(t, eventsDocument))
	files, err := filepath.Glob("eventbridge/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in deploy/eventbridge: %v", err)
	}
	for _, file := range files {
		if !strings.Contains(document, "(../deploy/"+filepath.ToSlash(file)+")") {
			t.Errorf("%s does not link deploy/%s", eventsDocument, file)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`).FindAllStringSubmatch(document, -1) {
		if _, err := os.Stat(filepath.FromSlash("../docs/" + link[1])); err != nil {
			t.Errorf("%s has a broken link: %v", eventsDocument, err)
		}
	}
}

// The configuration and the test message in the document are valid.
func TestEventsDocumentExamples(t *testing.T) {
	document := string(read(t, eventsDocument))
	cfg, err := config.Parse("config.yaml", []byte(yamlBlock(t, document, "targets:\n")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list{cfg.Events[0].ARN()}, readJSON[policy](t, "iam/read-events.json").Statement[0].Resource); diff != "" {
		t.Errorf("first queue (-), queue in read-events.json (+):\n%s", diff)
	}
	if name := readYAML[stack](t, queueTemplate).Parameters["Name"].Default; cfg.Events[0].Name() != name {
		t.Errorf("the name of the queue is %s, the default of the template is %s", cfg.Events[0].Name(), name)
	}

	_, rest, _ := strings.Cut(document, "--message-body '")
	body, _, _ := strings.Cut(rest, "'\n")
	notification, err := events.Decode([]byte(body))
	if err != nil {
		t.Fatalf("message in the document: %v", err)
	}
	want := coverage.Key{Type: coverage.ECS, AccountID: "222233334444", Region: "us-east-1", Name: "orders"}
	if notification.Event.Key != want || notification.Event.Status != coverage.Unhealthy || notification.Event.UpdatedAt.IsZero() {
		t.Errorf("the message in the document is the event %+v", notification.Event)
	}
}

// The StatefulSet is the Deployment of exporter.yaml, except that each pod has its own configuration file.
func TestEventsDocumentStatefulSet(t *testing.T) {
	var set struct {
		Spec struct {
			Replicas    int
			ServiceName string `yaml:"serviceName"`
			Template    struct {
				Spec struct {
					Containers []struct {
						Name string
						Args []string
						Env  []struct {
							Name      string
							ValueFrom struct {
								FieldRef struct {
									FieldPath string `yaml:"fieldPath"`
								} `yaml:"fieldRef"`
							} `yaml:"valueFrom"`
						}
					}
				}
			}
		}
	}
	document := string(read(t, eventsDocument))
	if err := yaml.Unmarshal([]byte(yamlBlock(t, document, "apiVersion: apps/v1\nkind: StatefulSet\n")), &set); err != nil {
		t.Fatal(err)
	}
	m := readManifests(t)
	exporter := set.Spec.Template.Spec.Containers[0]
	args := slices.Clone(m.Deployment.Spec.Template.Spec.Containers[0].Args)
	args[0] = strings.Replace(args[0], "/config.yaml", "/$(POD_NAME).yaml", 1)
	if diff := cmp.Diff(args, exporter.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if len(exporter.Env) != 1 || exporter.Env[0].Name != "POD_NAME" || exporter.Env[0].ValueFrom.FieldRef.FieldPath != "metadata.name" {
		t.Errorf("the pod's name comes from %+v", exporter.Env)
	}
	if set.Spec.ServiceName != m.Service.Metadata.Name || set.Spec.Replicas != 2 {
		t.Errorf("the set has %d replicas and the service %s", set.Spec.Replicas, set.Spec.ServiceName)
	}
	for _, file := range []string{"-0.yaml", "-1.yaml"} {
		if name := m.Deployment.Metadata.Name + file; !strings.Contains(document, "`"+name+"`") {
			t.Errorf("the document does not mention the file %s", name)
		}
	}
}

// Every reason for discarding an event is documented, in both documents.
func TestReasonsAreExplained(t *testing.T) {
	reasons := []string{"foreign", "malformed"}
	for _, outcome := range coverage.Outcomes() {
		if outcome != coverage.Applied {
			reasons = append(reasons, string(outcome))
		}
	}
	slices.Sort(reasons)
	for _, name := range []string{eventsDocument, "../internal/repotest/testdata/metrics.md.tmpl"} {
		_, section, _ := strings.Cut(string(read(t, name)), "\n| Reason | ")
		section, _, _ = strings.Cut(section, "\n\n")
		var rows []string
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(section, -1) {
			rows = append(rows, row[1])
		}
		slices.Sort(rows)
		if diff := cmp.Diff(reasons, rows); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", name, diff)
		}
	}
}
