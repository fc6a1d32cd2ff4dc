package simulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Launch types of ECS.
const (
	launchFargate  = "FARGATE"
	launchEC2      = "EC2"
	launchExternal = "EXTERNAL"
	launchManaged  = "MANAGED_INSTANCES"
)

// Statuses of ECS.
const (
	statusActive  = "ACTIVE"
	statusPrimary = "PRIMARY"
	statusRunning = "RUNNING"
	statusStopped = "STOPPED"
)

const (
	controllerECS = "ECS"
	defaultSubnet = "subnet-0123456789abcdef0"
)

// Service is an ECS service. Its tasks are the tasks of the cluster with its name.
type Service struct {
	Name           string
	TaskDefinition string // family:revision
	LaunchType     string // as in Task
	// Controller is the type of the deployment controller: ECS, the default,
	// CODE_DEPLOY or EXTERNAL. The last two have a task set instead of a deployment.
	Controller string
	CreatedAt  time.Time
	// DeployedAt is when the PRIMARY deployment, or task set, was created. The
	// default is CreatedAt.
	DeployedAt time.Time
	// ReplacedAt is when a second deployment, or task set, was created that the
	// PRIMARY one is replacing; zero if there is none.
	ReplacedAt time.Time
	Subnet     string // as in Task
	NoNetwork  bool   // has no network configuration
	Tags       map[string]string
}

// Task is an ECS task. With the other fields zero it is a running Linux task on
// Fargate, without the GuardDuty agent.
type Task struct {
	ID      string // 32 hexadecimal digits on AWS. The server sets an empty one.
	Service string // name; "" for a standalone task
	// Group is "service:" and the service's name or, for a standalone task, by
	// default "family:" and the family.
	Group          string
	StartedBy      string // the default is the deployment of the service
	TaskDefinition string // family:revision; the default is that of the service
	LaunchType     string // FARGATE, the default, EC2, EXTERNAL or MANAGED_INSTANCES
	// CapacityProvider, such as FARGATE_SPOT; absent when empty.
	CapacityProvider string
	PlatformFamily   string // the default is Linux, on Fargate
	PlatformVersion  string // the default is 1.4.0, on Fargate
	CPUArchitecture  string // the default is x86_64
	Memory           string // in MiB; the default is 512
	ExecutionRole    string // ARN in the overrides
	// Instance is the ID of the EC2 instance, or mi-… of ECS Anywhere, on which the
	// task runs; "" on Fargate.
	Instance      string
	Subnet        string // of its network interface on Fargate; there is a default
	NoNetwork     bool   // has no network interface
	LastStatus    string // the default is RUNNING, or STOPPED with StoppedAt
	CreatedAt     time.Time
	StoppedAt     time.Time // zero if it is not stopped
	StopCode      string    // such as EssentialContainerExited
	StoppedReason string
	Containers    []Container // the default is one with the name of the family
	// Agent is the container of the GuardDuty agent, by default with its name and
	// image; nil if there is none. &Container{} is a running agent.
	Agent *Container
	Tags  map[string]string
}

// Container is a container of a task.
type Container struct {
	Name, Image string
	LastStatus  string // the default is that of the task
	Reason      string
	ExitCode    *int // absent when nil
}

// TaskDefinition is one revision of a task definition.
type TaskDefinition struct {
	Region          string
	Family          string
	Revision        int
	Status          string // ACTIVE, the default, or INACTIVE
	ExecutionRole   string // ARN; absent when empty
	OSFamily        string // such as LINUX, WINDOWS_SERVER_2022_CORE; absent when empty
	CPUArchitecture string // X86_64 or ARM64; absent when empty
	LaunchType      string // that it requires; the default is FARGATE
	Tags            map[string]string
}

// TaskDefinition returns the account's task definition of that Region, family and
// revision, or nil.
func (a *Account) TaskDefinition(region, family string, revision int) *TaskDefinition {
	return first(a.TaskDefinitions, func(d *TaskDefinition) bool {
		return d.Region == region && d.Family == family && d.Revision == revision
	})
}

// Service returns the cluster's service of that name, or nil.
func (c *Cluster) Service(name string) *Service {
	return first(c.Services, func(s *Service) bool { return s.Name == name })
}

// name returns family:revision.
func (d *TaskDefinition) name() string { return fmt.Sprintf("%s:%d", d.Family, d.Revision) }

// deployedAt returns DeployedAt, or its default.
func (s *Service) deployedAt() time.Time {
	if s.DeployedAt.IsZero() {
		return s.CreatedAt
	}
	return s.DeployedAt
}

// controller returns Controller, or its default.
func (s *Service) controller() string { return cmp.Or(s.Controller, controllerECS) }

// deploymentID returns the ID of the deployment, or task set, created at t.
func (s *Service) deploymentID(t time.Time) string {
	sum := sha256.Sum256([]byte(s.Name + t.UTC().Format(time.RFC3339Nano)))
	var digits strings.Builder
	for _, b := range sum[:19] {
		digits.WriteByte('0' + b%10)
	}
	return "ecs-svc/" + digits.String()
}

// launchType returns LaunchType, or its default.
func (t *Task) launchType() string { return cmp.Or(t.LaunchType, launchFargate) }

// lastStatus returns LastStatus, or its default.
func (t *Task) lastStatus() string {
	if t.LastStatus == "" && !t.StoppedAt.IsZero() {
		return statusStopped
	}
	return cmp.Or(t.LastStatus, statusRunning)
}

// desiredStatus returns the status that ECS wants the task to have.
func (t *Task) desiredStatus() string {
	if t.lastStatus() == statusStopped || !t.StoppedAt.IsZero() {
		return statusStopped
	}
	return statusRunning
}

// definition returns TaskDefinition, or that of the task's service in c.
func (t *Task) definition(c *Cluster) string {
	if t.TaskDefinition == "" {
		if s := c.Service(t.Service); s != nil {
			return s.TaskDefinition
		}
	}
	return t.TaskDefinition
}

// family returns the family of the task's definition in c.
func (t *Task) family(c *Cluster) string {
	family, _, _ := strings.Cut(t.definition(c), ":")
	return family
}

// setTaskIDs sets the missing IDs of the account's tasks.
func (a *Account) setTaskIDs() {
	for _, c := range a.Clusters {
		for i, t := range c.Tasks {
			if t.ID == "" {
				t.ID = hexID(a.ID, c.Region, c.Name, t.Service, t.CreatedAt.String(), fmt.Sprint(i))
			}
		}
	}
}

// hexID returns 32 hexadecimal digits that are a hash of the parts.
func hexID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:16])
}
