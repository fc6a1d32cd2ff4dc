package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// demoIssues returns the text of each kind of issue, by the name that the
// exporter gives the kind. Some are spelt as the GuardDuty user guide has
// them, some as accounts have really shown them, with "(s)", spaces round the
// colon and a stray dot. Names in braces are filled in by demoIssue.
func demoIssues() map[string]string {
	return map[string]string{
		"agent_not_reporting": "Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - '{td}'. Refer documentation",
		"vpc_endpoint": "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames " +
			"VPC attributes set to true for {vpc} (Service: Ec2, Status Code:400, Request ID: {request})",
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

// demoIssue returns the text of one kind of issue for a cluster. Identifiers
// in it differ between clusters, and task and request IDs between episodes,
// as they do on AWS.
func demoIssue(key string, c demoCluster, episode int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.account, c.region, c.name, key}, "/")))
	volatile := sha256.Sum256(append(sum[:], strconv.Itoa(episode)...))
	id := hex.EncodeToString(volatile[:])
	return strings.NewReplacer(
		"{td}", fmt.Sprintf("%s:%d", c.name, 1+int(sum[0])),
		"{service}", c.name+"-web",
		"{vpc}", "vpc-"+hex.EncodeToString(sum[:])[:17],
		"{task}", id[:32],
		"{request}", strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:32]}, "-"),
	).Replace(demoIssues()[key])
}
