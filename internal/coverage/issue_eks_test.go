package coverage_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// knownOfEKS has the texts of EKS clusters.
var knownOfEKS = []knownText{
	{
		name: "add-on and cluster do not match",
		raw: "Addon Creation Failed: Addon aws-guardduty-agent is not compatible with current cluster version of " +
			"cluster vpc-lab. Addon specified is not supported.",
		issueType: coverage.AddonIncompatible,
	},
	{
		name:      "bare: add-on and cluster do not match",
		raw:       "Addon aws-guardduty-agent is not compatible with current cluster version of cluster shop. Addon specified is not supported.",
		issueType: coverage.AddonIncompatible,
	},
	{
		name: "replicas, no cause",
		raw: "Addon Status Unhealthy: EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because " +
			"it doesn't have the desired number of replicas.",
		issueType: coverage.AddonInsufficientReplicas,
	},
	{
		name: "replicas, CPU",
		raw: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"0/14 nodes are available: 14 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
		issueType: coverage.AddonInsufficientReplicas,
		text: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"… nodes are available: … Insufficient cpu. preemption: not eligible due to preempt",
	},
	{
		name: "replicas, memory",
		raw: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"0/3 nodes are available: 1 Insufficient memory. preemption: not eligible due to preemptionPolicy=Never.",
		issueType: coverage.AddonInsufficientReplicas,
		text: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"… nodes are available: … Insufficient memory. preemption: not eligible due to pree",
	},
	{
		name: "replicas, pods",
		raw: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"0/3 nodes are available: 3 Too many pods. preemption: not eligible due to preemptionPolicy=Never.",
		issueType: coverage.AddonInsufficientReplicas,
		text: "EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods is not scheduled " +
			"… nodes are available: … Too many pods. preemption: not eligible due to preemption",
	},
	{
		name: "replicas, completed",
		raw: "Addon Status Unhealthy: EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because " +
			"one or more pods have waiting containers CrashLoopBackOff: Completed",
		issueType: coverage.AddonInsufficientReplicas,
	},
	{
		name: "replicas, error",
		raw: "Addon Status Unhealthy: EKS Addon Issue - InsufficientNumberOfReplicas: The add-on is unhealthy because " +
			"one or more pods have waiting containers CrashLoopBackOff: Error",
		issueType: coverage.AddonInsufficientReplicas,
	},
	{
		name: "admission",
		raw: `Addon Update Failed: EKS Addon Issue - AdmissionRequestDenied: admission webhook "validate.kyverno.svc-fail" denied the request: ` +
			"policy DaemonSet/amazon-guardduty/aws-guardduty-agent for resource violation: restrict-image-registries: autogen-validate-registries: ...",
		issueType: coverage.AddonAdmissionRequestDenied,
	},
	{
		name: "conflict",
		raw: "Addon Updation Failed: EKS Addon Issue - ConfigurationConflict: Conflicts found when trying to apply. Will not continue due to resolve " +
			`conflicts mode. Conflicts: DaemonSet.apps aws-guardduty-agent - .spec.template.spec.containers[name="aws-guardduty-agent"].image`,
		issueType: coverage.AddonConfigurationConflict,
	},
	{
		name: "access, priority class",
		raw: `Addon Creation Failed: EKS Addon Issue - AccessDenied: priorityclasses.scheduling.k8s.io "aws-guardduty-agent.priorityclass" is forbidden: ` +
			`User "eks:addon-manager" cannot patch resource "priorityclasses" in API group "scheduling.k8s.io" at the cluster scope`,
		issueType: coverage.AddonAccessDenied,
	},
	{
		name: "access, without spaces and with the page's backslashes",
		raw: `AddonUpdationFailed: EKSAddonIssue - AccessDenied: namespaces\"amazon-guardduty\"isforbidden:User\"eks:addon-manager\"` +
			`cannotpatchresource\"namespaces\"inAPIgroup\"\"inthenamespace\"amazon-guardduty\"`,
		issueType: coverage.AddonAccessDenied,
	},
	{
		name: "access, a label is missing",
		raw: `EKS Addon Issue - AccessDenied: admission webhook "validation.gatekeeper.sh" denied the request: ` +
			"[all-namespace-must-have-label-owner] All namespaces must have an `owner` label",
		issueType: coverage.AddonAccessDenied,
	},
	{
		name: "access, image registry",
		raw: `EKS Addon Issue - AccessDenied: admission webhook "validation.gatekeeper.sh" denied the request: ` +
			"[allowed-container-registries] container <aws-guardduty-agent> has an invalid image registry",
		issueType: coverage.AddonAccessDenied,
	},
	{
		name: "internal failure", raw: "Addon Creation Failed: EKS Addon issue - InternalFailure: An internal error has occurred",
		issueType: coverage.AddonInternalFailure,
	},
	{
		name: "unreachable", raw: "Addon Status Unhealthy: EKS Addon issue - ClusterUnreachable: The API server did not answer",
		issueType: coverage.AddonClusterUnreachable,
	},
	{
		name: "modified", raw: "Addon Update Failed: EKS Addon issue - UnsupportedAddonModification: The DaemonSet was changed",
		issueType: coverage.AddonUnsupportedModification,
	},
	{
		name: "not found", raw: "Addon Status Unhealthy: EKS Addon issue - K8sResourceNotFound: daemonset was not found",
		issueType: coverage.AddonK8sResourceNotFound,
	},
	{
		name: "subscription", raw: "Addon Creation Failed: EKS Addon issue - AddonSubscriptionNeeded: Subscribe first",
		issueType: coverage.AddonSubscriptionNeeded,
	},
	{
		name: "permission", raw: "Addon Update Failed: EKS Addon issue - AddonPermissionFailure: The role lacks a permission",
		issueType: coverage.AddonPermissionFailure,
	},
	{name: "add-on, a code that AWS may add", raw: "Addon Update Failed: EKS Addon issue - QuotaExceeded: too much", issueType: coverage.AddonFailed},
	{name: "bare: add-on, a code that AWS may add", raw: "EKS Addon issue - QuotaExceeded: too much", issueType: coverage.AddonFailed},
	{name: "not created, type alone", raw: "Addon Creation Failed", issueType: coverage.AddonFailed},
	{name: "not updated, type alone", raw: "Addon Update Failed", issueType: coverage.AddonFailed},
	{name: "not updated in the other spelling, type alone", raw: "Addon Updation Failed", issueType: coverage.AddonFailed},
	{name: "unhealthy, type alone", raw: "Addon Status Unhealthy", issueType: coverage.AddonFailed},

	{name: "EKS: shared VPC", raw: creationFailed + ": " + sharedVPC, issueType: coverage.VPCEndpoint},
	{name: "EKS: shared VPC's owner", raw: creationFailed + ": " + ownerWithout + ".", issueType: coverage.VPCEndpoint},
	{name: "EKS: private DNS", raw: creationFailed + ": " + privateDNS, issueType: coverage.VPCEndpoint, text: privateDNSWithID},
	{
		name: "EKS: shared endpoint not deleted", raw: "Shared VPC Endpoint Deletion Failed: " + sharedDeletion,
		issueType: coverage.SharedVPCEndpointNotDeleted,
	},
	{name: "local", raw: "Local EKS clusters: EKS addons are not supported on local outpost clusters.", issueType: coverage.LocalCluster},
	{name: "local, type alone", raw: "Local EKS clusters", issueType: coverage.LocalCluster},
	{name: "bare: local", raw: "EKS addons are not supported on local outpost clusters.", issueType: coverage.LocalCluster},
	{
		name: "permission to enable", raw: "EKS Runtime Monitoring enablement permission not granted",
		issueType: coverage.EnablementPermission,
	},
	{
		name: "permission to enable, with the cause", raw: "EKS Runtime Monitoring enablement permission not granted: no permission in the VPC",
		issueType: coverage.EnablementPermission,
	},
	{
		name: "being enabled", raw: "EKS Runtime Monitoring enablement resource provisioning in progress",
		issueType: coverage.EnablementInProgress,
	},
	{
		name: "being enabled, with more", raw: "EKS Runtime Monitoring enablement resource provisioning in progress: VPC endpoint",
		issueType: coverage.EnablementInProgress,
	},
	{name: "authorization", raw: "Others: Error due to authorization failure", issueType: coverage.AuthorizationFailed},
	{
		name: "authorization, the type at full length", raw: "Others (any other issue): Error due to authorization failure",
		issueType: coverage.AuthorizationFailed,
	},
	{name: "bare: authorization", raw: "Error due to authorization failure", issueType: coverage.AuthorizationFailed},
}

// addonCodes has the values of the EKS API's AddonIssue.code.
var addonCodes = map[string]coverage.IssueType{
	"AccessDenied":                 coverage.AddonAccessDenied,
	"InternalFailure":              coverage.AddonInternalFailure,
	"ClusterUnreachable":           coverage.AddonClusterUnreachable,
	"InsufficientNumberOfReplicas": coverage.AddonInsufficientReplicas,
	"ConfigurationConflict":        coverage.AddonConfigurationConflict,
	"AdmissionRequestDenied":       coverage.AddonAdmissionRequestDenied,
	"UnsupportedAddonModification": coverage.AddonUnsupportedModification,
	"K8sResourceNotFound":          coverage.AddonK8sResourceNotFound,
	"AddonSubscriptionNeeded":      coverage.AddonSubscriptionNeeded,
	"AddonPermissionFailure":       coverage.AddonPermissionFailure,
	"CodeOfTomorrow":               coverage.AddonFailed,
}

// TestClassifyAddonCodes combines every code with every documented spelling of the words before it, and with messages
// that resemble other issues.
func TestClassifyAddonCodes(t *testing.T) {
	beginnings := []string{
		"Addon Creation Failed: EKS Addon issue - ", "AddonCreationFailed: EKSAddonIssue - ", "AddonCreationFailed:EKSAddonIssue-",
		"Addon Update Failed : EKS Addon Issue - ", "Addon Updation Failed:EKS Addon issue - ", "AddonUpdationFailed: EKSAddonIssue - ",
		"AddonUpdateFailed - EKSAddonIssue: ", "Addon Status Unhealthy: EKS Addon Issue: ", "ADDON STATUS UNHEALTHY:EKS ADDON ISSUE - ",
		"Addon Status Unhealthy: ", "EKS Addon Issue - ", "EKSAddonIssue - ",
	}
	messages := []string{
		"", ":", ": An error has occurred", ": cannot reach the VPC endpoint", ": CannotPullContainerError", ": ECR Image Pull Failed",
		": Error due to authorization failure", ": agent not reporting", ": kernel version", ": Instances with exclusion tags are excluded",
		": EKS addons are not supported on local outpost clusters", ": image could not be pulled", ": no one's fault in 'vpc'",
	}
	for code := range addonCodes {
		messages = append(messages, ": EKS Addon issue - "+code+": again", ": "+code)
	}
	capitals := regexp.MustCompile(`([a-z])([A-Z])`)
	for code, want := range addonCodes {
		for _, spelling := range []string{code, capitals.ReplaceAllString(code, "$1 $2"), strings.ToLower(code)} {
			for _, beginning := range beginnings {
				for _, message := range messages {
					raw := beginning + spelling + message
					if got := coverage.Classify(raw).Type(); got != want {
						t.Errorf("Classify(%q) is %s, want %s", raw, got, want)
					}
				}
			}
		}
	}
}

// TestClassifyCodesElsewhere has codes in a place where AWS does not put an add-on's code.
func TestClassifyCodesElsewhere(t *testing.T) {
	for code := range addonCodes {
		for before, want := range map[string]coverage.IssueType{
			"VPC Endpoint Creation Failed: ":                         coverage.VPCEndpoint,
			"Agent exited: Reason: EKS Addon issue - ":               coverage.AgentExited,
			"SSM Association Creation Failed: Addon Update Failed: ": coverage.SSMAssociationCreation,
			"Agent not provisioned: ":                                coverage.AgentNotProvisioned,
			"Something that nobody has seen before: ":                coverage.Unclassified,
			"Others: ": coverage.Unidentified,
			"EKS Runtime Monitoring enablement permission not granted: ": coverage.EnablementPermission,
		} {
			if got := coverage.Classify(before + code).Type(); got != want {
				t.Errorf("Classify(%q) is %s, want %s", before+code, got, want)
			}
		}
	}
}
