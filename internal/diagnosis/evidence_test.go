package diagnosis

import (
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestEvidence compares what the only finding of an evidence is based on.
func TestEvidence(t *testing.T) {
	const arn, id = ecsARN + "container-instance/shop/1", "i-0123456789abcdef0"
	onInstance := func(instances map[string]coverage.Resource) func(*Evidence) {
		return func(e *Evidence) {
			e.Tasks[0].LaunchType, e.Tasks[0].ContainerInstance = ec2, arn
			e.InstanceIDs, e.Instances = map[string]string{arn: id}, instances
		}
	}
	for want, change := range map[string]func(*Evidence){
		"ECS_FARGATE_AGENT_MANAGEMENT is disabled, and the cluster does not have the tag GuardDutyManaged=true. It is managed by GUARDDUTY_POLICY.": func(e *Evidence) {
			e.AgentManagement = Setting{State: Off, ManagedBy: "GUARDDUTY_POLICY"}
		},
		"The tasks run on an EC2 instance that GuardDuty does not list.": onInstance(map[string]coverage.Resource{}),
		"The tasks run on an EC2 instance that GuardDuty reports as UNKNOWN.": onInstance(map[string]coverage.Resource{
			id: instance(""),
		}),
		"The tasks run on an EC2 instance that GuardDuty reports as UNHEALTHY: kernel_unsupported, unclassified.": onInstance(map[string]coverage.Resource{
			id: instance("UNHEALTHY", "kernel version", "new", "newer"),
		}),
		"The tasks run on platform version 1.3.0; the agent needs 1.4.0.": func(e *Evidence) { e.Tasks[0].PlatformVersion = "1.3.0" },
		"The agent's container has stopped with exit code 3 (CannotStartContainerError), and the task continues to run without it.": agent(
			stoppedAgent(3, "CannotStartContainerError: id 0123")),
		"The agent's container has stopped, and the task continues to run without it.": agent(stoppedAgent(-1, "")),
		"The agent's container was killed (exit code 137), most often because it ran out of memory. The task has 512 MiB of memory.": agent(
			stoppedAgent(137, "")),
		"The agent's container has stopped with the reason OutOfMemoryError.": func(e *Evidence) {
			e.Tasks[0] = task(stoppedAgent(137, "OutOfMemoryError: killed"))
			e.Tasks[0].Memory = 0
		},
		"The service's deployment was created at 2026-11-28T07:00:00Z; the agent's settings were last changed at 2026-11-28T08:00:00Z.": func(e *Evidence) {
			e.Services[0].Deployed = enabled().Add(-time.Hour).In(time.FixedZone("", 3600))
		},
		"GuardDuty's issue unsupported_service is about their task definition: Unsupported invocation by FOO for task(s) in TaskDefinition - 'orders:42'": func(e *Evidence) {
			e.Row = row("UNHEALTHY", "Unsupported invocation by FOO for task(s) in TaskDefinition - 'orders:42'")
		},
		"The tasks run without the agent, with the launch type NEW.":                         func(e *Evidence) { e.Tasks[0].LaunchType = "NEW" },
		`The tasks run without the agent, with the launch type "".`:                          func(e *Evidence) { e.Tasks[0].LaunchType, e.Tasks[0].PlatformVersion = "", "" },
		"The tasks run without the agent. When Runtime Monitoring was enabled is not known.": func(e *Evidence) { e.RuntimeMonitoring.UpdatedAt = time.Time{} },
		"The tasks run without the agent, and nothing that was read explains it.":            func(*Evidence) {},
		"The agent's container has the status PENDING.":                                      agent(Container{Name: "aws-gd-agent", Image: anImage, LastStatus: "PENDING"}),
		"GuardDuty reports the cluster as UNHEALTHY, and nothing that was read explains it.": agent(runningAgent()),
		"GuardDuty reports the cluster as UNHEALTHY, and nothing that was read explains it. Not all tasks were read.": func(e *Evidence) {
			agent(runningAgent())(e)
			e.Truncated = true
		},
		"GuardDuty does not list the cluster, and nothing that was read explains it.":                    func(e *Evidence) { e.Row = nil; agent(runningAgent())(e) },
		"ecs:DescribeServices was denied (AccessDeniedException).":                                       refusedAndCovered(Refusal{"ecs:DescribeServices", true, "AccessDeniedException"}),
		"ecs:DescribeServices failed.":                                                                   refusedAndCovered(Refusal{Action: "ecs:DescribeServices"}),
		"The tasks' ARNs have the old format, without the name of the cluster.":                          func(e *Evidence) { e.Tasks[0].ARN = ecsARN + "task/1" },
		"The agent runs, and GuardDuty's issue vpc_endpoint is about the cluster: VPC endpoint is wrong": func(e *Evidence) { agent(runningAgent())(e); e.Row = row("UNHEALTHY", "VPC endpoint is wrong") },
	} {
		e := shop()
		change(&e)
		if got := Diagnose(e).Findings; len(got) != 1 || got[0].Evidence != want {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
}

func refusedAndCovered(r Refusal) func(*Evidence) {
	return func(e *Evidence) {
		agent(runningAgent())(e)
		e.Row, e.Refusals = row("HEALTHY"), []Refusal{r}
	}
}

func TestTasksOfAServiceShareAFinding(t *testing.T) {
	e := shop()
	e.Services[0].Deployed = enabled().Add(-time.Hour)
	other := task()
	other.Group, other.CreatedAt = "cron", enabled().Add(-time.Hour)
	e.Tasks = []Task{task(), other, task(), task()}
	d := Diagnose(e)
	if len(d.Findings) != 2 || d.Findings[0].Cause != TaskTooOld || d.Findings[0].Tasks != 1 || d.Findings[1].Tasks != 3 {
		t.Errorf("%+v", d.Findings)
	}
	if len(d.Services) != 2 || d.Services[0].Service != "family:orders" || d.Services[1].Tasks[AgentMissing] != 3 {
		t.Errorf("%+v", d.Services)
	}
}

func TestTasksRead(t *testing.T) {
	for _, c := range []struct {
		tasks   []Task
		refused string
		want    bool
	}{
		{nil, "", true},
		{nil, "sts:AssumeRole", false},
		{[]Task{task()}, "", true},
		{[]Task{task()}, "ecs:DescribeServices", true},
		{[]Task{task()}, "ecs:ListTasks", false},
		{[]Task{task()}, "ecs:DescribeTasks", false},
	} {
		e := shop()
		e.Tasks = c.tasks
		if c.refused != "" {
			e.Refusals = []Refusal{{Action: c.refused}}
		}
		if got := Diagnose(e).TasksRead; got != c.want {
			t.Errorf("%d tasks, %q refused: %v", len(c.tasks), c.refused, got)
		}
	}
}

func TestNamesOfGroups(t *testing.T) {
	for _, c := range []struct{ group, definition, want string }{
		{"service:orders", orders, "orders"},
		{"service:", orders, "family:orders"},
		{"family:other", orders, "family:orders"},
		{"family:other", "", "family:other"},
		{"", "", "family:"},
	} {
		e := shop()
		e.Tasks[0].Group, e.Tasks[0].TaskDefinition = c.group, c.definition
		if got := Diagnose(e).Services[0].Service; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
