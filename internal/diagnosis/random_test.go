package diagnosis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// random makes evidence of few values, so that they meet often.
type random struct{ *rand.Rand }

func pick[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

func (r random) time() time.Time {
	return pick(r, time.Time{}, enabled().Add(-2*time.Hour), enabled(), enabled().Add(time.Hour), enabled().Add(10*time.Hour-time.Minute))
}

func (r random) evidence() Evidence {
	e := shop()
	e.Cluster.Region = pick(r, "eu-central-1", "eu-central-1", "cn-north-1")
	e.Row = pick(r, nil, row("HEALTHY"), row("UNHEALTHY"), row("UNHEALTHY", r.issue(), r.issue()), row("UNHEALTHY", r.issue()))
	if e.Row != nil {
		e.Row.Covered, e.Row.Compatible = int32(r.IntN(2)), int32(r.IntN(2))
	}
	setting := func() Setting {
		return Setting{State: pick(r, Unknown, On, On, On, Off), UpdatedAt: r.time(), ManagedBy: pick(r, "", "ACCOUNT", "GUARDDUTY_POLICY")}
	}
	e.RuntimeMonitoring, e.AgentManagement, e.AccountSetting = setting(), setting(), pick(r, Unknown, On, On, Off)
	e.Tags = pick(r, nil, map[string]string{}, map[string]string{managedTag: "true"}, map[string]string{managedTag: "false"}, map[string]string{managedTag: "?"})
	e.Services = nil
	for _, name := range []string{"orders", "cart"} {
		if r.IntN(4) > 0 {
			e.Services = append(e.Services, Service{
				Name: name, Controller: pick(r, "", "ECS", "CODE_DEPLOY", "EXTERNAL", "NEW"), Deployed: r.time(), Subnets: pick(r, Unknown, On, Off),
			})
		}
	}
	e.TaskDefinitions = map[string]TaskDefinition{}
	for n := range 3 {
		if r.IntN(4) > 0 {
			e.TaskDefinitions[r.definition(n)] = TaskDefinition{
				ExecutionRole: pick(r, "", "role", "role"), OSFamily: pick(r, "", "LINUX", "WINDOWS_SERVER_2022_CORE", "NEW"), CPUArchitecture: pick(r, "", "ARM64", "NEW"),
			}
		}
	}
	e.InstanceIDs = pick(r, nil, map[string]string{"a": "i-a"}, map[string]string{"a": "i-a", "b": "i-b"})
	e.Instances = pick(r, nil, map[string]coverage.Resource{}, map[string]coverage.Resource{"i-a": instance("HEALTHY"), "i-b": instance("UNHEALTHY", "kernel version")})
	e.Tasks = nil
	for range r.IntN(6) {
		e.Tasks = append(e.Tasks, r.task())
	}
	for range max(0, r.IntN(6)-3) {
		e.Refusals = append(e.Refusals, Refusal{
			Action: pick(r, "ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices", "ecs:ListAccountSettings", "sts:AssumeRole"),
			Denied: r.IntN(2) == 0, Reason: pick(r, "", "AccessDeniedException"),
		})
	}
	e.Truncated = r.IntN(5) == 0
	if r.IntN(3) == 0 {
		e.Deep = r.deep()
	}
	return e
}

func (r random) deep() *Deep {
	d := &Deep{
		Subnets: map[string]Subnet{}, Boundaries: map[string]string{},
		VPCs: map[string]VPC{"vpc-1": {DNSSupport: pick(r, Unknown, On, On, Off), DNSHostnames: pick(r, Unknown, On, On, Off)}},
	}
	for _, id := range []string{"subnet-1", "subnet-2"} {
		if r.IntN(4) > 0 {
			owner := pick(r, "111122223333", "111122223333", "222233334444")
			d.Subnets[id] = Subnet{VPC: pick(r, "vpc-1", "vpc-1", "vpc-2"), OwnerID: owner, CIDR: pick(r, "10.0.1.0/24", "10.0.1.0/24", "")}
		}
	}
	vpc := d.VPCs["vpc-1"]
	for n := range r.IntN(4) - 1 {
		vpc.Endpoints = append(vpc.Endpoints, Endpoint{
			ID: fmt.Sprint("vpce-", n), State: pick(r, "available", "available", "pending"), PrivateDNS: pick(r, Unknown, On, On, Off),
			Sources: pick(r, nil, []string{}, []string{"0.0.0.0/0"}, []string{"10.9.0.0/16"}, []string{"sg-1"}), Allows: pick(r, Unknown, On, On, Off),
		})
	}
	if vpc.Endpoints == nil && r.IntN(2) == 0 {
		vpc.Endpoints = []Endpoint{}
	}
	d.VPCs["vpc-1"] = vpc
	if r.IntN(2) == 0 {
		d.Boundaries["role"] = pick(r, "", aBoundary)
	}
	if r.IntN(4) == 0 {
		d.Refusals = []Refusal{{Action: pick(r, "ec2:DescribeSubnets", "iam:GetRole"), Denied: r.IntN(2) == 0}}
	}
	return d
}

func (r random) issue() string {
	suffix := pick(r, "", fmt.Sprintf(" for tasks in TaskDefinition - 'f%d:1'", r.IntN(4)))
	return pick(r, "Agent not reporting", "VPC Endpoint Creation Failed;", "shared VPC vpc-1;", "Unsupported invocation by FOO", "exclusion tag",
		"Unidentified issue,", "Agent exited: ExitCode: 1") + suffix
}

func (r random) definition(n int) string { return fmt.Sprintf("%stask-definition/f%d:1", ecsARN, n) }

func (r random) task() Task {
	t := Task{
		ARN:            pick(r, ecsARN+"task/shop/1", ecsARN+"task/shop/1", ecsARN+"task/shop/1", ecsARN+"task/1", ""),
		TaskDefinition: r.definition(r.IntN(3)), Group: pick(r, "service:orders", "service:cart", "family:x", "free text", ""),
		LaunchType: pick(r, fargate, fargate, fargate, fargate, ec2, external, managedInstances, "", "NEW"), PlatformFamily: pick(r, "Linux", "Linux", "", "Windows_Server"),
		PlatformVersion: pick(r, "1.4.0", "1.4.0", "1.3.0", "1.10.0", "", "LATEST"), CPUArchitecture: pick(r, "x86_64", "arm64", "", "NEW"),
		Memory: pick(r, 0, 512), ExecutionRole: pick(r, "", "", "role"), NetworkInterface: pick(r, Unknown, On, On, Off), Subnet: pick(r, "", "subnet-1", "subnet-2"),
		ContainerInstance: pick(r, "", "a", "b", "c"), LastStatus: pick(r, running, running, running, stopped, "PENDING", "NEW"), CreatedAt: r.time(),
	}
	for range pick(r, 0, 0, 1, 1, 2) {
		c := r.container()
		if !slices.ContainsFunc(t.Containers, func(other Container) bool { return other.Name == c.Name }) {
			t.Containers = append(t.Containers, c)
		}
	}
	return t
}

func (r random) container() Container {
	c := Container{
		Name:       pick(r, "orders", "aws-gd-agent", "aws-guardduty-agent-x", "aws-guardduty-agent-y"),
		Image:      pick(r, "", "orders:1", anImage, anImage, anImage+"@sha256:00", "example.com/aws-guardduty-agent-fargate:v1.9.0-Fg_x86_64", "x/aws-guardduty-agent-fargate/y:1"),
		LastStatus: pick(r, running, running, stopped, stopped, stopped, "PENDING", ""),
	}
	if c.LastStatus == stopped {
		c.Reason = pick(r, "", pulling+"403 Forbidden", pulling+"i/o timeout", pulling, "OutOfMemoryError: killed", "CannotStartContainerError: x")
		if code := pick(r, -1, 0, 1, 137); code >= 0 {
			c.ExitCode = &code
		}
	}
	return c
}
