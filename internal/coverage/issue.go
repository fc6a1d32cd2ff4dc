package coverage

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// IssueType is the class of an issue, one of [IssueTypes]. The classes follow
// the tables of the GuardDuty user guide's pages on coverage, in the current and
// earlier editions. docs/issues.md has a heading for each.
type IssueType string

// The issue types of Amazon ECS clusters. Instances and EKS clusters have some of
// them too.
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
	Unidentified                   IssueType = "unidentified" // by AWS
	Unclassified                   IssueType = "unclassified" // the text matches no rule
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

// The issue types that Amazon EKS clusters add. Those of the agent's add-on are
// the add-on issue codes of the EKS API.
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
	AddonFailed                  IssueType = "addon_failed" // with a code that matches no other type, or without one
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

// Issue is one reason why a resource is not covered. Issues are comparable and
// immutable. A fleet may have a million of them, so an Issue is one string and
// small numbers; only [NewIssue] and [Classify] make one.
type Issue struct {
	text             string // ends with the task definition if it does not contain it
	issueType        uint8  // index into sortedTypes
	length           uint16 // of the text
	defStart, defEnd uint16 // range of the task definition
}

var sortedTypes = slices.Sorted(slices.Values(IssueTypes()))

// NewIssue returns an issue. taskDefinition and text must be sanitized and at
// most [MaxTextBytes] long. A type that is not one of [IssueTypes] becomes
// [Unclassified].
func NewIssue(t IssueType, taskDefinition, text string) Issue {
	index, ok := slices.BinarySearch(sortedTypes, t)
	if !ok {
		index, _ = slices.BinarySearch(sortedTypes, Unclassified)
	}
	length, start := len(text), strings.Index(text, taskDefinition)
	if start < 0 {
		start, text = length, text+taskDefinition
	}
	//nolint:gosec // the numbers are small, see above
	return Issue{text, uint8(index), uint16(length), uint16(start), uint16(start + len(taskDefinition))}
}

// Type returns the issue's type.
func (i Issue) Type() IssueType { return sortedTypes[i.issueType] }

// TaskDefinition returns family:revision, "" if the text names none.
func (i Issue) TaskDefinition() string { return i.text[i.defStart:i.defEnd] }

// Text returns AWS's text without what may change while the issue stays the
// same.
func (i Issue) Text() string { return i.text[:i.length] }

// Equal reports whether both issues are the same, for comparison in tests.
func (i Issue) Equal(other Issue) bool { return i == other }

// WithoutText returns the issue with an empty text.
func (i Issue) WithoutText() Issue { return NewIssue(i.Type(), i.TaskDefinition(), "") }

func (i Issue) compare(other Issue) int {
	return cmp.Or(
		cmp.Compare(i.issueType, other.issueType),
		cmp.Compare(i.TaskDefinition(), other.TaskDefinition()),
		cmp.Compare(i.Text(), other.Text()),
	)
}

// classifyAll returns the sorted issues of a resource's texts. Blank texts and
// repeats are ignored. Issues of known, the resource's issues so far, are reused
// where their text is unchanged.
func classifyAll(raw []string, t ResourceType, known []Issue) []Issue {
	var issues []Issue
	for n, text := range raw {
		text = normalizeRaw(text)
		if text == "" || slices.Contains(raw[:n], raw[n]) {
			continue
		}
		issue := reclassify(text, known)
		if t != ECS && issue.TaskDefinition() != "" {
			issue = NewIssue(issue.Type(), "", issue.Text()) // only ECS clusters have tasks
		}
		issues = append(issues, issue)
	}
	slices.SortFunc(issues, Issue.compare)
	return slices.Clip(issues)
}

// reclassify returns the issue of known that has this normalized text, or
// classifies the text, which takes far longer.
func reclassify(text string, known []Issue) Issue {
	if len(text) < MaxTextBytes-utf8.UTFMax { // a longer text may be truncated in known
		for _, issue := range known {
			if issue.Text() == text {
				return issue
			}
		}
	}
	return classify(strings.Clone(text)) // the text may be part of a larger block of memory
}
