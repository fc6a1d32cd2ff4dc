package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// Fix is what to do about a finding.
type Fix struct {
	Text string
	// Commands are complete commands of the AWS CLI for bash, with credentials of
	// the cluster's account unless Text says otherwise.
	Commands []string
	// ReplacesTasks reports whether the fix starts new tasks and stops the old ones.
	ReplacesTasks bool
}

// FixOf returns what to do about a finding on a cluster. Commands are missing
// where they would need what is not known, such as the name of a role.
func FixOf(c Cluster, f Finding) Fix {
	s := script{c, f}
	switch f.Cause {
	case RuntimeMonitoringOff, AgentManagementOff:
		return s.enable()
	case ClusterExcluded:
		return Fix{
			Text: "If the exclusion is not intended, set the tag to true where it is managed. The tag acts when tasks start: " +
				"afterwards redeploy the services and start standalone tasks again.",
			Commands: []string{s.tag(included)},
		}
	case ManagedInstances, ECSAnywhere:
		return Fix{Text: "There is no fix: GuardDuty does not support these tasks. Run them on Fargate or on EC2 instances if they have to be covered."}
	case Windows, CPUArchitecture, UnsupportedInvoker:
		return Fix{Text: "There is no fix: GuardDuty does not support these tasks. To accept that, exclude the cluster, with all of its tasks: " + s.tag(excluded)}
	case EC2Task:
		return Fix{Text: "The agent belongs on the EC2 instance: see GuardDuty's issue of the instance, and whether AWS Systems Manager manages the instance."}
	case OldTaskARN:
		if s.isStandalone() {
			return s.restart("Start the task again: new tasks have ARNs of the current format.")
		}
		return Fix{
			Text:          "Recreate the service: a new deployment is not enough, because the service keeps the format that it was created with.",
			ReplacesTasks: true,
		}
	case TaskGone, TooEarly:
		return Fix{Text: map[Cause]string{
			TaskGone: "Nothing to do: the issue disappears when GuardDuty next reports the cluster, at the latest with its next task.",
			TooEarly: "Wait: GuardDuty has taken 5 to 15 minutes to report new tasks.",
		}[f.Cause]}
	case UnknownReason:
		return s.restart("Redeploying has helped where the tasks are older than the agent's settings. If the agent is still missing, open a case with AWS.")
	case Denied:
		return s.allow()
	default:
		return s.replace()
	}
}

// allow is the fix of a call that was refused, which is the first word of the
// finding's evidence.
func (s script) allow() Fix {
	const repeated = " A call that failed is repeated at the next read."
	action, _, _ := strings.Cut(s.f.Evidence, " ")
	switch service, _, _ := strings.Cut(action, ":"); service {
	case "ec2", "iam":
		return Fix{Text: "The call is optional and made only with --deep. If AWS denied it, allow the action to the role that reads ECS; " +
			"docs/diagnose.md has the statement."}
	case "sts":
		return Fix{Text: "If AWS denied the call, create the role that reads ECS in this account, or correct its trust policy and external ID." + repeated}
	case "ecs":
		return Fix{Text: fmt.Sprintf("If AWS denied the call, attach the statement %s of the policy that `guardduty_coverage_exporter iam-policy --for=ecs` prints "+
			"to the role that reads ECS, and look for a service control policy.", statementOf(action)) + repeated}
	}
	return Fix{Text: "If AWS denied the calls, attach the policy that `guardduty_coverage_exporter iam-policy --for=ecs` prints to the role that reads ECS, " +
		"and look for a service control policy." + repeated}
}

// statementOf returns the name of the statement that allows an action of ECS.
func statementOf(action string) string {
	switch action {
	case "ecs:ListAccountSettings", "ecs:DescribeTaskDefinition", "ecs:ListClusters": // they cannot be restricted to clusters
		return "ListECS"
	}
	return "DescribeECS"
}

// replace is FixOf for the causes that new tasks fix, some of them after a change
// that only their owner can make.
func (s script) replace() Fix {
	switch s.f.Cause {
	case PlatformVersion:
		return s.restart("Use platform version 1.4.0 or newer.", "--platform-version", "LATEST")
	case NoExecutionRole:
		return Fix{
			Text: "Register a revision of the task definition with an executionRoleArn whose role has the policy " +
				"AmazonECSTaskExecutionRolePolicy, then deploy it.",
			ReplacesTasks: true,
		}
	case ImagePullDenied:
		fix := s.restart("Allow the task execution role to pull from Amazon ECR, and look for policies that deny it: " +
			"service control policies, the role's boundary and the policies of VPC endpoints. Then replace the tasks.")
		if attach := s.attachPolicy(); attach != "" {
			fix.Commands = append([]string{attach}, fix.Commands...)
		}
		return fix
	case ImagePullUnreachable:
		return s.restart("Give the subnets a way to Amazon ECR and S3: a NAT gateway or a public IP, or else VPC endpoints for ecr.api, " +
			"ecr.dkr and s3 that the security groups let port 443 to. Then replace the tasks.")
	case AgentOutOfMemory:
		return Fix{
			Text: "Give the task definition the next larger memory, or limit that of its own containers, and deploy the revision: " +
				"the agent needs 128 MB up to 4 vCPU, and 256 MB to 1 GB above.",
			ReplacesTasks: true,
		}
	case AgentExited:
		return s.restart("Replace the tasks. If the agent stops again, open a case with AWS.")
	case TaskSetTooOld:
		return Fix{Text: "Start a new deployment with CodeDeploy, or create a new task set, as the service's controller does.", ReplacesTasks: true}
	case NoNetworkConfiguration:
		return Fix{Text: "Give the service or task a network configuration (awsvpc) with subnets and security groups, and deploy it.", ReplacesTasks: true}
	case TelemetryDenied:
		return Fix{Text: "Look for a service control policy, a permissions boundary of the task execution role, or a policy of the VPC endpoint " +
			"that denies guardduty:SendSecurityTelemetry, and exempt the action."}
	case VPCEndpoint:
		return Fix{Text: "Check GuardDuty's VPC endpoint in the tasks' VPC: its state, private DNS (which needs enableDnsSupport and " +
			"enableDnsHostnames), security groups (port 443) and policy. " +
			"If the agent is older than 1.17.1, new tasks get one that does not need it, except in China."}
	case SharedVPC:
		return Fix{Text: "The owner of the VPC has to enable Runtime Monitoring and automated agent configuration, in the same organization."}
	default:
		return s.restart("Replace the tasks: the agent joins a task only when it starts.")
	}
}

// script writes the commands of a fix.
type script struct {
	c Cluster
	f Finding
}

func (s script) isStandalone() bool {
	return s.f.Service == "" || strings.HasPrefix(s.f.Service, standalone)
}

// restart returns a fix that replaces the tasks of the finding; options are more
// of them for update-service.
func (s script) restart(text string, options ...string) Fix {
	if s.isStandalone() {
		return Fix{Text: text + " Stop standalone tasks and start them again in the way they were started.", ReplacesTasks: true}
	}
	cluster := []string{"--region", s.c.Region, "--cluster", s.c.Name}
	update := slices.Concat(cluster, []string{"--service", s.f.Service}, options)
	return Fix{
		Text: text,
		Commands: []string{
			command("aws ecs update-service --force-new-deployment", update...),
			command("aws ecs wait services-stable", append(cluster, "--services", s.f.Service)...),
		},
		ReplacesTasks: true,
	}
}

// tag returns a command that sets the cluster's tag GuardDutyManaged.
func (s script) tag(value string) string {
	arn := fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", awsregion.Partition(s.c.Region), s.c.Region, s.c.AccountID, s.c.Name)
	return command("aws ecs tag-resource", "--region", s.c.Region, "--resource-arn", arn, "--tags", "key="+managedTag+",value="+value)
}

// attachPolicy returns a command that allows the execution role of the finding's
// task definition to pull images, "" if the task definition is not known.
func (s script) attachPolicy() string {
	if s.f.Level != LevelTaskDefinition || s.f.Subject == "" {
		return ""
	}
	role := command("aws ecs describe-task-definition", "--region", s.c.Region, "--task-definition", s.f.Subject,
		"--query", "taskDefinition.executionRoleArn", "--output", "text")
	return command(`aws iam attach-role-policy --role-name "$(basename "$(`+role+`)")"`,
		"--policy-arn", "arn:"+awsregion.Partition(s.c.Region)+":iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
}

// enable returns the fix of a feature of GuardDuty that is off.
func (s script) enable() Fix {
	const then = " Then redeploy the services and start standalone tasks again."
	if s.f.ByPolicy {
		return Fix{Text: "Change the Organizations policy of GuardDuty (GUARDDUTY_POLICY), which decides the setting: the account cannot." + then}
	}
	const features = `[{"Name":"RUNTIME_MONITORING","Status":"ENABLED",` +
		`"AdditionalConfiguration":[{"Name":"ECS_FARGATE_AGENT_MANAGEMENT","Status":"ENABLED"}]}]`
	detector := command("aws guardduty list-detectors", "--region", s.c.Region, "--query", "DetectorIds[0]", "--output", "text")
	update, options := "update-detector", []string{"--region", s.c.Region}
	fix := Fix{Text: "Enable Runtime Monitoring and its agent for Fargate; for a member account the administrator does, with update-member-detectors." + then}
	if s.f.Administrator != "" {
		update, options = "update-member-detectors", append(options, "--account-ids", s.c.AccountID)
		fix.Text = "Enable Runtime Monitoring and its agent for Fargate in this member account, with credentials of its administrator, " +
			s.f.Administrator + "." + then
	}
	fix.Commands = []string{
		command("aws guardduty "+update+` --detector-id "$(`+detector+`)"`, append(options, "--features", features)...),
	}
	if s.f.Cause == AgentManagementOff {
		fix.Text += " To include this cluster alone: " + s.tag(included)
	}
	return fix
}
