package coverage_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

type knownText struct {
	name           string
	raw            string
	issueType      coverage.IssueType
	taskDefinition string
	text           string // "" stands for raw, as far as it fits, where nothing is to be cleaned
}

// known has every text that is documented or was seen in an account.
var known = slices.Concat(knownOfTasks, knownOfInstances, knownOfEKS)

// knownOfTasks has the texts of ECS clusters.
var knownOfTasks = []knownText{
	// The user guide, an earlier edition: without the type.
	{
		name: "earlier edition: not reporting", raw: "Agent not reporting for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentNotReporting, taskDefinition: "web:3",
	},
	{
		name:      "earlier edition: VPC issue",
		raw:       "The security group of the endpoint does not allow port 443; for task in TaskDefinition - 'web:3'",
		issueType: coverage.VPCEndpoint, taskDefinition: "web:3",
	},
	{
		name: "earlier edition: exit code", raw: "ExitCode: 137 for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name: "earlier edition: exit reason", raw: "Reason: Essential container exited for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name: "earlier edition: exit code and reason", raw: "ExitCode: 1 with reason: '1' for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name:      "earlier edition: image",
		raw:       "Agent exited: Reason: CannotPullContainerError: pull image manifest has been retried...",
		issueType: coverage.AgentImagePull,
	},
	{
		name: "earlier edition: unidentified", raw: "Unidentified issue, for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.Unidentified, taskDefinition: "web:3",
	},

	// The user guide's current edition: the type and the extra information.
	{
		name: "not reporting", raw: "Agent not reporting: Agent not reporting for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentNotReporting, taskDefinition: "web:3",
	},
	{
		name: "not reporting for a VPC", raw: "Agent not reporting: the endpoint has no route; for task in TaskDefinition - 'web:3'",
		issueType: coverage.VPCEndpoint, taskDefinition: "web:3",
	},
	{
		name: "exit code", raw: "Agent exited: ExitCode: 137 for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name: "exit reason", raw: "Agent exited: Reason: Essential container exited for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name: "exit code and reason",
		raw: "Agent exited: ExitCode: 137 with reason: 'OutOfMemoryError: container killed due to memory usage' " +
			"for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentExited, taskDefinition: "web:3",
	},
	{
		name: "image, with the cause",
		raw: "Agent exited: Reason: CannotPullContainerError: pull image manifest has been retried 5 time(s): " +
			"failed to resolve ref: i/o timeout for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.AgentImagePull, taskDefinition: "web:3",
		text: "Agent exited: Reason: CannotPullContainerError: pull image manifest has been retried … time(s): " +
			"failed to resolve ref: i/o timeout for tasks in TaskDefinition - 'web:3'",
	},
	{
		name: "image without its type", raw: "CannotPullContainerError: pull image manifest has been retried 1 time(s)",
		issueType: coverage.AgentImagePull,
		text:      "CannotPullContainerError: pull image manifest has been retried … time(s)",
	},
	{
		name: "VPC endpoint",
		raw: "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
			"VPC attributes set to true for vpc-1 (Service: EC2, Status Code:400, Request ID: a1b2)",
		issueType: coverage.VPCEndpoint,
		text: "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
			"VPC attributes set to true for vpc-1 (Service: EC2, Status Code:400, Request ID: …)",
	},
	{name: "VPC endpoint, type alone", raw: "VPC Endpoint Creation Failed", issueType: coverage.VPCEndpoint},
	{
		name: "private DNS without the type", raw: "private DNS requires both enableDnsSupport and enableDnsHostnames set to true",
		issueType: coverage.VPCEndpoint,
	},
	{
		name:      "invoker",
		raw:       "Agent not provisioned: Unsupported invocation by AWS Batch for task(s) in TaskDefinition - 'web:3'",
		issueType: coverage.UnsupportedService, taskDefinition: "web:3",
	},
	{
		name:      "CPU architecture",
		raw:       "Agent not provisioned: Unsupported CPU architecture 'RISCV64' for task(s) in TaskDefinition - 'web:3'",
		issueType: coverage.UnsupportedCPUArchitecture, taskDefinition: "web:3",
	},
	{
		name: "execution role", raw: "Agent not provisioned: TaskExecutionRole missing from TaskDefinition - 'web:3'",
		issueType: coverage.TaskExecutionRoleMissing, taskDefinition: "web:3",
	},
	{
		name: "network configuration",
		raw: "Agent not provisioned: Missing network configuration 'awsvpcConfiguration' " +
			"for task(s) in TaskDefinition - 'web:3'",
		issueType: coverage.NetworkConfigurationMissing, taskDefinition: "web:3",
	},
	{
		name: "exclusion tag, tasks",
		raw: "Agent not provisioned: Tasks started when clusters had exclusion tag require a relaunch to fix/troubleshoot. " +
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
		issueType: coverage.ExclusionTag,
		text: "Agent not provisioned: Tasks started when clusters had exclusion tag require a relaunch to fix/troubleshoot. " +
			"Impacted task ID(s): '…'",
	},
	{
		name: "exclusion tag, services",
		raw: "Agent not provisioned: Services deployed when clusters had exclusion tag require a new deployment. " +
			"Impacted service name(s): 'checkout'",
		issueType: coverage.ExclusionTag,
	},
	{
		name: "agent configuration, tasks",
		raw: "Agent not provisioned: Tasks started before enabling Automated Agent Configuration require a relaunch. " +
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
		issueType: coverage.StartedBeforeAgentConfig,
		text: "Agent not provisioned: Tasks started before enabling Automated Agent Configuration require a relaunch. " +
			"Impacted task ID(s): '…'",
	},
	{
		name: "agent configuration, services",
		raw: "Agent not provisioned: Services deployed before enabling Automated Agent Configuration require " +
			"a new deployment. Impacted service name(s): 'checkout'",
		issueType: coverage.StartedBeforeAgentConfig,
	},
	{
		name: "new deployment",
		raw: "Agent not provisioned: Service 'checkout' requires a new deployment to fix/troubleshoot. " +
			"Refer documentation, Impacted service name(s): 'checkout'",
		issueType: coverage.NewDeploymentRequired,
	},
	{
		name: "Runtime Monitoring",
		raw: "Agent not provisioned: Tasks started before enabling Runtime Monitoring require a relaunch. " +
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
		issueType: coverage.StartedBeforeRuntimeMonitoring,
		text: "Agent not provisioned: Tasks started before enabling Runtime Monitoring require a relaunch. " +
			"Impacted task ID(s): '…'",
	},
	{name: "not provisioned, type alone", raw: "Agent not provisioned", issueType: coverage.AgentNotProvisioned},
	{
		name: "not provisioned, a reason that AWS may add", raw: "Agent not provisioned: Insufficient memory in TaskDefinition - 'web:3'",
		issueType: coverage.AgentNotProvisioned, taskDefinition: "web:3",
	},
	{
		name: "others", raw: "Others: Unidentified issue, for tasks in TaskDefinition - 'web:3'",
		issueType: coverage.Unidentified, taskDefinition: "web:3",
	},
	{name: "others, type alone", raw: "Others", issueType: coverage.Unidentified},

	// Seen in accounts.
	{
		name: "seen: unidentified", raw: "Others : Unidentified issue(s), for task(s) in TaskDefinition 'buildkite:17' . Refer documentation",
		issueType: coverage.Unidentified, taskDefinition: "buildkite:17",
	},
	{
		name: "seen: not reporting",
		raw: "Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - 'ecs-gd-runtime:1'. " +
			"Refer documentation",
		issueType: coverage.AgentNotReporting, taskDefinition: "ecs-gd-runtime:1",
	},
	{
		name: "seen: new deployment", raw: "Agent not provisioned : Service requires a new deployment to fix/troubleshoot … 'ecs-gd-runtime'",
		issueType: coverage.NewDeploymentRequired,
	},
	{
		name: "seen: unidentified, in part", raw: "Unidentified issue, for task(s) in TaskDefinition",
		issueType: coverage.Unidentified,
	},
	{
		name: "seen: not reporting, in part", raw: "Agent not reporting, for task(s) in TaskDefinition",
		issueType: coverage.AgentNotReporting,
	},
}

func TestClassifyKnownTexts(t *testing.T) {
	covered := map[coverage.IssueType]bool{coverage.Unclassified: true}
	for _, tc := range known {
		t.Run(tc.name, func(t *testing.T) {
			text := tc.text
			if text == "" {
				text = tc.raw[:min(len(tc.raw), coverage.MaxTextBytes)]
			}
			want := coverage.NewIssue(tc.issueType, tc.taskDefinition, text)
			if diff := cmp.Diff(want, coverage.Classify(tc.raw)); diff != "" {
				t.Errorf("Classify(%q), -want +got:\n%s", tc.raw, diff)
			}
		})
		covered[tc.issueType] = true
	}
	for _, issueType := range coverage.IssueTypes() {
		if !covered[issueType] {
			t.Errorf("no known text is of the type %s", issueType)
		}
	}
}

// TestClassifyVariants varies the spelling of every known text as AWS does. The type and, apart from its case, the task
// definition stay the same.
func TestClassifyVariants(t *testing.T) {
	variants := map[string]func(string) string{
		"lower case":           strings.ToLower,
		"upper case":           strings.ToUpper,
		"spaces before colons": strings.NewReplacer(": ", " : ").Replace,
		"no space at colons":   strings.NewReplacer(" : ", ":", ": ", ":").Replace,
		"singular":             strings.NewReplacer("(s)", "", "tasks in", "task in").Replace,
		"optional plural":      strings.NewReplacer("tasks in", "task(s) in", "task in", "task(s) in", "issue,", "issue(s),").Replace,
		"no dash":              strings.NewReplacer("TaskDefinition - ", "TaskDefinition ").Replace,
		"two words":            strings.NewReplacer("TaskDefinition", "Task Definition", "TaskExecutionRole", "Task Execution Role").Replace,
		"stray dot":            func(s string) string { return s + " . Refer documentation" },
		"dot at the end":       func(s string) string { return s + "." },
		"doubled spaces":       strings.NewReplacer(" ", "  ").Replace,
		"line breaks":          strings.NewReplacer(": ", ":\r\n\t").Replace,
		"no-break spaces":      strings.NewReplacer(" ", "\u00a0").Replace,
		"spaces around":        func(s string) string { return " \t" + s + "\n" },
	}
	for name, vary := range variants {
		t.Run(name, func(t *testing.T) {
			for _, tc := range known {
				got := coverage.Classify(vary(tc.raw))
				if got.Type() != tc.issueType || !strings.EqualFold(got.TaskDefinition(), tc.taskDefinition) {
					t.Errorf("Classify(%q) is %s of %q, want %s of %q",
						vary(tc.raw), got.Type(), got.TaskDefinition(), tc.issueType, tc.taskDefinition)
				}
			}
		})
	}
}

func TestIssueTypes(t *testing.T) {
	types := coverage.IssueTypes()
	seen := map[coverage.IssueType]bool{}
	snakeCase := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, issueType := range types {
		if seen[issueType] {
			t.Errorf("%s is there twice", issueType)
		}
		seen[issueType] = true
		if !snakeCase.MatchString(string(issueType)) {
			t.Errorf("%s is not in snake case", issueType)
		}
	}
	if len(types) != 40 {
		t.Errorf("there are %d issue types, want 40", len(types))
	}
}

func TestOnlyECSClustersHaveTaskDefinitions(t *testing.T) {
	text := "Agent not reporting for tasks in TaskDefinition - 'web:3'"
	for of, want := range map[coverage.ResourceType]string{coverage.ECS: "web:3", coverage.EC2: "", coverage.EKS: ""} {
		row := coverage.Row{Key: coverage.Key{Type: of, Name: "one"}, Issues: []string{text}}
		if got := coverage.New(row).Issues[0]; got.TaskDefinition() != want || got.Text() != text {
			t.Errorf("an issue of %s is %+v, want the task definition %q", of, got, want)
		}
	}
}
