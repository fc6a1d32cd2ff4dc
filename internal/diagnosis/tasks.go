package diagnosis

import (
	"cmp"
	"slices"
	"strings"
)

// The statuses of tasks and containers that matter.
const (
	running = "RUNNING"
	stopped = "STOPPED"
)

// The launch types of ECS (read November 2026).
const (
	fargate          = "FARGATE"
	ec2              = "EC2"
	external         = "EXTERNAL"
	managedInstances = "MANAGED_INSTANCES"
)

// examined is a task under examination.
type examined struct {
	*Task
	service    string // or "family:" and the family
	definition string // family:revision
	running    bool
	agent      Agent
	container  *Container // of the agent; nil if there is none
	explained  bool       // a finding explains why its agent does not work
}

func examine(t *Task) examined {
	x := examined{Task: t, definition: Revision(t.TaskDefinition), running: t.LastStatus == running}
	x.service = groupOf(t)
	x.container = agentContainer(t)
	switch {
	case x.container != nil && x.container.LastStatus == running:
		x.agent = AgentRunning
	case x.container != nil && x.container.LastStatus == stopped:
		x.agent = AgentStopped
	case x.container != nil:
		x.agent = AgentMissing // not yet, or not known to run
	case !t.MayHaveContainer():
		x.agent = AgentNotApplicable
	default:
		x.agent = AgentMissing
	}
	return x
}

// MayHaveContainer reports whether GuardDuty may add an agent container to the task:
// not if the agent is on the instance or the launch type is not supported.
func (t *Task) MayHaveContainer() bool {
	return t.LaunchType != ec2 && t.LaunchType != external && t.LaunchType != managedInstances
}

// withoutContainer reports whether GuardDuty should have added a container to the
// task and has not.
func (t *examined) withoutContainer() bool { return t.agent == AgentMissing && t.container == nil }

// onFargate reports whether the task is known to run on Fargate. Only Fargate's
// tasks have a platform version.
func (t *Task) onFargate() bool {
	return t.LaunchType == fargate || t.LaunchType == "" && t.PlatformVersion != ""
}

// groupOf returns what a task is counted under: its service, or "family:" and its
// family, because the caller of RunTask chooses the group of a standalone task.
func groupOf(t *Task) string {
	if service, ok := strings.CutPrefix(t.Group, "service:"); ok && service != "" {
		return service
	}
	family, _, _ := strings.Cut(Revision(t.TaskDefinition), ":")
	if family == "" {
		family = strings.TrimPrefix(t.Group, standalone)
	}
	return standalone + family
}

// standalone precedes the family of tasks without a service.
const standalone = "family:"

// Revision returns the family:revision of a task definition's ARN.
func Revision(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// definitionOf returns the task definition of a task, if it is known.
func (x *examination) definitionOf(t *examined) (TaskDefinition, bool) {
	d, ok := x.TaskDefinitions[t.TaskDefinition]
	return d, ok
}

// serviceTasks counts the running tasks.
func (x *examination) serviceTasks() []ServiceTasks {
	counts := map[string]map[Agent]int{}
	for i := range x.tasks {
		t := &x.tasks[i]
		if !t.running {
			continue
		}
		if counts[t.service] == nil {
			counts[t.service] = map[Agent]int{}
		}
		counts[t.service][t.agent]++
	}
	var services []ServiceTasks
	for name, tasks := range counts {
		services = append(services, ServiceTasks{Service: name, Tasks: tasks})
	}
	slices.SortFunc(services, func(a, b ServiceTasks) int { return cmp.Compare(a.Service, b.Service) })
	return services
}

// examineTask looks for why a task has no working agent.
func (x *examination) examineTask(t *examined) {
	switch {
	case t.agent == AgentNotApplicable:
		x.examineLaunchType(t)
	case t.agent == AgentStopped:
		if x.hasNoExecutionRole(t) {
			x.addNoExecutionRole(t)
		} else {
			x.examineStoppedAgent(t)
		}
	case t.withoutContainer() && t.onFargate():
		x.examinePlatform(t)
		if !t.explained && !x.settled {
			x.examineStart(t)
		}
	}
}
