// Package diagnosis decides why tasks of an ECS cluster run without the GuardDuty
// agent, from what GuardDuty and ECS report about the cluster. It is pure: no I/O,
// no clock, and it does not change its input. Sources of its rules are the pages
// on Runtime Monitoring for ECS of the GuardDuty user guide and the ECS developer
// guide (read November 2026).
package diagnosis

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Evidence is everything that was read about one cluster. Data that could not be
// read is missing and named in Refusals; it is never taken for absent.
type Evidence struct {
	Cluster Cluster
	ReadAt  time.Time

	// Administrator is the GuardDuty administrator of the account; "" if there is none
	// or it is not known.
	Administrator string
	// Row is GuardDuty's row of the cluster; nil if GuardDuty does not list it.
	Row *coverage.Resource
	// Instances are GuardDuty's rows of EC2 instances by instance ID; nil if not all
	// are known.
	Instances map[string]coverage.Resource

	RuntimeMonitoring Setting // the feature RUNTIME_MONITORING of the account
	AgentManagement   Setting // its additional configuration ECS_FARGATE_AGENT_MANAGEMENT
	AccountSetting    Switch  // the ECS account setting guardDutyActivate

	// Tags are the cluster's tags; nil if they are unknown.
	Tags            map[string]string
	Services        []Service
	Tasks           []Task
	TaskDefinitions map[string]TaskDefinition // by ARN
	// InstanceIDs are the EC2 instance IDs of container instances by ARN.
	InstanceIDs map[string]string

	// Deep is what EC2 and IAM show of what the tasks use; nil if it was not read.
	Deep *Deep

	Refusals []Refusal
	// Truncated is set if the cluster has more tasks than were read: then Tasks are
	// only some of them.
	Truncated bool
}

// Cluster identifies an ECS cluster.
type Cluster struct {
	AccountID string
	Region    string
	Name      string
}

// Switch is on, off or, as its zero value, unknown.
type Switch int

// The values of a Switch.
const (
	Unknown Switch = iota
	On
	Off
)

// Setting is a feature of a detector or an additional configuration of one.
type Setting struct {
	State     Switch
	ManagedBy string    // ACCOUNT or GUARDDUTY_POLICY, "" if unknown
	UpdatedAt time.Time // when it was last changed; zero if unknown
}

// Service is an ECS service.
type Service struct {
	Name string
	// Controller is the type of the deployment controller: ECS, CODE_DEPLOY or
	// EXTERNAL; empty means ECS.
	Controller string
	// Deployed is when the running version was deployed: the creation of the
	// PRIMARY deployment or, for other controllers than ECS, of the PRIMARY task
	// set. Zero if unknown.
	Deployed time.Time
	// Subnets reports whether the service's network configuration has subnets.
	Subnets Switch
}

// Task is an ECS task as DescribeTasks returns it.
type Task struct {
	ARN               string
	TaskDefinition    string // ARN
	Group             string // "service:" and the service's name, or as RunTask was called
	LaunchType        string // FARGATE, EC2, EXTERNAL, MANAGED_INSTANCES
	PlatformFamily    string // such as Linux, WINDOWS_SERVER_2022_CORE
	PlatformVersion   string // such as 1.4.0; only of Fargate
	CPUArchitecture   string // such as x86_64, arm64; "" if unknown
	Memory            int    // MiB; 0 if unknown
	ExecutionRole     string // of the overrides, "" if they have none
	NetworkInterface  Switch // whether it has an elastic network interface
	Subnet            string // ID of the subnet of its network interface; "" if unknown
	ContainerInstance string // ARN; "" unless LaunchType is EC2 or EXTERNAL
	LastStatus        string // such as RUNNING, STOPPED
	CreatedAt         time.Time
	Containers        []Container
}

// Container is a container of a task.
type Container struct {
	Name       string
	Image      string
	LastStatus string
	Reason     string // as ECS returned it, not sanitized
	ExitCode   *int   // nil while it has not exited, or if it never ran
}

// TaskDefinition is a revision of a task definition.
type TaskDefinition struct {
	ExecutionRole   string // ARN; "" if it has none
	OSFamily        string // such as LINUX; "" means LINUX
	CPUArchitecture string // such as X86_64; "" means X86_64
}

// Refusal is a call that AWS denied or that failed.
type Refusal struct {
	Action string // such as ecs:DescribeTasks
	Denied bool   // whether AWS denied it; otherwise it failed
	Reason string // the error code or a short text, sanitized
}
