package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const allTypes = `
aws: {requests_per_second: 1000}
targets:
  - regions: [us-east-1]
    resource_types: [ECS, EC2]
    detector: true
    members: true
    ecs: {role_arn: "arn:aws:iam::{account_id}:role/ecs", scope: all}
`

// occurrence is a change to [causeAccount] with which a cause occurs.
type occurrence struct {
	cause     diagnosis.Cause
	certainty diagnosis.Certainty
	change    func(*simulator.Account, *simulator.Cluster, *simulator.Task)
}

// occurrences returns one for each cause, in their order.
func occurrences() []occurrence {
	type (
		account = simulator.Account
		cluster = simulator.Cluster
		task    = simulator.Task
	)
	const (
		of       = ", for tasks in TaskDefinition - 'orders:1'"
		oldImage = "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1.7.0-Fg_x86_64"
	)
	before, code := then.Add(-time.Hour), 1
	return []occurrence{
		{diagnosis.RuntimeMonitoringOff, diagnosis.Proof, func(a *account, _ *cluster, _ *task) { a.Detectors[0].RuntimeMonitoringOff = true }},
		{diagnosis.AgentManagementOff, diagnosis.Proof, func(a *account, _ *cluster, _ *task) { a.Detectors[0].AgentManagementOff = true }},
		// The third question of the guide: did the task launch after excluding the cluster?
		{diagnosis.ClusterExcluded, diagnosis.Strong, func(_ *account, c *cluster, _ *task) { c.Tags["GuardDutyManaged"] = "false" }},
		{diagnosis.ManagedInstances, diagnosis.Proof, func(_ *account, _ *cluster, t *task) { t.LaunchType = "MANAGED_INSTANCES" }},
		{diagnosis.ECSAnywhere, diagnosis.Proof, func(_ *account, _ *cluster, t *task) { t.LaunchType, t.Instance = "EXTERNAL", "mi-0123456789abcdef0" }},
		{diagnosis.EC2Task, diagnosis.Proof, func(a *account, c *cluster, t *task) {
			t.LaunchType, t.Instance, c.Compatible = "EC2", "i-0123456789abcdef0", 1
			a.Instances = []*simulator.Instance{{
				Region: c.Region, ID: t.Instance, Issue: "No Agent Reporting",
				ClusterARN: "arn:aws:ecs:us-east-1:" + a.ID + ":cluster/" + c.Name,
			}}
		}},
		{diagnosis.Windows, diagnosis.Proof, func(_ *account, _ *cluster, t *task) {
			t.PlatformFamily, t.PlatformVersion = "WINDOWS_SERVER_2022_CORE", "1.0.0"
		}},
		{diagnosis.PlatformVersion, diagnosis.Proof, func(_ *account, _ *cluster, t *task) { t.PlatformVersion = "1.3.0" }},
		{diagnosis.CPUArchitecture, diagnosis.Proof, func(_ *account, _ *cluster, t *task) { t.CPUArchitecture = "riscv64" }},
		// The fifth: does your service contain a task that has an old format of taskArn?
		{diagnosis.OldTaskARN, diagnosis.Proof, func(_ *account, c *cluster, _ *task) { c.OldARNs = true }},
		// The fourth: is your task missing a TaskExecutionRole?
		{diagnosis.NoExecutionRole, diagnosis.Proof, func(a *account, _ *cluster, _ *task) { a.TaskDefinitions[0].ExecutionRole = "" }},
		{diagnosis.ImagePullDenied, diagnosis.Strong, func(_ *account, _ *cluster, t *task) {
			t.Agent = &simulator.Container{LastStatus: "STOPPED", Reason: "CannotPullContainerError: failed to resolve ref: 403 Forbidden"}
		}},
		{diagnosis.ImagePullUnreachable, diagnosis.Strong, func(_ *account, _ *cluster, t *task) {
			t.Agent = &simulator.Container{LastStatus: "STOPPED", Reason: "CannotPullContainerError: failed to resolve ref: i/o timeout"}
		}},
		{diagnosis.AgentOutOfMemory, diagnosis.Proof, func(_ *account, _ *cluster, t *task) {
			t.Agent = &simulator.Container{LastStatus: "STOPPED", Reason: "OutOfMemoryError: container killed due to memory usage"}
		}},
		{diagnosis.AgentExited, diagnosis.Proof, func(_ *account, _ *cluster, t *task) {
			t.Agent = &simulator.Container{LastStatus: "STOPPED", ExitCode: &code}
		}},
		{diagnosis.ClusterWasExcluded, diagnosis.Hint, func(_ *account, c *cluster, _ *task) {
			c.Issues = []string{"Agent not provisioned: Tasks started when clusters had exclusion tag require a relaunch to fix/troubleshoot"}
		}},
		// The first: did the task start before you enabled Runtime Monitoring?
		{diagnosis.TaskTooOld, diagnosis.Strong, func(_ *account, _ *cluster, t *task) {
			t.Service, t.TaskDefinition, t.CreatedAt = "", "orders:1", before
		}},
		// The second: is it part of a service deployment that started before?
		{diagnosis.DeploymentTooOld, diagnosis.Strong, func(_ *account, c *cluster, _ *task) { c.Services[0].DeployedAt = before }},
		{diagnosis.TaskSetTooOld, diagnosis.Strong, func(_ *account, c *cluster, _ *task) {
			c.Services[0].DeployedAt, c.Services[0].Controller = before, "CODE_DEPLOY"
		}},
		{diagnosis.UnsupportedInvoker, diagnosis.Proof, func(_ *account, c *cluster, _ *task) {
			c.Issues = []string{"Agent not provisioned: Unsupported invocation by SERVICE" + of}
		}},
		{diagnosis.NoNetworkConfiguration, diagnosis.Strong, func(_ *account, c *cluster, t *task) { t.NoNetwork, c.Services[0].NoNetwork = true, true }},
		{diagnosis.TooEarly, diagnosis.Strong, func(_ *account, _ *cluster, t *task) { t.Agent, t.CreatedAt = &simulator.Container{}, time.Now() }},
		{diagnosis.TelemetryDenied, diagnosis.Hint, func(_ *account, c *cluster, t *task) {
			t.Agent, c.Issues = &simulator.Container{}, []string{"Agent not reporting" + of}
		}},
		{diagnosis.VPCEndpoint, diagnosis.Strong, func(_ *account, c *cluster, t *task) {
			t.Agent, c.Issues = &simulator.Container{Image: oldImage}, []string{"VPC Endpoint Creation Failed" + of}
		}},
		{diagnosis.SharedVPC, diagnosis.Hint, func(_ *account, c *cluster, t *task) {
			t.Agent, c.Issues = &simulator.Container{}, []string{"VPC endpoint creation not supported for shared VPC vpc-1" + of}
		}},
		{diagnosis.TaskGone, diagnosis.Strong, func(_ *account, c *cluster, t *task) {
			t.Agent, c.Issues = &simulator.Container{}, []string{"Agent not reporting, for tasks in TaskDefinition - 'orders:2'"}
		}},
		{diagnosis.UnknownReason, diagnosis.NoCertainty, func(*account, *cluster, *task) {}},
		{diagnosis.Denied, diagnosis.NoCertainty, func(a *account, _ *cluster, _ *task) { a.Roles[0].Deny = []string{"ecs:DescribeServices"} }},
	}
}

// causeAccount returns an account with a cluster of one service, whose task has no
// agent for a reason that neither GuardDuty nor ECS tells.
func causeAccount(id, name string) *simulator.Account {
	after := then.Add(time.Hour)
	c := unhealthy(name, "Agent not provisioned: Unidentified issue, for tasks in TaskDefinition - 'orders:1'")
	c.Tags = map[string]string{}
	c.Services = []*simulator.Service{{Name: "orders", TaskDefinition: "orders:1", CreatedAt: then.AddDate(-1, 0, 0), DeployedAt: after}}
	c.Tasks = []*simulator.Task{{Service: "orders", CreatedAt: after}}
	return &simulator.Account{
		ID: id, Name: name, Email: name + "@example.com",
		Roles:           []*simulator.Role{{Name: "ecs"}},
		Detectors:       []*simulator.Detector{{Region: "us-east-1", CreatedAt: then}},
		Clusters:        []*simulator.Cluster{c},
		TaskDefinitions: []*simulator.TaskDefinition{{Region: "us-east-1", Family: "orders", Revision: 1, ExecutionRole: "arn:aws:iam::" + id + ":role/tasks"}},
	}
}

// TestEveryCauseOnTheWire reads an organization with an account and a cluster for
// each cause.
func TestEveryCauseOnTheWire(t *testing.T) {
	t.Parallel()
	w := homeWorld()
	w.Accounts[0].Roles = []*simulator.Role{{Name: "ecs"}}
	want, covered := map[string][]string{}, map[diagnosis.Cause]bool{}
	for i, o := range occurrences() {
		a := causeAccount(fmt.Sprintf("1000000000%02d", i), string(o.cause))
		c := a.Clusters[0]
		o.change(a, c, c.Tasks[0])
		w.Accounts = append(w.Accounts, a)
		w.Accounts[0].Detectors[0].Members = append(w.Accounts[0].Detectors[0].Members, a.ID)
		want[c.Name] = []string{fmt.Sprintf("%s %s 1", o.cause, o.certainty)}
		covered[o.cause] = true
	}
	for _, c := range diagnosis.Causes() {
		if !covered[c.Cause] {
			t.Errorf("no cluster has %s", c.Cause)
		}
	}
	// The settings depend on each other, and both have to be enabled.
	want["runtime_monitoring_off"] = []string{"runtime_monitoring_off proof 1", "agent_management_off proof 1"}
	// A policy and the endpoint have the same symptom.
	want["telemetry_denied"] = []string{"telemetry_denied hint 1", "vpc_endpoint hint 1"}
	// No running task has the task definition.
	want["task_gone"] = []string{"task_gone strong 0"}
	// The denied call, and what it leaves unknown.
	want["denied"] = []string{"denied unknown 0", "denied unknown 1"}

	result, log := diagnoseWorld(t, simulator.New(w, simulator.Options{}), allTypes, Selection{})
	got := map[string][]string{}
	for _, c := range result.Clusters {
		for _, f := range c.Findings {
			got[c.ClusterName] = append(got[c.ClusterName], fmt.Sprintf("%s %s %d", f.Cause, f.Certainty, f.Tasks))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log)
	}
}
