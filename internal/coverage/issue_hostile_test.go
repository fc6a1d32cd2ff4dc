package coverage_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestClassifyMisleadingNames has names of task definitions, services and tasks that resemble other issues.
func TestClassifyMisleadingNames(t *testing.T) {
	names := []string{
		"vpc-endpoint-proxy:3", "agent-not-reporting:1", "CannotPullContainerError:2", "exclusion-tag:1",
		"requires-a-new-deployment:9", "unsupported-cpu-architecture:4", "taskexecutionrole-missing:1",
		"unidentified-issue:1", "others:1", "agent-exited:7", "before-enabling-runtime-monitoring:1",
		"enableDnsSupport:1", "missing-network-configuration:2",
	}
	templates := []struct {
		text string
		want coverage.IssueType
	}{
		{"Agent not reporting: Agent not reporting for tasks in TaskDefinition - '{}'", coverage.AgentNotReporting},
		{"Agent exited: ExitCode: 1 for tasks in TaskDefinition - '{}'", coverage.AgentExited},
		{"Agent exited: ExitCode: 1 with reason: '{}' for tasks in TaskDefinition - '{}'", coverage.AgentExited},
		{"Agent not provisioned: TaskExecutionRole missing from TaskDefinition - '{}'", coverage.TaskExecutionRoleMissing},
		{
			"Agent not provisioned: Service '{}' requires a new deployment. Impacted service name(s): '{}', '{}','{}'",
			coverage.NewDeploymentRequired,
		},
		{
			"Agent not provisioned: Service ' {} ' requires a new deployment. Impacted service name(s): ' {} '",
			coverage.NewDeploymentRequired,
		},
		{"Others: Unidentified issue, for tasks in TaskDefinition - '{}'", coverage.Unidentified},
		{"Agent not provisioned: nothing else is known of TaskDefinition - '{}'", coverage.AgentNotProvisioned},
		{"Something that nobody has seen before in TaskDefinition - '{}'", coverage.Unclassified},
		// The closing mark is missing, at the end and before another name.
		{"Something that nobody has seen before. Impacted service name(s): '{}, {}", coverage.Unclassified},
		{"Agent not reporting for tasks in TaskDefinition - '{}", coverage.AgentNotReporting},
		{"Agent not reporting for tasks in TaskDefinition - '{}. Refer documentation", coverage.AgentNotReporting},
		{
			"Agent not provisioned: Service '{} requires a new deployment. Impacted service name(s): '{}",
			coverage.NewDeploymentRequired,
		},
		{
			"Agent not provisioned: Service '{} requires a new deployment. Impacted service name(s): '{}'",
			coverage.NewDeploymentRequired,
		},
	}
	for _, template := range templates {
		for _, name := range names {
			raw := strings.ReplaceAll(template.text, "{}", name)
			got := coverage.Classify(raw)
			if got.Type() != template.want {
				t.Errorf("Classify(%q) is %s, want %s", raw, got.Type(), template.want)
			}
			if strings.Contains(raw, "TaskDefinition") && got.TaskDefinition() != name {
				t.Errorf("Classify(%q) names the task definition %q, want %q", raw, got.TaskDefinition(), name)
			}
		}
	}
}

func TestClassifyOddTexts(t *testing.T) {
	for _, tc := range []struct {
		name, raw      string
		want           coverage.IssueType
		taskDefinition string
	}{
		{"empty", "", coverage.Unclassified, ""},
		{"spaces", " \t ", coverage.Unclassified, ""},
		{"quotation mark", "'", coverage.Unclassified, ""},
		{"apostrophes in prose", "Agent not provisioned: the agent doesn't support this task's exclusion tag", coverage.ExclusionTag, ""},
		{
			"apostrophe in a quotation",
			"Agent exited: ExitCode: 1 with reason: 'container's disk is full' for tasks in TaskDefinition - 'web:3'",
			coverage.AgentExited, "web:3",
		},
		{
			"plural possessive", "The tasks' agent has gone: Unidentified issue, for tasks in TaskDefinition - 'web:3'",
			coverage.Unidentified, "web:3",
		},
		{
			"reason that quotes another type", "Agent exited: Reason: vpc endpoint unreachable for tasks in TaskDefinition - 'web:3'",
			coverage.AgentExited, "web:3",
		},
		{"empty task definition", "Agent not reporting for tasks in TaskDefinition - ''", coverage.AgentNotReporting, ""},
		{"lone mark after task definition", "Agent not reporting for tasks in TaskDefinition - '.", coverage.AgentNotReporting, ""},
		{
			"two task definitions", "Agent not reporting for tasks in TaskDefinition - 'web:3', TaskDefinition - 'api:1'",
			coverage.AgentNotReporting, "web:3",
		},
		{
			"invisible characters", "Agent\u200b not\u202e reporting for tasks in TaskDefinition - 'web\u2066:3'",
			coverage.AgentNotReporting, "web:3",
		},
		{"invalid UTF-8", "Agent not reporting \xff\xfe for tasks in TaskDefinition - 'web:3'", coverage.AgentNotReporting, "web:3"},
		{"type far into another text", "We saw that: agent not provisioned", coverage.Unclassified, ""},
		{"a word that begins like others", "Otherwise all is well", coverage.Unclassified, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := coverage.Classify(tc.raw)
			if got.Type() != tc.want || got.TaskDefinition() != tc.taskDefinition {
				t.Errorf("Classify(%q) is %s of %q, want %s of %q", tc.raw, got.Type(), got.TaskDefinition(), tc.want, tc.taskDefinition)
			}
		})
	}
}

// TestClassifyLongTaskDefinition has names of the maximum length in ECS, which must stay different when truncated.
func TestClassifyLongTaskDefinition(t *testing.T) {
	family := strings.Repeat("a", 255)
	first := coverage.Classify("Agent not reporting for tasks in TaskDefinition - '" + family + ":1'")
	second := coverage.Classify("Agent not reporting for tasks in TaskDefinition - '" + family + ":2'")
	if first.TaskDefinition() == second.TaskDefinition() {
		t.Errorf("two task definitions became one: %q", first.TaskDefinition())
	}
	if n := len(first.TaskDefinition()); n > coverage.MaxTextBytes {
		t.Errorf("the task definition has %d bytes, want at most %d", n, coverage.MaxTextBytes)
	}
}

func FuzzClassify(f *testing.F) {
	for _, tc := range known {
		f.Add(tc.raw)
	}
	f.Add("TaskDefinition - '\u202eweb\x00:3")
	f.Add("Impacted task ID(s): '0123456789abcdef0123456789abcdef', '")
	f.Add("Request ID: 1f, (12:30:01), 52.94.1.1:443->[fd00:ec2::23]:80 and " + strings.Repeat("Aa1+", 11) + ".5 more")
	f.Add("'a1', 'b2' and 3 more (and 4 more) 111122223333.dkr.ecr.us-east-1.amazonaws.com/x@sha256:0f")
	f.Fuzz(func(t *testing.T, raw string) {
		got := coverage.Classify(raw)
		if !slices.Contains(coverage.IssueTypes(), got.Type()) {
			t.Errorf("Classify(%q) is of the type %q", raw, got.Type())
		}
		checkLabel(t, raw, got.Text())
		checkLabel(t, raw, got.TaskDefinition())
		if strings.ContainsFunc(got.TaskDefinition(), unicode.IsSpace) {
			t.Errorf("Classify(%q) names the task definition %q", raw, got.TaskDefinition())
		}
		if again := coverage.Classify(" " + raw + "\t"); again != got {
			t.Errorf("Classify(%q) is %+v, and %+v with white space around", raw, got, again)
		}
	})
}
