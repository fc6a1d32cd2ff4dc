package diagnosis

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// testCase changes [shop]. Findings are compared without their evidence.
type testCase struct {
	name   string
	change func(*Evidence)
	want   []Finding
}

// onOrders returns a finding on the service of shop.
func onOrders(cause Cause, certainty Certainty) Finding {
	return Finding{Level: LevelService, Subject: "orders", Service: "orders", Cause: cause, Certainty: certainty, Tasks: 1}
}

// onDefinition returns a finding on the task definition of shop.
func onDefinition(cause Cause, certainty Certainty) Finding {
	return Finding{Level: LevelTaskDefinition, Subject: "orders:42", Service: "orders", Cause: cause, Certainty: certainty, Tasks: 1}
}

func onAll(level Level, cause Cause, certainty Certainty, tasks int) Finding {
	return Finding{Level: level, Cause: cause, Certainty: certainty, Tasks: tasks}
}

func agent(c Container) func(*Evidence) {
	return func(e *Evidence) { e.Tasks[0] = task(c) }
}

func accountCases() []testCase {
	return []testCase{
		{"Runtime Monitoring off", func(e *Evidence) { e.RuntimeMonitoring.State, e.AccountSetting = Off, Off }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Proof, 1)}},
		{"Runtime Monitoring off in a member", func(e *Evidence) {
			e.RuntimeMonitoring.State, e.AccountSetting, e.Administrator = Off, Off, "999988887777"
		}, []Finding{{Level: LevelAccount, Cause: RuntimeMonitoringOff, Certainty: Proof, Tasks: 1, Administrator: "999988887777"}}},
		{"feature off, setting unknown", func(e *Evidence) { e.RuntimeMonitoring.State, e.AccountSetting = Off, Unknown }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Proof, 1)}},
		{"setting off, feature unknown", func(e *Evidence) { e.RuntimeMonitoring.State, e.AccountSetting = Unknown, Off }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Proof, 1)}},
		{"setting off, feature on", func(e *Evidence) { e.AccountSetting = Off }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Strong, 1)}},
		{"feature off, setting on", func(e *Evidence) { e.RuntimeMonitoring.State = Off }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Strong, 1)}},
		{"off, managed by a policy", func(e *Evidence) {
			e.RuntimeMonitoring.State, e.AccountSetting, e.RuntimeMonitoring.ManagedBy = Off, Off, "GUARDDUTY_POLICY"
		}, []Finding{{Level: LevelAccount, Cause: RuntimeMonitoringOff, Certainty: Proof, Tasks: 1, ByPolicy: true}}},
		{"off, no tasks, unhealthy", func(e *Evidence) { e.AccountSetting, e.RuntimeMonitoring.State, e.Tasks = Off, Off, nil }, []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Proof, 0)}},
		{"off, no tasks, not listed", func(e *Evidence) { e.RuntimeMonitoring.State, e.Tasks, e.Row = Off, nil, nil }, nil},
		{"off, agent stopped", func(e *Evidence) {
			agent(stoppedAgent(1, ""))(e)
			e.RuntimeMonitoring.State, e.AgentManagement.State, e.Tags[managedTag] = Off, Off, "false"
		}, []Finding{onOrders(AgentExited, Proof)}},
		{"agent management off", func(e *Evidence) { e.AgentManagement.State = Off }, []Finding{onAll(LevelAccount, AgentManagementOff, Proof, 1)}},
		{"agent management off, other tags", func(e *Evidence) { e.AgentManagement.State, e.Tags = Off, map[string]string{managedTag: "True"} }, []Finding{onAll(LevelAccount, AgentManagementOff, Proof, 1)}},
		{"agent management off, tags unknown", func(e *Evidence) { e.AgentManagement.State, e.Tags = Off, nil }, []Finding{onAll(LevelAccount, AgentManagementOff, Strong, 1)}},
		{"agent management off, included", func(e *Evidence) { e.AgentManagement.State, e.Tags[managedTag] = Off, "true" }, []Finding{onOrders(ClusterWasExcluded, Hint)}},
		{"agent management unknown", func(e *Evidence) { e.AgentManagement = Setting{} }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"excluded", func(e *Evidence) { e.Tags[managedTag] = "false" }, []Finding{onAll(LevelCluster, ClusterExcluded, Strong, 1)}},
		{"excluded, no tasks", func(e *Evidence) { e.Tags[managedTag], e.Tasks = "false", nil }, []Finding{onAll(LevelCluster, ClusterExcluded, Proof, 0)}},
		{"excluded, agents run", func(e *Evidence) { agent(runningAgent())(e); e.Tags[managedTag], e.Row = "false", row("HEALTHY") }, nil},
		{"key in lower case", func(e *Evidence) { e.Tags["guarddutymanaged"] = "false" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"off, excluded and no role", func(e *Evidence) {
			e.AgentManagement.State, e.Tags[managedTag], e.TaskDefinitions[orders] = Off, "false", TaskDefinition{}
		}, []Finding{
			onAll(LevelAccount, AgentManagementOff, Proof, 1), onAll(LevelCluster, ClusterExcluded, Strong, 1), onDefinition(NoExecutionRole, Proof),
		}},
		{"off, launch type unknown", func(e *Evidence) {
			e.RuntimeMonitoring.State, e.AccountSetting, e.Tasks[0].LaunchType = Off, Off, "NEW"
		}, []Finding{
			onAll(LevelAccount, RuntimeMonitoringOff, Proof, 1), onOrders(UnknownReason, NoCertainty),
		}},
	}
}

func platformCases() []testCase {
	windows := onOrders(Windows, Proof)
	return []testCase{
		{"managed instances", func(e *Evidence) { e.Tasks[0].LaunchType = "MANAGED_INSTANCES" }, []Finding{onOrders(ManagedInstances, Proof)}},
		{"managed instances, Runtime Monitoring off", func(e *Evidence) { e.Tasks[0].LaunchType, e.AccountSetting = "MANAGED_INSTANCES", Off }, []Finding{onOrders(ManagedInstances, Proof)}},
		{"anywhere", func(e *Evidence) { e.Tasks[0].LaunchType = "EXTERNAL" }, []Finding{onOrders(ECSAnywhere, Proof)}},
		{"launch type unknown", func(e *Evidence) { e.Tasks[0].LaunchType, e.TaskDefinitions[orders] = "NEW", TaskDefinition{} }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"launch type missing", func(e *Evidence) { e.Tasks[0].LaunchType, e.TaskDefinitions[orders] = "", TaskDefinition{} }, []Finding{onDefinition(NoExecutionRole, Proof)}},
		{"Windows", func(e *Evidence) {
			e.Tasks[0].PlatformFamily, e.Tasks[0].PlatformVersion = "windows_server_2022_core", "1.0.0"
		}, []Finding{windows}},
		{"Windows by task definition", func(e *Evidence) {
			e.Tasks[0].PlatformFamily, e.TaskDefinitions[orders] = "", TaskDefinition{OSFamily: "WINDOWS_SERVER_2025_CORE"}
		}, []Finding{windows}},
		{"Linux, definition of Windows", func(e *Evidence) {
			e.TaskDefinitions[orders] = TaskDefinition{ExecutionRole: "r", OSFamily: "WINDOWS"}
		}, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"platform version 1.3.0", func(e *Evidence) { e.Tasks[0].PlatformVersion = "1.3.0" }, []Finding{onOrders(PlatformVersion, Proof)}},
		{"platform version 1.10.0", func(e *Evidence) { e.Tasks[0].PlatformVersion = "1.10.0" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"platform version LATEST", func(e *Evidence) { e.Tasks[0].PlatformVersion = "LATEST" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"architecture", func(e *Evidence) { e.Tasks[0].CPUArchitecture = "riscv64" }, []Finding{onOrders(CPUArchitecture, Proof)}},
		{"architecture of the task definition", func(e *Evidence) {
			e.Tasks[0].CPUArchitecture, e.TaskDefinitions[orders] = "", TaskDefinition{ExecutionRole: "r", CPUArchitecture: "RISCV64"}
		}, []Finding{onOrders(CPUArchitecture, Proof)}},
		{"architecture unknown", func(e *Evidence) { e.Tasks[0].CPUArchitecture = "" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"old ARN", func(e *Evidence) { e.Tasks[0].ARN = ecsARN + "task/0123456789abcdef" }, []Finding{onOrders(OldTaskARN, Proof)}},
		{"no ARN", func(e *Evidence) { e.Tasks[0].ARN = "task/0123456789abcdef" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"no execution role", func(e *Evidence) { e.TaskDefinitions[orders] = TaskDefinition{} }, []Finding{onDefinition(NoExecutionRole, Proof)}},
		{"no execution role, agent stopped", func(e *Evidence) {
			agent(stoppedAgent(-1, pulling+"403 Forbidden"))(e)
			e.TaskDefinitions[orders] = TaskDefinition{}
		}, []Finding{onDefinition(NoExecutionRole, Proof)}},
		{"execution role of the overrides", func(e *Evidence) { e.TaskDefinitions[orders], e.Tasks[0].ExecutionRole = TaskDefinition{}, "r" }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"task definition unknown", func(e *Evidence) { delete(e.TaskDefinitions, orders) }, []Finding{onOrders(UnknownReason, NoCertainty)}},
		{"two causes", func(e *Evidence) { e.Tasks[0].PlatformVersion, e.TaskDefinitions[orders] = "1.3.0", TaskDefinition{} }, []Finding{
			onOrders(PlatformVersion, Proof), onDefinition(NoExecutionRole, Proof),
		}},
	}
}

func agentCases() []testCase {
	exited, outOfMemory := onOrders(AgentExited, Proof), onOrders(AgentOutOfMemory, Proof)
	denied, unreachable := onDefinition(ImagePullDenied, Strong), onDefinition(ImagePullUnreachable, Strong)
	named := func(name, image string) func(*Evidence) {
		return agent(Container{Name: name, Image: image, LastStatus: "RUNNING"})
	}
	tooOld := []Finding{onOrders(UnknownReason, NoCertainty)}
	return []testCase{
		{"pull denied", agent(stoppedAgent(-1, pulling+"unexpected status from HEAD request: 403 Forbidden")), []Finding{denied}},
		{"pull not authorized", agent(stoppedAgent(-1, pulling+"AccessDeniedException: User is not authorized to perform: ecr:BatchGetImage")), []Finding{denied}},
		{"pull unreachable", agent(stoppedAgent(-1, pulling+"dial tcp 10.0.0.1:443: i/o timeout")), []Finding{unreachable}},
		{"no such host", agent(stoppedAgent(-1, pulling+"lookup api.ecr: no such host")), []Finding{unreachable}},
		{"deadline", agent(stoppedAgent(-1, pulling+"context deadline exceeded")), []Finding{unreachable}},
		{"pull, reason unknown", agent(stoppedAgent(-1, pulling+"id 4034 not found")), []Finding{
			onDefinition(ImagePullDenied, Hint), onDefinition(ImagePullUnreachable, Hint),
		}},
		{"out of memory", agent(stoppedAgent(137, "OutOfMemoryError: Container killed due to memory usage")), []Finding{outOfMemory}},
		{"exit code 137", agent(stoppedAgent(137, "")), []Finding{onOrders(AgentOutOfMemory, Strong)}},
		{"exit code 1", agent(stoppedAgent(1, "")), []Finding{exited}},
		{"exit code 0", agent(stoppedAgent(0, "")), []Finding{exited}},
		{"stopped without exit code", agent(stoppedAgent(-1, "CannotStartContainerError: id 1")), []Finding{exited}},
		{"status unknown", agent(Container{Name: "aws-gd-agent", Image: anImage, LastStatus: "NEW"}), tooOld},
		{"agent running", agent(runningAgent()), []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"agent running, other name", named("aws-gd-agent", anImage+"@sha256:00"), []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"user's container", named("aws-guardduty-agent-x", "example.com/aws-guardduty-agent-fargate-mirror:v1"), tooOld},
		{"user's container, image of the agent", named("mine", anImage), tooOld},
		{"user's container, registry with port", named("aws-gd-agent", "example.com:5000/aws-gd-agent"), tooOld},
		{"user's and GuardDuty's", func(e *Evidence) {
			e.Tasks[0] = task(Container{Name: "aws-gd-agent", Image: "x", LastStatus: "RUNNING"}, stoppedAgent(2, ""))
		}, []Finding{exited}},
		{"two agents, one runs", func(e *Evidence) {
			e.Tasks[0], e.Row = task(stoppedAgent(2, ""), runningAgent(), stoppedAgent(1, "")), row("HEALTHY")
		}, nil},
		{"two agents, one waits", func(e *Evidence) {
			waits := runningAgent()
			waits.LastStatus = "PENDING"
			e.Tasks[0] = task(waits, stoppedAgent(2, ""), waits)
		}, []Finding{exited}},
	}
}

func startCases() []testCase {
	old := enabled().Add(-time.Minute)
	standaloneTask := func(e *Evidence) { e.Tasks[0].Group = "cron"; e.Services = nil }
	onFamily := Finding{Level: LevelService, Subject: "family:orders", Service: "family:orders", Cause: TaskTooOld, Certainty: Strong, Tasks: 1}
	unknown := []Finding{onOrders(UnknownReason, NoCertainty)}
	excludedIssue := "Agent not provisioned: Task definition - 'orders:42' exclusion tag"
	return []testCase{
		{"excluded when it started", func(e *Evidence) {
			e.Row = row("UNHEALTHY", "exclusion tag, for tasks in TaskDefinition - 'orders:42'")
		}, []Finding{onOrders(ClusterWasExcluded, Hint)}},
		{"another definition was excluded", func(e *Evidence) { e.Row = row("HEALTHY", "exclusion tag, for tasks in TaskDefinition - 'others:1'") }, unknown},
		{"excluded now and then", func(e *Evidence) { e.Row, e.Tags[managedTag] = row("UNHEALTHY", excludedIssue), "false" }, []Finding{onAll(LevelCluster, ClusterExcluded, Strong, 1)}},
		{"standalone task too old", func(e *Evidence) { standaloneTask(e); e.Tasks[0].CreatedAt = old }, []Finding{onFamily}},
		{"task older than the feature alone", func(e *Evidence) {
			standaloneTask(e)
			e.Tasks[0].CreatedAt, e.AgentManagement = enabled().Add(-2*time.Hour), Setting{}
		}, []Finding{onFamily}},
		{"time of the task unknown", func(e *Evidence) { e.Tasks[0].CreatedAt = time.Time{} }, unknown},
		{"times of the settings unknown", func(e *Evidence) {
			e.RuntimeMonitoring.UpdatedAt, e.AgentManagement.UpdatedAt, e.Services[0].Deployed = time.Time{}, time.Time{}, old
		}, unknown},
		{"deployment too old", func(e *Evidence) { e.Services[0].Deployed = old }, []Finding{onOrders(DeploymentTooOld, Strong)}},
		{"deployment of an unnamed controller", func(e *Evidence) { e.Services[0].Deployed, e.Services[0].Controller = old, "" }, []Finding{onOrders(DeploymentTooOld, Strong)}},
		{"deployment at the same time", func(e *Evidence) { e.Services[0].Deployed = enabled() }, unknown},
		{"task set too old", func(e *Evidence) { e.Services[0].Deployed, e.Services[0].Controller = old, "CODE_DEPLOY" }, []Finding{onOrders(TaskSetTooOld, Strong)}},
		{"task set of an external controller", func(e *Evidence) { e.Services[0].Deployed, e.Services[0].Controller = old, "EXTERNAL" }, []Finding{onOrders(TaskSetTooOld, Strong)}},
		{"controller unknown", func(e *Evidence) { e.Services[0].Deployed, e.Services[0].Controller = old, "NEW" }, unknown},
		{"redeployed, task too old", func(e *Evidence) { e.Tasks[0].CreatedAt = old }, []Finding{onOrders(TaskTooOld, Strong)}},
		{"service unknown, task too old", func(e *Evidence) { e.Services, e.Tasks[0].CreatedAt = nil, old }, []Finding{onOrders(TaskTooOld, Strong)}},
		{"old deployment with an agent", func(e *Evidence) {
			e.Services[0].Deployed, e.Tasks = old, append(e.Tasks, task(runningAgent()))
		}, unknown},
		{"included, deployed before the agent's management", func(e *Evidence) { e.Services[0].Deployed, e.Tags[managedTag] = old, "true" }, []Finding{onOrders(ClusterWasExcluded, Hint)}},
		{"invoker", func(e *Evidence) {
			e.Row = row("UNHEALTHY", "Unsupported invocation by FOO for task(s) in TaskDefinition - 'orders:42'")
		}, []Finding{onOrders(UnsupportedInvoker, Proof)}},
		{"invoker, definition not named", func(e *Evidence) { e.Row = row("UNHEALTHY", "Unsupported invocation by FOO") }, []Finding{onOrders(UnsupportedInvoker, Hint)}},
		{"no interface", func(e *Evidence) { e.Tasks[0].NetworkInterface = Off }, []Finding{onOrders(NoNetworkConfiguration, Strong)}},
		{"no subnets", func(e *Evidence) { e.Tasks[0].NetworkInterface, e.Services[0].Subnets = Unknown, Off }, []Finding{onOrders(NoNetworkConfiguration, Strong)}},
		{"no subnets, but an interface", func(e *Evidence) { e.Services[0].Subnets = Off }, unknown},
		{"interface unknown", func(e *Evidence) { e.Tasks[0].NetworkInterface = Unknown }, unknown},
	}
}

func rowCases() []testCase {
	old := runningAgent()
	old.Image = "example.com/aws-guardduty-agent-fargate:v1.17.0-Fg_arm64"
	reporting := func(c Container, issues ...string) func(*Evidence) {
		return func(e *Evidence) { agent(c)(e); e.Row = row("UNHEALTHY", issues...) }
	}
	notReporting := "Agent not reporting for tasks in TaskDefinition - 'orders:42'"
	endpoint := "VPC Endpoint Creation Failed; for task in TaskDefinition - 'orders:42'"
	return []testCase{
		{"too early", func(e *Evidence) {
			reporting(runningAgent(), notReporting)(e)
			e.ReadAt = e.Tasks[0].CreatedAt.Add(15*time.Minute - 1)
		}, []Finding{onOrders(TooEarly, Strong)}},
		{"too early, not listed", func(e *Evidence) { agent(runningAgent())(e); e.Row, e.ReadAt = nil, e.Tasks[0].CreatedAt }, []Finding{onOrders(TooEarly, Strong)}},
		{"agent starts", func(e *Evidence) {
			starting := runningAgent()
			starting.LastStatus = "PENDING"
			agent(starting)(e)
			e.ReadAt = e.Tasks[0].CreatedAt
		}, []Finding{onOrders(TooEarly, Strong)}},
		{"agent starts in a healthy cluster", func(e *Evidence) {
			starting := runningAgent()
			starting.LastStatus = "PENDING"
			agent(starting)(e)
			e.ReadAt, e.Row = e.Tasks[0].CreatedAt, row("HEALTHY")
		}, []Finding{onOrders(TooEarly, Strong)}},
		{"stopped agent in a young task", func(e *Evidence) { agent(stoppedAgent(1, ""))(e); e.ReadAt = e.Tasks[0].CreatedAt }, []Finding{onOrders(AgentExited, Proof)}},
		{"created later than read", func(e *Evidence) { agent(runningAgent())(e); e.ReadAt = e.Tasks[0].CreatedAt.Add(-1) }, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"not reporting after 15 minutes", func(e *Evidence) {
			reporting(runningAgent(), notReporting)(e)
			e.ReadAt = e.Tasks[0].CreatedAt.Add(15 * time.Minute)
		}, []Finding{
			onOrders(TelemetryDenied, Hint), onOrders(VPCEndpoint, Hint),
		}},
		{"old agent does not report", reporting(old, notReporting), []Finding{onOrders(TelemetryDenied, Hint), onOrders(VPCEndpoint, Hint)}},
		{"endpoint", reporting(runningAgent(), endpoint), []Finding{onOrders(VPCEndpoint, Hint)}},
		{"endpoint, old agent", reporting(old, endpoint), []Finding{onOrders(VPCEndpoint, Strong)}},
		{"endpoint of no definition, old agent", reporting(old, "VPC Endpoint Creation Failed"), []Finding{onOrders(VPCEndpoint, Hint)}},
		{"endpoint in China", func(e *Evidence) { reporting(runningAgent(), endpoint)(e); e.Cluster.Region = "cn-north-1" }, []Finding{onOrders(VPCEndpoint, Strong)}},
		{"shared VPC", reporting(old, "VPC endpoint creation not supported for shared VPC vpc-1; for task in TaskDefinition - 'orders:42'"), []Finding{onOrders(SharedVPC, Hint)}},
		{"task gone", reporting(runningAgent(), "Agent not reporting for tasks in TaskDefinition - 'gone:7'"), []Finding{
			{Level: LevelTaskDefinition, Subject: "gone:7", Cause: TaskGone, Certainty: Strong},
		}},
		{"definition in another form", reporting(runningAgent(), "Unidentified issue for tasks in TaskDefinition - 'gone'"), []Finding{
			onAll(LevelCluster, UnknownReason, NoCertainty, 1),
		}},
		{"definition by its ARN", reporting(runningAgent(), "Agent not reporting for tasks in TaskDefinition - '"+orders+"'"), []Finding{
			onOrders(TelemetryDenied, Hint), onOrders(VPCEndpoint, Hint),
		}},
		{"task gone, truncated", func(e *Evidence) {
			reporting(runningAgent(), "Agent not reporting for tasks in TaskDefinition - 'gone:7'")(e)
			e.Truncated = true
		}, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"task stopped", func(e *Evidence) { reporting(runningAgent(), notReporting)(e); e.Tasks[0].LastStatus = "STOPPED" }, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 0)}},
		{"stopped task, pull denied", func(e *Evidence) {
			reporting(stoppedAgent(-1, pulling+"403 Forbidden"), "Agent exited: Reason: CannotPullContainerError for tasks in TaskDefinition - 'orders:42'")(e)
			e.Tasks[0].LastStatus = "STOPPED"
		}, []Finding{{Level: LevelTaskDefinition, Subject: "orders:42", Service: "orders", Cause: ImagePullDenied, Certainty: Strong}}},
		{"stopped task, agent stopped with it", func(e *Evidence) {
			reporting(stoppedAgent(137, ""), notReporting)(e)
			e.Tasks[0].LastStatus = "STOPPED"
		}, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 0)}},
		{"running and stopped tasks of a definition", func(e *Evidence) {
			reporting(runningAgent(), notReporting)(e)
			e.Tasks = append(e.Tasks, task(stoppedAgent(-1, pulling+"403")))
			e.Tasks[1].LastStatus = "STOPPED"
		}, []Finding{onOrders(TelemetryDenied, Hint), onOrders(VPCEndpoint, Hint)}},
		{"not listed", func(e *Evidence) { agent(runningAgent())(e); e.Row = nil }, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"not listed, no tasks", func(e *Evidence) { e.Row, e.Tasks = nil, nil }, nil},
		{"no tasks", func(e *Evidence) { e.Tasks = nil }, []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 0)}},
	}
}

func instanceCases() []testCase {
	const arn, id = ecsARN + "container-instance/shop/1", "i-0123456789abcdef0"
	onEC2 := func(instances map[string]coverage.Resource, changes ...func(*Evidence)) func(*Evidence) {
		return func(e *Evidence) {
			e.Tasks[0].LaunchType, e.Tasks[0].PlatformVersion, e.Tasks[0].ContainerInstance = "EC2", "", arn
			e.InstanceIDs, e.Instances = map[string]string{arn: id}, instances
			for _, change := range changes {
				change(e)
			}
		}
	}
	unhealthy := map[string]coverage.Resource{id: instance("UNHEALTHY", "No Agent Reporting")}
	found := Finding{Level: LevelInstance, Subject: id, Service: "orders", Cause: EC2Task, Certainty: Proof, Tasks: 1}
	notListed := found
	notListed.Certainty = Strong
	hint := onOrders(EC2Task, Hint)
	return []testCase{
		{"instance unhealthy", onEC2(unhealthy), []Finding{found}},
		{"instance unhealthy, Runtime Monitoring off", onEC2(unhealthy, func(e *Evidence) { e.AccountSetting, e.AgentManagement.State, e.Tags[managedTag] = Off, Off, "false" }), []Finding{
			onAll(LevelAccount, RuntimeMonitoringOff, Strong, 1), found,
		}},
		{"instance unhealthy and a task without agent, Runtime Monitoring off", onEC2(unhealthy, func(e *Evidence) {
			e.AccountSetting, e.Tasks = Off, append(e.Tasks, task())
		}), []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Strong, 2), found}},
		{"instance not listed", onEC2(map[string]coverage.Resource{}), []Finding{notListed}},
		{"instance healthy", onEC2(map[string]coverage.Resource{id: instance("HEALTHY")}, func(e *Evidence) { e.Row = row("HEALTHY") }), nil},
		{"instances not read, cluster healthy", onEC2(nil, func(e *Evidence) { e.Row = row("HEALTHY") }), nil},
		{"instances not read", onEC2(nil), []Finding{hint}},
		{"instances not read, some not covered", onEC2(nil, func(e *Evidence) { e.Row.Covered, e.Row.Compatible = 1, 2 }), []Finding{hint}},
		{"instances not read, all covered", onEC2(nil, func(e *Evidence) { e.Row.Covered, e.Row.Compatible = 2, 2 }), []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 1)}},
		{"instances not read, not listed", onEC2(nil, func(e *Evidence) { e.Row = nil }), []Finding{hint}},
		{"instances not read, Runtime Monitoring off", onEC2(nil, func(e *Evidence) {
			e.Row, e.RuntimeMonitoring.State, e.AccountSetting = nil, Off, Off
		}), []Finding{onAll(LevelAccount, RuntimeMonitoringOff, Proof, 1), hint}},
		{"instance ID unknown", onEC2(unhealthy, func(e *Evidence) { e.InstanceIDs = nil }), []Finding{hint}},
		{"stopped task", onEC2(unhealthy, func(e *Evidence) {
			e.Row, e.Tasks[0].LastStatus = row("UNHEALTHY", "Unidentified issue, for tasks in TaskDefinition - 'orders:42'"), "STOPPED"
		}), []Finding{onAll(LevelCluster, UnknownReason, NoCertainty, 0)}},
	}
}

func refusalCases() []testCase {
	refuse := func(actions ...string) func(*Evidence) {
		return func(e *Evidence) {
			for _, a := range actions {
				e.Refusals = append(e.Refusals, Refusal{Action: a, Denied: true, Reason: "AccessDeniedException"})
			}
		}
	}
	refused := onAll(LevelCluster, Denied, NoCertainty, 0)
	return []testCase{
		{"services denied", refuse("ecs:DescribeServices"), []Finding{refused, onOrders(Denied, NoCertainty)}},
		{"services denied, explained", func(e *Evidence) { refuse("ecs:DescribeServices")(e); e.Tasks[0].PlatformVersion = "1.3.0" }, []Finding{onOrders(PlatformVersion, Proof), refused}},
		{"services denied, covered", func(e *Evidence) {
			refuse("ecs:DescribeServices")(e)
			e.Tasks[0], e.Row = task(runningAgent()), row("HEALTHY")
		}, []Finding{refused}},
		{"account setting denied", refuse("ecs:ListAccountSettings"), []Finding{onAll(LevelAccount, Denied, NoCertainty, 0), onOrders(Denied, NoCertainty)}},
		{"role denied", func(e *Evidence) { refuse("sts:AssumeRole")(e); e.Tasks = nil }, []Finding{onAll(LevelAccount, Denied, NoCertainty, 0)}},
		{"task gone, tasks denied", func(e *Evidence) {
			refuse("ecs:ListTasks", "ecs:DescribeTasks")(e)
			e.Tasks, e.Row = nil, row("UNHEALTHY", "Agent not reporting for tasks in TaskDefinition - 'gone:7'")
		}, []Finding{refused, refused}},
	}
}

func TestDiagnose(t *testing.T) {
	covered := map[Cause]bool{}
	for group, cases := range map[string][]testCase{
		"account": accountCases(), "platform": platformCases(), "agent": agentCases(), "start": startCases(),
		"row": rowCases(), "instance": instanceCases(), "refusal": refusalCases(),
	} {
		for _, c := range cases {
			t.Run(group+"/"+c.name, func(t *testing.T) {
				e := shop()
				c.change(&e)
				got := Diagnose(e).Findings
				for i := range got {
					covered[got[i].Cause] = true
					if got[i].Evidence == "" || got[i].Who == "" {
						t.Errorf("incomplete: %+v", got[i])
					}
				}
				if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Finding{}, "Evidence", "Who")); diff != "" {
					t.Errorf("-want +got:\n%s\n%+v", diff, got)
				}
			})
		}
	}
	for _, c := range Causes() {
		if !covered[c.Cause] {
			t.Errorf("no case finds %s", c.Cause)
		}
	}
}
