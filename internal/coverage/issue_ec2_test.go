package coverage_test

import (
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The user guide's texts about shared VPCs, which are the same for instances and
// EKS clusters.
const (
	sharedVPC        = "VPC endpoint creation not supported for shared VPC vpc-0123456789abcdef0"
	ownerWithout     = "Owner account ID 111122223333 for shared VPC vpc-1 doesn't have either Runtime Monitoring, automated agent configuration, or both, enabled"
	privateDNS       = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for vpc-1 (Service: Ec2, Status Code:400, Request ID: a1b2c3d4-5678-90ab-cdef-EXAMPLE11111)."
	sharedDeletion   = "Shared VPC endpoint deletion not allowed for account ID 111122223333, shared VPC vpc-1, owner account ID 555555555555."
	creationFailed   = "VPC Endpoint Creation Failed"
	privateDNSWithID = "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
		"VPC attributes set to true for vpc-1 (Service: Ec2, Status Code:400, Request ID: …)."
)

// knownOfInstances has the texts of EC2 instances.
var knownOfInstances = []knownText{
	{name: "instance: waiting", raw: "No Agent Reporting: Waiting for SSM notification", issueType: coverage.WaitingForSSM},
	{name: "instance: not reporting", raw: "No Agent Reporting", issueType: coverage.AgentNotReporting},
	{name: "instance: not reporting, nothing after the colon", raw: "No Agent Reporting:", issueType: coverage.AgentNotReporting},
	{name: "instance: not reporting, retired type", raw: "Agent not reporting", issueType: coverage.AgentNotReporting},
	{name: "instance: disconnected", raw: "No Agent Reporting: Agent disconnected", issueType: coverage.AgentDisconnected},
	{
		name: "instance: exclusion tag", raw: "Agent Not Provisioned: Instances with exclusion tags are excluded from Runtime Monitoring.",
		issueType: coverage.ExclusionTag,
	},
	{
		name: "instance: kernel too old", raw: "Agent Not Provisioned: Kernel version is lower than the supported version.",
		issueType: coverage.KernelUnsupported,
	},
	{
		name: "instance: kernel too new", raw: "Agent Not Provisioned: Kernel version is higher than the supported version.",
		issueType: coverage.KernelUnsupported,
	},
	{
		name: "instance: identity document", raw: "Agent Not Provisioned: Unable to retrieve instance identity document.",
		issueType: coverage.IdentityDocument,
	},
	{
		name: "instance: a reason that AWS may add", raw: "Agent Not Provisioned: Secure boot is on",
		issueType: coverage.AgentNotProvisioned,
	},
	{
		name: "association exists", raw: "SSM Association Creation Failed: GuardDuty SSM association already exists in your account",
		issueType: coverage.SSMAssociationCreation,
	},
	{
		name: "associations at their quota", raw: "SSM Association Creation Failed: Your account has too many SSM associations",
		issueType: coverage.SSMAssociationCreation,
	},
	{name: "association not created, type alone", raw: "SSM Association Creation Failed", issueType: coverage.SSMAssociationCreation},
	{
		name: "no association to update", raw: "SSM Association Updation Failed: GuardDuty SSM association does not exist in your account",
		issueType: coverage.SSMAssociationUpdate,
	},
	{
		name: "no association to delete", raw: "SSM Association Deletion Failed: GuardDuty SSM association does not exist in your account",
		issueType: coverage.SSMAssociationDeletion,
	},
	{
		name:      "association's execution",
		raw:       "SSM Instance Association Execution Failed: Architectural requirements or other prerequisites are not met.",
		issueType: coverage.SSMAssociationExecution,
	},
	{name: "instance: shared VPC", raw: creationFailed + ": " + sharedVPC, issueType: coverage.VPCEndpoint},
	{name: "instance: shared VPC's owner", raw: creationFailed + ": " + ownerWithout, issueType: coverage.VPCEndpoint},
	{name: "instance: private DNS", raw: creationFailed + ": " + privateDNS, issueType: coverage.VPCEndpoint, text: privateDNSWithID},
	{
		name: "instance: shared endpoint not deleted", raw: "Shared VPC Endpoint Deletion Failed: " + sharedDeletion,
		issueType: coverage.SharedVPCEndpointNotDeleted,
	},
	{
		name: "shared endpoint not deleted, type alone", raw: "Shared VPC Endpoint Deletion Failed",
		issueType: coverage.SharedVPCEndpointNotDeleted,
	},

	// The messages without their types; "Waiting for SSM notification" was seen so.
	{name: "seen: waiting", raw: "Waiting for SSM notification", issueType: coverage.WaitingForSSM},
	{name: "bare: kernel", raw: "Kernel version is lower than the supported version.", issueType: coverage.KernelUnsupported},
	{name: "bare: identity document", raw: "Unable to retrieve instance identity document.", issueType: coverage.IdentityDocument},
	{
		name: "bare: association exists", raw: "GuardDuty SSM association already exists in your account",
		issueType: coverage.SSMAssociationCreation,
	},
	{name: "bare: associations at their quota", raw: "Your account has too many SSM associations", issueType: coverage.SSMAssociationCreation},
	{
		name: "bare: prerequisites", raw: "Architectural requirements or other prerequisites are not met.",
		issueType: coverage.SSMAssociationExecution,
	},
	{name: "bare: shared VPC", raw: sharedVPC, issueType: coverage.VPCEndpoint},
	{name: "bare: shared VPC's owner", raw: ownerWithout, issueType: coverage.VPCEndpoint},
	{name: "bare: shared endpoint not deleted", raw: sharedDeletion, issueType: coverage.SharedVPCEndpointNotDeleted},

	// From the page on Bottlerocket.
	{
		name: "Bottlerocket: no association to update", raw: "SSM Association Update Failed: GuardDuty SSM association does not exist in your account.",
		issueType: coverage.SSMAssociationUpdate,
	},
	{name: "Bottlerocket: disconnected", raw: "Agent disconnected", issueType: coverage.AgentDisconnected},
	{
		name: "Bottlerocket: image", raw: "ECR Image Pull Failed: The agent container image could not be pulled from Amazon ECR.",
		issueType: coverage.AgentImagePull,
	},
	{name: "Bottlerocket: image, type alone", raw: "ECR Image Pull Failed", issueType: coverage.AgentImagePull},
	{
		name: "Bottlerocket: image, bare", raw: "The agent container image could not be pulled from Amazon ECR.",
		issueType: coverage.AgentImagePull,
	},
}

// TestClassifyWithoutSpaces removes all spaces, as one sample on AWS's page does.
func TestClassifyWithoutSpaces(t *testing.T) {
	for _, list := range [][]knownText{knownOfInstances, knownOfEKS} {
		for _, tc := range list {
			raw := strings.ReplaceAll(tc.raw, " ", "")
			if tc.raw == sharedVPC || tc.raw == ownerWithout || tc.raw == sharedDeletion {
				continue // without spaces they have no word "vpc", or a word with digits that is replaced
			}
			if got := coverage.Classify(raw); got.Type() != tc.issueType {
				t.Errorf("Classify(%q) is %s, want %s", raw, got.Type(), tc.issueType)
			}
		}
	}
}

// TestClassifyMisleadingInstances has texts whose message resembles another issue.
func TestClassifyMisleadingInstances(t *testing.T) {
	for raw, want := range map[string]coverage.IssueType{
		"SSM Association Creation Failed: the VPC endpoint of SSM does not answer":                   coverage.SSMAssociationCreation,
		"SSM Association Updation Failed: GuardDuty SSM association already exists in your account":  coverage.SSMAssociationUpdate,
		"SSM Association Deletion Failed: SSM Association Creation Failed before":                    coverage.SSMAssociationDeletion,
		"SSM Instance Association Execution Failed: no VPC endpoint; agent not reporting":            coverage.SSMAssociationExecution,
		"SSM Instance Association Execution Failed: Kernel version is lower than the supported one":  coverage.KernelUnsupported,
		"VPC Endpoint Creation Failed: Shared VPC endpoint deletion not allowed":                     coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: authorization failure":                                        coverage.VPCEndpoint,
		"Shared VPC Endpoint Deletion Failed: VPC endpoint creation not supported for shared VPC v":  coverage.SharedVPCEndpointNotDeleted,
		"No Agent Reporting: the VPC endpoint has no route":                                          coverage.VPCEndpoint,
		"Agent exited: Reason: Kernel version is lower than the supported version":                   coverage.AgentExited,
		"Agent exited: Reason: agent disconnected, waiting for SSM":                                  coverage.AgentExited,
		"GuardDuty SSM association does not exist in your account":                                   coverage.Unclassified, // an update's or a deletion's
		"VPC Endpoint Creation Failed: SSM Association Updation Failed":                              coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: SSM Association Deletion Failed":                              coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: SSM Instance Association Execution Failed":                    coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: Agent exited":                                                 coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: Error due to authorization failure":                           coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: Local EKS clusters have none":                                 coverage.VPCEndpoint,
		"VPC Endpoint Creation Failed: Addon is not compatible with current cluster version":         coverage.VPCEndpoint,
		"No Agent Reporting: enableDnsHostnames is off":                                              coverage.VPCEndpoint,
		"No Agent Reporting: private DNS is off":                                                     coverage.VPCEndpoint,
		"No Agent Reporting: the agent is disconnected":                                              coverage.AgentDisconnected,
		"Nobody said no agent reporting":                                                             coverage.Unclassified,
		"Agent Not Provisioned: the EKS addons are not supported on local clusters":                  coverage.AgentNotProvisioned,
		"Others: Unidentified issue, for tasks in TaskDefinition - 'kernel-version-lower:1'":         coverage.Unidentified,
		"Agent not reporting for tasks in TaskDefinition - 'ssm-association-creation-failed:1'":      coverage.AgentNotReporting,
		"Agent not provisioned: TaskExecutionRole missing from TaskDefinition - 'waiting-for-ssm:1'": coverage.TaskExecutionRoleMissing,
	} {
		if got := coverage.Classify(raw).Type(); got != want {
			t.Errorf("Classify(%q) is %s, want %s", raw, got, want)
		}
	}
}
