package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

const (
	examplePath = "../../config.example.yaml"
	manualPath  = "../../docs/configuration.md"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// schemaKeys returns the keys of a type, such as targets[].name, in order.
func schemaKeys(prefix string, typ reflect.Type) []string {
	switch {
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
		return schemaKeys(prefix+"[]", typ.Elem())
	case typ.Kind() == reflect.Pointer:
		return schemaKeys(prefix, typ.Elem())
	case typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]():
		return []string{prefix}
	}
	var keys []string
	for field := range typ.Fields() {
		if field.IsExported() {
			keys = append(keys, schemaKeys(join(prefix, field.Tag.Get("yaml")), field.Type)...)
		}
	}
	return keys
}

// fileKeys returns the keys in a YAML tree, in the same form; a list of scalars is one key.
func fileKeys(prefix string, node *yaml.Node) []string {
	var keys []string
	switch {
	case node.Kind == yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			keys = append(keys, fileKeys(join(prefix, node.Content[i].Value), node.Content[i+1])...)
		}
	case node.Kind == yaml.SequenceNode && len(node.Content) > 0 && node.Content[0].Kind == yaml.MappingNode:
		for _, item := range node.Content {
			keys = append(keys, fileKeys(prefix+"[]", item)...)
		}
	default:
		keys = append(keys, prefix)
	}
	return keys
}

func TestExampleLoads(t *testing.T) {
	cfg, err := load(t, examplePath)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Targets = cfg.Targets
	equal(t, "defaults in the example", want, cfg)
	const summary = examplePath + ": 2 targets: organization (role 111122223333; us-east-1, eu-west-1), " +
		"acquired-company (role 555566667777; all Regions)"
	equal(t, "summary", summary, cfg.Summary())
	equal(t, "session name", defaultRoleSessionName, cfg.Targets[0].RoleSessionName)
}

// wholeExample returns the example with ecs, events and exclusions uncommented.
func wholeExample(t *testing.T) []byte {
	t.Helper()
	text := read(t, examplePath)
	for _, begin := range []string{"\n    # ecs:\n", "\n# events:\n", "\n# exclusions:\n"} {
		before, after, found := strings.Cut(text, begin)
		if !found {
			t.Fatalf("the example has no %s", begin)
		}
		block, rest, _ := strings.Cut(after, "\n\n")
		uncommented := regexp.MustCompile("(?m)^( *)# ").ReplaceAllString(begin+block, "$1")
		text = before + uncommented + "\n\n" + rest
	}
	return []byte(text)
}

// exampleWithFiles returns the whole example with the files instead of the settings that they replace.
func exampleWithFiles(t *testing.T) []byte {
	t.Helper()
	text := regexp.MustCompile(`(?m)^ *external_id: .*\n`).ReplaceAll(wholeExample(t), nil)
	text = regexp.MustCompile(`(?ms)^exclusions:.*?\n\n`).ReplaceAll(text, nil)
	return regexp.MustCompile(`(?m)^( *)# (\w+_file: )`).ReplaceAll(text, []byte("$1$2"))
}

func TestExampleWithFilesParses(t *testing.T) {
	cfg, err := Parse("example", exampleWithFiles(t))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, r := range cfg.roles() {
		files = append(files, r.externalIDFile)
	}
	equal(t, "files", []string{"secrets/organization", "secrets/ecs", "", "secrets/events"}, files)
	equal(t, "exclusions", "exclusions.yaml", cfg.ExclusionsFile)
}

func TestWholeExampleParses(t *testing.T) {
	cfg, err := Parse("example", wholeExample(t))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ecs", &ECS{
		RoleARN:         "arn:aws:iam::{account_id}:role/guardduty-coverage-ecs",
		ExternalID:      "replace-with-your-own",
		RoleSessionName: defaultRoleSessionName,
		Scope:           ScopeUnhealthy,
		Interval:        15 * time.Minute,
		Tags:            []string{"team", "cost-center"},
	}, cfg.Targets[0].ECS)
	cfg.Targets[0].ECS = nil
	equal(t, "queues", []EventQueue{{
		QueueURL:        "https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-1",
		RoleARN:         "arn:aws:iam::111122223333:role/guardduty-coverage",
		ExternalID:      "replace-with-your-own",
		RoleSessionName: defaultRoleSessionName,
		Region:          "us-east-1",
	}}, cfg.Events)
	cfg.Events = nil
	equal(t, "exclusions", []exclusion.Entry{{
		Name: "batch-legacy", AccountID: "444455556666", Region: "eu-west-1", ClusterName: "legacy-*",
		IssueType: coverage.UnsupportedService, Reason: "AWS Batch on EC2, which GuardDuty does not support",
		Until: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), Owner: "data-platform", Ticket: "SEC-1234",
	}}, cfg.Exclusions)
	cfg.Exclusions = nil
	without, err := load(t, examplePath)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the rest", without, cfg)
}

func TestExampleHasEveryKey(t *testing.T) {
	var got []string
	for _, text := range [][]byte{wholeExample(t), exampleWithFiles(t)} {
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		got = append(got, fileKeys("", document.Content[0])...)
	}
	want := schemaKeys("", reflect.TypeFor[Config]())
	slices.Sort(want)
	slices.Sort(got)
	equal(t, "keys", want, slices.Compact(got))
}

func TestManualHasEveryKey(t *testing.T) {
	_, section, found := strings.Cut(read(t, manualPath), "\n## Keys\n")
	if !found {
		t.Fatal("no section of keys")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		got = append(got, row[1])
	}
	equal(t, "keys", schemaKeys("", reflect.TypeFor[Config]()), got)
}

// TestManualShowsRealMessages compares the messages in the manual with those of Parse.
func TestManualShowsRealMessages(t *testing.T) {
	_, err := Parse("config.yaml", []byte(strings.Join([]string{
		"refresh:",
		"  interval: 1m",
		"targets:",
		"- name: organization",
		"  regions: [us-east-1, us-esat-1]",
		"  role: coverage",
	}, "\n")))
	if err == nil || !strings.Contains(read(t, manualPath), fmt.Sprintf("```\n%v\n```", err)) {
		t.Errorf("the manual does not show\n%v", err)
	}
}

func TestManualShowsTheDefaults(t *testing.T) {
	d := defaults()
	for key, value := range map[string]string{
		"refresh.interval":                model.Duration(d.Refresh.Interval).String(),
		"refresh.timeout":                 model.Duration(d.Refresh.Timeout).String(),
		"refresh.max_staleness":           model.Duration(d.Refresh.MaxStaleness).String(),
		"aws.requests_per_second":         fmt.Sprint(d.AWS.RequestsPerSecond),
		"targets[].role_session_name":     defaultRoleSessionName,
		"targets[].resource_types":        "[" + string(coverage.ECS) + "]",
		"targets[].ecs.role_session_name": defaultRoleSessionName,
		"targets[].ecs.scope":             parse(t, "targets: [{ecs: {}}]").Targets[0].ECS.Scope,
		"targets[].ecs.interval":          model.Duration(parse(t, "targets: [{ecs: {}}]").Targets[0].ECS.Interval).String(),
		"events[].role_session_name":      defaultRoleSessionName,
		"detail":                          DetailAll,
		"ec2.only_ecs":                    fmt.Sprint(d.EC2.OnlyECS),
		"issues.text":                     fmt.Sprint(d.Issues.Text),
		"issues.max_per_cluster":          fmt.Sprint(d.Issues.MaxPerCluster),
	} {
		if row := "\n| `" + key + "` | `" + value + "` |"; !strings.Contains(read(t, manualPath), row) {
			t.Errorf("the manual's table has no row %q", row)
		}
	}
}
