package diagnosis

// CauseInfo describes a cause.
type CauseInfo struct {
	Cause   Cause
	Meaning string // in one line
	Who     Who
}

// Causes returns all causes in the order in which they are examined. docs/causes.md
// has a section for each.
func Causes() []CauseInfo {
	return []CauseInfo{
		{RuntimeMonitoringOff, "Runtime Monitoring is off in the account and Region", Security},
		{AgentManagementOff, "automated agent configuration for Fargate is off, and the cluster is not tagged `GuardDutyManaged=true`", Security},
		{ClusterExcluded, "the cluster is tagged `GuardDutyManaged=false`", ClusterOwner},
		{ManagedInstances, "the tasks run on ECS Managed Instances, which GuardDuty does not support", Nobody},
		{ECSAnywhere, "the tasks run on ECS Anywhere, which GuardDuty does not support", Nobody},
		{EC2Task, "the tasks run on an EC2 instance that is not covered", InstanceOwner},
		{Windows, "the tasks run on Windows, which GuardDuty does not support", Nobody},
		{PlatformVersion, "the Fargate platform version is older than 1.4.0", ServiceOwner},
		{CPUArchitecture, "the CPU architecture is neither X86_64 nor ARM64", Nobody},
		{OldTaskARN, "the tasks' ARNs have the old format, without the cluster's name", ServiceOwner},
		{NoExecutionRole, "there is no task execution role to pull the agent's image with", ServiceOwner},
		{ImagePullDenied, "the task execution role may not pull the agent's image", ServiceOwner},
		{ImagePullUnreachable, "the tasks cannot reach Amazon ECR or S3 to pull the agent's image", Network},
		{AgentOutOfMemory, "the agent's container was killed because it ran out of memory", ServiceOwner},
		{AgentExited, "the agent's container has stopped, for a reason that ECS does not report", ServiceOwner},
		{ClusterWasExcluded, "the cluster was excluded, or not yet included, when the tasks started", ServiceOwner},
		{TaskTooOld, "the tasks are older than Runtime Monitoring or the agent's management", ServiceOwner},
		{DeploymentTooOld, "the service was deployed before Runtime Monitoring or the agent's management was enabled", ServiceOwner},
		{TaskSetTooOld, "the same, of a service that CodeDeploy or another controller deploys", ServiceOwner},
		{UnsupportedInvoker, "a service that GuardDuty does not support started the tasks", Nobody},
		{NoNetworkConfiguration, "the tasks have no network interface, or their service no subnets", ServiceOwner},
		{TooEarly, "the agent runs, and GuardDuty has not reported the tasks yet", Nobody},
		{TelemetryDenied, "the agent runs, and a policy may deny `guardduty:SendSecurityTelemetry`", Security},
		{VPCEndpoint, "the agent runs, and GuardDuty's VPC endpoint may be missing or wrong", Network},
		{SharedVPC, "the agent runs in a shared VPC whose owner may not have enabled GuardDuty", Network},
		{TaskGone, "GuardDuty reports a task definition that no task has any more", Nobody},
		{UnknownReason, "everything was read, and nothing explains it", ServiceOwner},
		{Denied, "not everything could be read", Security},
	}
}
