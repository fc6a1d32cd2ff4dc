package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// clusterIssues returns issue texts of ECS clusters by the exporter's issue type.
// Some are those of the GuardDuty user guide, some were observed on AWS, with
// "(s)", spaces around the colon and extra dots. expand replaces placeholders.
func clusterIssues() map[string]string {
	return map[string]string{
		"agent_not_reporting": "Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - '{td}'. Refer documentation",
		"vpc_endpoint": "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
			"VPC attributes set to true for " + legacyVPC + " (Service: Ec2, Status Code:400, Request ID: {request})",
		"agent_exited": "Agent exited: ExitCode: 137 with reason: 'OutOfMemoryError: container killed due to memory usage' " +
			"for tasks in TaskDefinition - '{td}'",
		"agent_image_pull": "Agent exited: Reason: CannotPullContainerError: pull image manifest has been retried 5 time(s): " +
			"failed to resolve ref: i/o timeout for tasks in TaskDefinition - '{td}'",
		"agent_not_provisioned":        "Agent not provisioned",
		"unsupported_service":          "Agent not provisioned: Unsupported invocation by AWS Batch for task(s) in TaskDefinition - '{td}'",
		"unsupported_cpu_architecture": "Agent not provisioned: Unsupported CPU architecture 'RISCV64' for task(s) in TaskDefinition - '{td}'",
		"task_execution_role_missing":  "Agent not provisioned: TaskExecutionRole missing from TaskDefinition - '{td}'",
		"network_configuration_missing": "Agent not provisioned: Missing network configuration 'awsvpcConfiguration' " +
			"for task(s) in TaskDefinition - '{td}'",
		"exclusion_tag": "Agent not provisioned: Tasks started when clusters had exclusion tag require a relaunch to fix/troubleshoot. " +
			"Refer documentation, Impacted task ID(s): '{task}'",
		"started_before_agent_configuration": "Agent not provisioned: Services deployed before enabling Automated Agent Configuration " +
			"require a new deployment to fix/troubleshoot. Refer documentation, Impacted service name(s): '{service}'",
		"started_before_runtime_monitoring": "Agent not provisioned: Tasks started before enabling Runtime Monitoring " +
			"require a relaunch. Refer documentation, Impacted task ID(s): '{task}'",
		"new_deployment_required": "Agent not provisioned : Service '{service}' requires a new deployment to fix/troubleshoot. " +
			"Refer documentation, Impacted service name(s): '{service}'",
		"unidentified": "Others : Unidentified issue(s), for task(s) in TaskDefinition '{td}' . Refer documentation",
		"unclassified": "Telemetry deferred: the cluster will be assessed again within 24 hours",
	}
}

// instanceIssues returns issue texts of EC2 instances by kind.
func instanceIssues() map[string]string {
	const vpcFailed = "VPC Endpoint Creation Failed:"
	return map[string]string{
		"waiting_for_ssm":              "No Agent Reporting:Waiting for SSM notification",
		"no_agent_reporting":           "No Agent Reporting",
		"agent_disconnected":           "No Agent Reporting:Agent disconnected",
		"exclusion_tag":                "Agent Not Provisioned:Instances with exclusion tags are excluded from Runtime Monitoring",
		"kernel_too_old":               "Agent Not Provisioned:Kernel version is lower than the supported version",
		"kernel_too_new":               "Agent Not Provisioned:Kernel version is higher than the supported version",
		"identity_document":            "Agent Not Provisioned:Unable to retrieve the instance identity document",
		"ssm_association_exists":       "SSM Association Creation Failed:GuardDuty SSM association already exists in your account",
		"ssm_association_quota":        "SSM Association Creation Failed:Your account has too many SSM associations",
		"ssm_update_failed":            "SSM Association Updation Failed:GuardDuty SSM association does not exist in your account",
		"ssm_deletion_failed":          "SSM Association Deletion Failed:GuardDuty SSM association does not exist in your account",
		"ssm_execution_failed":         "SSM Instance Association Execution Failed:Architectural requirements or other prerequisites are not met",
		"vpc_endpoint_shared":          vpcFailed + "VPC endpoint creation not supported for shared VPC {vpc}",
		"vpc_endpoint_owner":           vpcFailed + ownerNotEnabled,
		"vpc_endpoint_dns":             vpcFailed + privateDNS,
		"shared_vpc_endpoint_deletion": sharedVPCDeletion,
		"ecr_image_pull":               "ECR Image Pull Failed:The security agent's container image could not be pulled",
	}
}

// Issue texts of both instances and EKS clusters.
const (
	ownerNotEnabled = "Owner account ID {owner} for shared VPC {vpc} doesn't have either Runtime Monitoring, " +
		"automated agent configuration, or both, enabled"
	privateDNS = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
		"VPC attributes set to true for {vpc} (Service: Ec2, Status Code:400, Request ID: {request})"
	sharedVPCDeletion = "Shared VPC Endpoint Deletion Failed:Shared VPC endpoint deletion not allowed for account ID {account}, " +
		"shared VPC {vpc}, owner account ID {owner}"
)

// eksIssues returns issue texts of EKS clusters by kind. Those of an add-on have
// the issue code of EKS.
func eksIssues() map[string]string {
	const (
		creation = "Addon Creation Failed:EKS Addon issue - "
		update   = "AddonUpdationFailed: EKSAddonIssue - " // sic, as on AWS
		status   = "Addon Status Unhealthy:EKS Addon issue - "
		vpc      = "VPC Endpoint Creation Failed:"
		pods     = status + "InsufficientNumberOfReplicas: The add-on is unhealthy because "
	)
	return map[string]string{
		"addon_incompatible":           "Addon Creation Failed:aws-guardduty-agent addon is not compatible with the current cluster version of {name}",
		"addon_subscription_needed":    creation + "AddonSubscriptionNeeded: The add-on needs a subscription",
		"addon_access_denied":          creation + "AccessDenied: The service role cannot create the resources of the add-on",
		"addon_admission_denied":       creation + "AdmissionRequestDenied: admission webhook \"validate.{name}\" denied the request",
		"addon_configuration_conflict": update + "ConfigurationConflict: Conflicts found when trying to apply: DaemonSet.apps aws-guardduty-agent",
		"addon_unsupported_change":     update + "UnsupportedAddonModification: The add-on's DaemonSet was changed outside of EKS",
		"addon_permission_failure":     update + "AddonPermissionFailure: The add-on's role lacks a permission",
		"addon_internal_failure":       status + "InternalFailure: An internal error has occurred",
		"addon_cluster_unreachable":    status + "ClusterUnreachable: The cluster's API server cannot be reached",
		"addon_resource_not_found":     status + "K8sResourceNotFound: The namespace amazon-guardduty was not found",
		"addon_insufficient_cpu": pods + "it doesn't have the desired number of replicas: 0/4 nodes are available: " +
			"4 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never",
		"addon_insufficient_memory": pods + "it doesn't have the desired number of replicas: 0/4 nodes are available: " +
			"4 Insufficient memory. preemption: not eligible due to preemptionPolicy=Never",
		"addon_too_many_pods": pods + "it doesn't have the desired number of replicas: 0/4 nodes are available: " +
			"4 Too many pods. preemption: not eligible due to preemptionPolicy=Never",
		"addon_crash_completed":        pods + "at least one pod is waiting: CrashLoopBackOff: Completed",
		"addon_crash_error":            pods + "at least one pod is waiting: CrashLoopBackOff: Error",
		"vpc_endpoint_shared":          vpc + "VPC endpoint creation not supported for shared VPC {vpc}",
		"vpc_endpoint_owner":           vpc + ownerNotEnabled,
		"vpc_endpoint_dns":             vpc + privateDNS,
		"shared_vpc_endpoint_deletion": sharedVPCDeletion,
		"local_cluster":                "Local EKS clusters:EKS addons are not supported on local clusters on Outposts",
		"enablement_permission":        "EKS Runtime Monitoring enablement permission not granted",
		"enablement_in_progress":       "EKS Runtime Monitoring enablement resource provisioning in progress",
		"authorization_failure":        "Others:Error due to authorization failure",
	}
}

// clusterIssue returns an issue text for a cluster. As on AWS, identifiers differ
// between clusters, and task and request IDs also between occurrences.
func clusterIssue(key string, c cluster, occurrence int) string {
	return expand(clusterIssues()[key], hashOf(c.account, c.region, c.name, key), c.name, c.account, occurrence)
}

// expand replaces the placeholders of an issue text.
func expand(text string, sum [sha256.Size]byte, name, account string, occurrence int) string {
	volatile := sha256.Sum256(append(sum[:], strconv.Itoa(occurrence)...))
	id := hex.EncodeToString(volatile[:])
	return strings.NewReplacer(
		"{td}", fmt.Sprintf("%s:%d", name, 1+int(sum[0])),
		"{service}", name+"-web",
		"{name}", name,
		"{account}", account,
		"{owner}", administratorID,
		"{vpc}", "vpc-"+hex.EncodeToString(sum[:])[:17],
		"{task}", id[:32],
		"{request}", strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:32]}, "-"),
	).Replace(text)
}

// hashOf returns a hash of the parts, from which identifiers are made.
func hashOf(parts ...string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(parts, "/")))
}
