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

// The issue types of Amazon ECS clusters. Some are those of instances and EKS
// clusters too.
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

// The issue types that Amazon EC2 instances add.
const (
	AgentDisconnected           IssueType = "agent_disconnected"
	WaitingForSSM               IssueType = "waiting_for_ssm"
	KernelUnsupported           IssueType = "kernel_unsupported"
	IdentityDocument            IssueType = "identity_document"
	SSMAssociationCreation      IssueType = "ssm_association_creation"
	SSMAssociationUpdate        IssueType = "ssm_association_update"
	SSMAssociationDeletion      IssueType = "ssm_association_deletion"
	SSMAssociationExecution     IssueType = "ssm_association_execution"
	SharedVPCEndpointNotDeleted IssueType = "shared_vpc_endpoint_deletion"
)

// The issue types that Amazon EKS clusters add: those of the agent's add-on
// are the add-on issue codes of the EKS API.
const (
	AddonAccessDenied            IssueType = "addon_access_denied"
	AddonInternalFailure         IssueType = "addon_internal_failure"
	AddonClusterUnreachable      IssueType = "addon_cluster_unreachable"
	AddonInsufficientReplicas    IssueType = "addon_insufficient_number_of_replicas"
	AddonConfigurationConflict   IssueType = "addon_configuration_conflict"
	AddonAdmissionRequestDenied  IssueType = "addon_admission_request_denied"
	AddonUnsupportedModification IssueType = "addon_unsupported_modification"
	AddonK8sResourceNotFound     IssueType = "addon_k8s_resource_not_found"
	AddonSubscriptionNeeded      IssueType = "addon_subscription_needed"
	AddonPermissionFailure       IssueType = "addon_permission_failure"
	AddonIncompatible            IssueType = "addon_incompatible"
	AddonFailed                  IssueType = "addon_failed" // for a reason without a code that is known
	LocalCluster                 IssueType = "local_cluster"
	EnablementPermission         IssueType = "enablement_permission"
	EnablementInProgress         IssueType = "enablement_in_progress"
	AuthorizationFailed          IssueType = "authorization_failed"
)

// IssueTypes returns every issue type, in the order of the documentation.
func IssueTypes() []IssueType {
	return []IssueType{
		AgentNotReporting, VPCEndpoint, AgentExited, AgentImagePull, AgentNotProvisioned,
		UnsupportedService, UnsupportedCPUArchitecture, TaskExecutionRoleMissing,
		NetworkConfigurationMissing, ExclusionTag, StartedBeforeAgentConfig,
		StartedBeforeRuntimeMonitoring, NewDeploymentRequired,
		AgentDisconnected, WaitingForSSM, KernelUnsupported, IdentityDocument,
		SSMAssociationCreation, SSMAssociationUpdate, SSMAssociationDeletion, SSMAssociationExecution,
		SharedVPCEndpointNotDeleted,
		AddonAccessDenied, AddonInternalFailure, AddonClusterUnreachable, AddonInsufficientReplicas,
		AddonConfigurationConflict, AddonAdmissionRequestDenied, AddonUnsupportedModification,
		AddonK8sResourceNotFound, AddonSubscriptionNeeded, AddonPermissionFailure, AddonIncompatible, AddonFailed,
		LocalCluster, EnablementPermission, EnablementInProgress, AuthorizationFailed,
		Unidentified, Unclassified,
	}
}

// Issue is one reason why a resource is not covered.
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
// marks (names that users chose) never decides the type. Of a text of more than
// a KiB, which is far more than AWS's are known to have, the beginning counts.
func Classify(raw string) Issue {
	raw = beginning(raw)
	text := printable(raw)
	issue := Issue{Type: Unclassified, Text: NormalizeIssue(raw)}
	if m := taskDefinition.FindStringSubmatch(text); m != nil {
		issue.TaskDefinition = SanitizeName(strings.TrimRight(m[1], ".,;"))
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

// maxIssueBytes bounds the work on an issue's text.
const maxIssueBytes = 1 << 10

// beginning cuts a text that is too long, before a word, so that an identifier
// is whole or not there.
func beginning(s string) string {
	if len(s) <= maxIssueBytes {
		return s
	}
	s = cut(s, maxIssueBytes)
	if space := strings.LastIndexByte(s, ' '); space > 0 {
		s = s[:space]
	}
	return s
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
// files it under, an add-on's code before words that its message may hold, and
// an agent's exit before words that its reason may quote.
var issueRules = []struct {
	issueType IssueType
	words     *regexp.Regexp
}{
	{AddonAccessDenied, addonIssue("access ?denied")},
	{AddonInternalFailure, addonIssue("internal ?failure")},
	{AddonClusterUnreachable, addonIssue("cluster ?unreachable")},
	{AddonInsufficientReplicas, addonIssue("insufficient ?number ?of ?replicas")},
	{AddonConfigurationConflict, addonIssue("configuration ?conflict")},
	{AddonAdmissionRequestDenied, addonIssue("admission ?request ?denied")},
	{AddonUnsupportedModification, addonIssue("unsupported ?addon ?modification")},
	{AddonK8sResourceNotFound, addonIssue("k8s ?resource ?not ?found")},
	{AddonSubscriptionNeeded, addonIssue("addon ?subscription ?needed")},
	{AddonPermissionFailure, addonIssue("addon ?permission ?failure")},
	{AddonIncompatible, regexp.MustCompile(`^addon.*not ?compatible ?with ?(the ?)?current ?cluster ?version`)},
	{AddonFailed, regexp.MustCompile(`^(addon ?(creation ?failed|updat(e|ion) ?failed|status ?unhealthy)|eks ?addon ?issue)`)},
	{AgentImagePull, regexp.MustCompile(`cannot ?pull ?(container|image)|^ecr ?image ?pull ?failed|image ?could ?not ?be ?pulled`)},
	{AgentExited, regexp.MustCompile(`^agent ?exited|^exit ?code|^reason ?:`)},
	{UnsupportedService, regexp.MustCompile(`unsupported invocation by`)},
	{UnsupportedCPUArchitecture, regexp.MustCompile(`unsupported cpu architecture`)},
	{TaskExecutionRoleMissing, regexp.MustCompile(`task ?execution ?role (is )?missing`)},
	{NetworkConfigurationMissing, regexp.MustCompile(`missing network configuration`)},
	{ExclusionTag, regexp.MustCompile(`exclusion ?tag`)},
	{StartedBeforeAgentConfig, regexp.MustCompile(`before enabling automated agent config`)},
	{NewDeploymentRequired, regexp.MustCompile(`requires? a new deployment`)},
	{StartedBeforeRuntimeMonitoring, regexp.MustCompile(`before enabling runtime monitoring`)},
	{WaitingForSSM, regexp.MustCompile(`waiting ?for ?ssm`)},
	{AgentDisconnected, regexp.MustCompile(`agent ?(is ?)?disconnected`)},
	{KernelUnsupported, regexp.MustCompile(`kernel ?version`)},
	{IdentityDocument, regexp.MustCompile(`instance ?identity ?document`)},
	{SSMAssociationCreation, regexp.MustCompile(`^ssm ?association ?creation ?failed|^(guardduty ?)?ssm ?association ?already ?exists|^your ?account ?has ?too ?many ?ssm`)},
	{SSMAssociationUpdate, regexp.MustCompile(`^ssm ?association ?updat(e|ion) ?failed`)},
	{SSMAssociationDeletion, regexp.MustCompile(`^ssm ?association ?deletion ?failed`)},
	{SSMAssociationExecution, regexp.MustCompile(`^ssm ?(instance ?)?association ?execution ?failed|^architectural ?requirements`)},
	{SharedVPCEndpointNotDeleted, regexp.MustCompile(`^shared ?vpc ?endpoint ?deletion`)},
	{LocalCluster, regexp.MustCompile(`^local ?eks ?clusters?|^eks ?addons? ?are ?not ?supported ?on ?local`)},
	{EnablementPermission, regexp.MustCompile(`enablement ?permission ?not ?granted`)},
	{EnablementInProgress, regexp.MustCompile(`enablement ?resource ?provisioning ?in ?progress`)},
	{AuthorizationFailed, regexp.MustCompile(`^(others?\b.*)?error ?due ?to ?authorization ?failure`)},
	{VPCEndpoint, regexp.MustCompile(`\bvpc|enable ?dns ?(support|hostnames)|private dns|; for tasks? in task ?definition`)},
	{AgentNotReporting, regexp.MustCompile(`agent ?not ?reporting|^no ?agent ?reporting`)},
	{Unidentified, regexp.MustCompile(`unidentified issue|^others?\b`)},
	{AgentNotProvisioned, regexp.MustCompile(`^agent ?not ?provisioned`)},
}

// addonIssue matches an add-on's issue code where AWS puts it, before its
// message and after the type, the words "EKS Addon issue", or both.
func addonIssue(code string) *regexp.Regexp {
	const failed, marker = `addon ?(?:creation ?failed|updat(?:e|ion) ?failed|status ?unhealthy) ?:? ?`, `eks ?addon ?issue ?:? ?`
	return regexp.MustCompile(`^(?:` + failed + `(?:` + marker + `)?|` + marker + `)` + code + `\b`)
}
