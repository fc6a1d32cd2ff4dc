package demo

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// ecsRoleName is the role of every account with which its ECS is read.
const ecsRoleName = "guardduty-coverage-ecs"

const launchEC2 = "EC2"

// workload adds what ECS has of a cluster to its row: services and tasks that
// explain the row's issues.
type workload struct {
	account *simulator.Account
	row     *simulator.Cluster
	cluster cluster
	// deployed is when services are deployed, unless that is the cause of an issue.
	deployed time.Time
}

// fillECS sets what ECS has of the cluster at step n.
func fillECS(a *simulator.Account, row *simulator.Cluster, c cluster, n int, deployed time.Time) {
	row.Tags = map[string]string{"team": a.Name}
	w := workload{a, row, c, deployed}
	if c.fargate {
		w.addWeb(n)
	}
	for _, incident := range c.incidents {
		if occurrence, active := incident.occurrence(n); active {
			for i, key := range incident.issues {
				w.addAffected(key, occurrence, i, incident.schedule == always())
			}
		}
	}
	if instances := c.instancesAt(n); len(instances) > 0 {
		service := w.service(c.name+"-ec2", c.name+"-ec2:1")
		service.LaunchType, service.NoNetwork = launchEC2, true
		w.define(&simulator.TaskDefinition{ExecutionRole: w.executionRoleARN(), LaunchType: launchEC2}, service.TaskDefinition)
		for _, i := range instances {
			w.add(1, simulator.Task{Service: service.Name, LaunchType: launchEC2, Instance: i.ID})
		}
	}
}

// addWeb adds the service with the suffix web. Its tasks have the agent unless an
// issue of the cluster at step n is about its deployment.
func (w *workload) addWeb(n int) {
	c := w.cluster
	service := w.service(c.name+"-web", c.name+"-web:1")
	w.define(&simulator.TaskDefinition{ExecutionRole: w.executionRoleARN()}, service.TaskDefinition)
	task := simulator.Task{Service: service.Name, Agent: &simulator.Container{}}
	for _, incident := range c.incidents {
		if _, active := incident.occurrence(n); !active {
			continue
		}
		switch {
		case slices.Contains(incident.issues, "new_deployment_required"):
			service.DeployedAt = w.deployed.AddDate(0, -7, 0) // before Runtime Monitoring
			if w.account.ID == administratorID {
				service.Controller = "CODE_DEPLOY"
			}
		case slices.Contains(incident.issues, "started_before_agent_configuration"):
			service.DeployedAt = w.deployed.AddDate(0, -5, -15) // after Runtime Monitoring
		default:
			continue
		}
		service.CreatedAt, task.CreatedAt, task.Agent = service.DeployedAt, service.DeployedAt, nil
	}
	w.add(3, task)
}

// addAffected adds the tasks that the issue is about, those of a task definition in
// a service of their own. index is that of the issue among those of its incident.
func (w *workload) addAffected(key string, occurrence, index int, permanent bool) {
	c := w.cluster
	sum := hashOf(c.account, c.region, c.name, key)
	named := func(placeholder string) string { return expand(placeholder, sum, c.name, c.account, occurrence) }
	task, standalone := affectedTask(key, permanent), false
	definition := &simulator.TaskDefinition{ExecutionRole: w.executionRoleARN()}
	switch key {
	case "new_deployment_required", "started_before_agent_configuration": // of the service web
		return
	case "exclusion_tag":
		standalone, task.ID = true, named("{task}")
		if !permanent { // the cluster still has the tag
			w.row.Tags["GuardDutyManaged"] = "false"
		}
	case "started_before_runtime_monitoring":
		standalone, task.ID, task.CreatedAt = true, named("{task}"), w.deployed.AddDate(0, -7, 0)
	case "unsupported_service":
		standalone = true
		if !permanent { // the issue is older than the tasks
			return
		}
	case "task_execution_role_missing":
		definition.ExecutionRole = ""
	}
	task.TaskDefinition = named("{td}")
	w.define(definition, task.TaskDefinition)
	if !standalone {
		service := w.service(c.name+"-"+[]string{"api", "jobs"}[index%2], task.TaskDefinition)
		service.Subnet, service.NoNetwork, task.Service = task.Subnet, task.NoNetwork, service.Name
		w.add(2, task)
		return
	}
	w.add(1, task)
}

// affectedTask returns a task that has the issue, as far as that is seen in the task.
func affectedTask(key string, permanent bool) simulator.Task {
	const (
		image = ".dkr.ecr.eu-west-1.amazonaws.com/aws-guardduty-agent-fargate:"
		pull  = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref: "
	)
	failed := func(reason string) simulator.Task {
		return simulator.Task{Agent: &simulator.Container{LastStatus: "STOPPED", Reason: reason}}
	}
	switch key {
	case "agent_not_reporting", "unclassified":
		return simulator.Task{Agent: &simulator.Container{}}
	case "vpc_endpoint": // an agent that needs the endpoint
		return simulator.Task{Subnet: legacySubnet, Agent: &simulator.Container{Image: "694911143906" + image + "v1.7.0-Fg_x86_64"}}
	case "agent_exited":
		task, code := failed("OutOfMemoryError: container killed due to memory usage"), 137
		task.Agent.ExitCode = &code
		return task
	case "agent_image_pull":
		return failed(pull + "i/o timeout")
	case "unidentified": // ECS has the reason
		if permanent {
			return failed(pull + "unexpected status from HEAD request: 403 Forbidden")
		}
		return simulator.Task{PlatformFamily: "WINDOWS_SERVER_2022_CORE", PlatformVersion: "1.0.0"}
	case "agent_not_provisioned":
		return simulator.Task{PlatformVersion: "1.3.0"}
	case "unsupported_service":
		return simulator.Task{StartedBy: "AWS Batch"}
	case "unsupported_cpu_architecture":
		return simulator.Task{CPUArchitecture: "riscv64"}
	case "network_configuration_missing":
		return simulator.Task{NoNetwork: true}
	default:
		return simulator.Task{}
	}
}

// service adds a service and returns it.
func (w *workload) service(name, definition string) *simulator.Service {
	s := &simulator.Service{
		Name: name, TaskDefinition: definition, CreatedAt: w.deployed.AddDate(0, -1, 0), DeployedAt: w.deployed,
		Tags: map[string]string{"team": w.account.Name},
	}
	w.row.Services = append(w.row.Services, s)
	return s
}

// add adds tasks like the given one.
func (w *workload) add(count int, task simulator.Task) {
	if task.CreatedAt.IsZero() {
		task.CreatedAt = w.deployed
	}
	for range count {
		same := task
		w.row.Tasks = append(w.row.Tasks, &same)
	}
}

// define adds a task definition to the account unless it exists.
func (w *workload) define(d *simulator.TaskDefinition, name string) {
	family, revision, _ := strings.Cut(name, ":")
	d.Region, d.Family = w.cluster.region, family
	d.Revision, _ = strconv.Atoi(revision)
	if w.account.TaskDefinition(d.Region, d.Family, d.Revision) == nil {
		w.account.TaskDefinitions = append(w.account.TaskDefinitions, d)
	}
}

// executionRoleARN returns the ARN of the account's task execution role.
func (w *workload) executionRoleARN() string {
	return "arn:aws:iam::" + w.account.ID + ":role/" + executionRoleName
}

// addUnlisted adds clusters that GuardDuty does not list: of an account without
// Runtime Monitoring, and with tasks that it does not support.
func addUnlisted(w *simulator.World, deployed time.Time) {
	for _, u := range []struct {
		account, name string
		task          simulator.Task
	}{
		{playgroundID, "prototypes", simulator.Task{}},
		{sandboxID, "burst", simulator.Task{LaunchType: "MANAGED_INSTANCES", Instance: "i-0123456789abcdef0"}},
		{sandboxID, "edge", simulator.Task{LaunchType: "EXTERNAL", Instance: "mi-0123456789abcdef0"}},
	} {
		a := w.Account(u.account)
		c := cluster{account: u.account, region: regions()[0], name: u.name}
		row := &simulator.Cluster{
			Region: c.region, Name: c.name, Unlisted: true, Status: healthy, UpdatedAt: deployed, Tags: map[string]string{"team": a.Name},
		}
		wl := workload{a, row, c, deployed}
		service := wl.service(c.name+"-app", c.name+":1")
		service.LaunchType = u.task.LaunchType
		wl.define(&simulator.TaskDefinition{ExecutionRole: wl.executionRoleARN(), LaunchType: u.task.LaunchType}, service.TaskDefinition)
		u.task.Service = service.Name
		wl.add(2, u.task)
		a.Clusters = append(a.Clusters, row)
	}
}
