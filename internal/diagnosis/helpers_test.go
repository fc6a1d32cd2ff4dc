package diagnosis

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	ecsARN  = "arn:aws:ecs:eu-central-1:111122223333:"
	orders  = ecsARN + "task-definition/orders:42"
	anImage = "323658145986.dkr.ecr.eu-central-1.amazonaws.com/aws-guardduty-agent-fargate:v1.17.1-Fg_arm64"
	pulling = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + anImage + ": "
)

// enabled is when the agent was enabled in the account of shop; it is read ten
// hours later.
func enabled() time.Time { return time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC) }

// shop returns the evidence of a cluster with one service, whose task has no
// agent for a reason that is unknown.
func shop() Evidence {
	return Evidence{
		Cluster:           Cluster{AccountID: "111122223333", Region: "eu-central-1", Name: "shop"},
		ReadAt:            enabled().Add(10 * time.Hour),
		Row:               row("UNHEALTHY"),
		RuntimeMonitoring: Setting{State: On, UpdatedAt: enabled().Add(-time.Hour)},
		AgentManagement:   Setting{State: On, UpdatedAt: enabled()},
		AccountSetting:    On,
		Tags:              map[string]string{},
		Services:          []Service{{Name: "orders", Controller: "ECS", Deployed: enabled().Add(time.Hour), Subnets: On}},
		Tasks:             []Task{task()},
		TaskDefinitions:   map[string]TaskDefinition{orders: {ExecutionRole: "arn:aws:iam::111122223333:role/execution"}},
		InstanceIDs:       map[string]string{},
		Instances:         map[string]coverage.Resource{},
	}
}

func task(containers ...Container) Task {
	return Task{
		ARN: ecsARN + "task/shop/0123456789abcdef0123456789abcdef", TaskDefinition: orders, Group: "service:orders",
		LaunchType: "FARGATE", PlatformFamily: "Linux", PlatformVersion: "1.4.0", CPUArchitecture: "x86_64", Memory: 512,
		NetworkInterface: On, LastStatus: "RUNNING", CreatedAt: enabled().Add(2 * time.Hour),
		Containers: append([]Container{{Name: "orders", Image: "public.ecr.aws/orders:1", LastStatus: "RUNNING"}}, containers...),
	}
}

func runningAgent() Container {
	return Container{Name: "aws-guardduty-agent-mfjGLB", Image: anImage, LastStatus: "RUNNING"}
}

// stoppedAgent returns a container of the agent; a negative code is none.
func stoppedAgent(code int, reason string) Container {
	c := runningAgent()
	c.LastStatus, c.Reason = "STOPPED", reason
	if code >= 0 {
		c.ExitCode = &code
	}
	return c
}

// row returns GuardDuty's row of the cluster.
func row(status string, issues ...string) *coverage.Resource {
	r := coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-central-1", Name: "shop"},
		Status: coverage.Status(status), Issues: issues,
	})
	return &r
}

// instance returns GuardDuty's row of an EC2 instance.
func instance(status string, issues ...string) coverage.Resource {
	return coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.EC2, AccountID: "111122223333", Region: "eu-central-1", Name: "i-0123456789abcdef0"},
		Status: coverage.Status(status), Issues: issues,
	})
}
