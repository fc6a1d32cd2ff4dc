package coverage

import (
	"cmp"
	"regexp"
	"strings"
)

// IssueType is our closed classification of AWS's issue texts, after the
// tables of the GuardDuty user guide's pages on coverage, earlier editions and
// the current one. docs/issues.md has a heading of the same name for each.
type IssueType string

// The issue types of Amazon ECS clusters.
const (
	AgentNotReporting              IssueType = "agent_not_reporting"
	VPCEndpoint                    IssueType = "vpc_endpoint"
	AgentExited                    IssueType = "agent_exited"
	AgentImagePull                 IssueType = "agent_image_pull"
	AgentNotProvisioned            IssueType = "agent_not_provisioned"
	UnsupportedService             IssueType = "unsupported_service"
	UnsupportedCPUArchitecture     IssueType = "unsupported_cpu_architecture"
	TaskExecutionRoleMissing       IssueType = "task_execution_role_missing"
	NetworkConfigurationMissing    IssueType = "network_configuration_missing"
	ExclusionTag                   IssueType = "exclusion_tag"
	StartedBeforeAgentConfig       IssueType = "started_before_agent_configuration"
	StartedBeforeRuntimeMonitoring IssueType = "started_before_runtime_monitoring"
	NewDeploymentRequired          IssueType = "new_deployment_required"
	Unidentified                   IssueType = "unidentified" // AWS itself does not know
	Unclassified                   IssueType = "unclassified" // this package does not know the text
)

// IssueTypes returns every issue type, in the order of the documentation.
func IssueTypes() []IssueType {
	return []IssueType{
		AgentNotReporting, VPCEndpoint, AgentExited, AgentImagePull, AgentNotProvisioned,
		UnsupportedService, UnsupportedCPUArchitecture, TaskExecutionRoleMissing,
		NetworkConfigurationMissing, ExclusionTag, StartedBeforeAgentConfig,
		StartedBeforeRuntimeMonitoring, NewDeploymentRequired, Unidentified, Unclassified,
	}
}

// Issue is one reason why a cluster is not covered.
type Issue struct {
	Type           IssueType
	TaskDefinition string // family:revision, "" where the text names none
	Text           string // AWS's text after [CleanIssue]
}

func (i Issue) compare(other Issue) int {
	return cmp.Or(
		cmp.Compare(i.Type, other.Type),
		cmp.Compare(i.TaskDefinition, other.TaskDefinition),
		cmp.Compare(i.Text, other.Text),
	)
}

// Classify makes an Issue of AWS's text. Letter case, white space, the plural
// "(s)" and stray punctuation do not matter, and what stands in quotation
// marks (names that users chose) never decides the type.
func Classify(raw string) Issue {
	text := printable(raw)
	issue := Issue{Type: Unclassified, Text: CleanIssue(raw)}
	if m := taskDefinition.FindStringSubmatch(text); m != nil {
		issue.TaskDefinition = CleanName(strings.TrimRight(m[1], ".,;"))
	}
	words := normalize(text)
	for _, rule := range issueRules {
		if rule.words.MatchString(words) {
			issue.Type = rule.issueType
			break
		}
	}
	return issue
}

var (
	// AWS at times forgets the closing quotation mark; a name has no space.
	taskDefinition = regexp.MustCompile(`(?i)task ?definition\s*[-:]?\s*'\s*([^'\s]+)`)
	// From an opening mark to the closing one, to the end of the text where no
	// mark follows, or else one word. Apostrophes stand next to letters.
	quoted   = regexp.MustCompile(`\B'[^']*'\B|\B'[^']*$|\B'[^'\s]*`)
	notWords = regexp.MustCompile(`[^\pL\pN:;]+`)
)

// normalize leaves the lower-case words of a text, joined by single spaces,
// with ":" and ";" standing for themselves and nothing that was quoted.
func normalize(text string) string {
	text = strings.ToLower(text)
	text = quoted.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "(s)", "")
	return strings.TrimSpace(notWords.ReplaceAllString(text, " "))
}

// issueRules are tried in order: a documented reason before the type that AWS
// files it under, and an agent's exit before words that its reason may quote.
var issueRules = []struct {
	issueType IssueType
	words     *regexp.Regexp
}{
	{AgentImagePull, regexp.MustCompile(`cannot ?pull ?(container|image)`)},
	{AgentExited, regexp.MustCompile(`^agent ?exited|^exit ?code|^reason ?:`)},
	{UnsupportedService, regexp.MustCompile(`unsupported invocation by`)},
	{UnsupportedCPUArchitecture, regexp.MustCompile(`unsupported cpu architecture`)},
	{TaskExecutionRoleMissing, regexp.MustCompile(`task ?execution ?role (is )?missing`)},
	{NetworkConfigurationMissing, regexp.MustCompile(`missing network configuration`)},
	{ExclusionTag, regexp.MustCompile(`exclusion tag`)},
	{StartedBeforeAgentConfig, regexp.MustCompile(`before enabling automated agent config`)},
	{NewDeploymentRequired, regexp.MustCompile(`requires? a new deployment`)},
	{StartedBeforeRuntimeMonitoring, regexp.MustCompile(`before enabling runtime monitoring`)},
	{VPCEndpoint, regexp.MustCompile(`\bvpc|enable ?dns ?(support|hostnames)|private dns|; for tasks? in task ?definition`)},
	{AgentNotReporting, regexp.MustCompile(`agent ?not ?reporting`)},
	{Unidentified, regexp.MustCompile(`unidentified issue|^others?\b`)},
	{AgentNotProvisioned, regexp.MustCompile(`^agent ?not ?provisioned`)},
}
