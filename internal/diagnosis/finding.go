package diagnosis

// Finding is one cause, with what it is based on.
type Finding struct {
	Level Level
	// Subject is the name of what Level means: a service's name or "family:" and a
	// family, a task definition's family and revision, an EC2 instance ID; "" for an
	// account and a cluster.
	Subject string
	// Service is the service whose tasks are affected, or "family:" and the family
	// of standalone tasks; "" for all tasks of the cluster.
	Service   string
	Cause     Cause
	Certainty Certainty
	Evidence  string // one sentence: what was read
	Who       Who
	Tasks     int // running tasks that are affected; 0 if they are not known
	// ByPolicy is set if an Organizations policy decides the setting that the
	// finding is about: it cannot be changed in the account.
	ByPolicy bool
	// Administrator is the account of GuardDuty's administrator, which changes the
	// setting that the finding is about; "" if it is not known to be another account.
	Administrator string
}

// Level is what a finding is about.
type Level string

// The levels.
const (
	LevelAccount        Level = "account"
	LevelCluster        Level = "cluster"
	LevelService        Level = "service"
	LevelTaskDefinition Level = "task_definition"
	LevelInstance       Level = "instance"
)

// Certainty is how far the evidence supports a cause.
type Certainty string

// The certainties, from the highest.
const (
	Proof       Certainty = "proof"
	Strong      Certainty = "strong"
	Hint        Certainty = "hint"
	NoCertainty Certainty = "unknown" // of the causes unknown and denied
)

// Cause is a root cause of missing coverage.
type Cause string

// The causes, in the order in which they are examined.
const (
	RuntimeMonitoringOff   Cause = "runtime_monitoring_off"
	AgentManagementOff     Cause = "agent_management_off"
	ClusterExcluded        Cause = "cluster_excluded"
	ManagedInstances       Cause = "managed_instances"
	ECSAnywhere            Cause = "ecs_anywhere"
	EC2Task                Cause = "ec2_instance" // the agent is on the instance
	Windows                Cause = "windows"
	PlatformVersion        Cause = "platform_version"
	CPUArchitecture        Cause = "cpu_architecture"
	OldTaskARN             Cause = "old_task_arn"
	NoExecutionRole        Cause = "no_execution_role"
	ImagePullDenied        Cause = "image_pull_denied"
	ImagePullUnreachable   Cause = "image_pull_unreachable"
	AgentOutOfMemory       Cause = "agent_out_of_memory"
	AgentExited            Cause = "agent_exited"
	ClusterWasExcluded     Cause = "cluster_was_excluded"
	TaskTooOld             Cause = "task_older_than_monitoring"
	DeploymentTooOld       Cause = "deployment_older_than_monitoring"
	TaskSetTooOld          Cause = "task_set_older_than_monitoring"
	UnsupportedInvoker     Cause = "unsupported_invoker"
	NoNetworkConfiguration Cause = "no_network_configuration"
	TooEarly               Cause = "too_early"
	TelemetryDenied        Cause = "telemetry_denied"
	VPCEndpoint            Cause = "vpc_endpoint"
	SharedVPC              Cause = "shared_vpc"
	TaskGone               Cause = "task_gone"
	UnknownReason          Cause = "unknown" // everything was read, and nothing explains it
	Denied                 Cause = "denied"  // not everything could be read
)

// Who has to act.
type Who string

// Those who act.
const (
	Security      Who = "security" // owns GuardDuty's settings
	ClusterOwner  Who = "cluster_owner"
	ServiceOwner  Who = "service_owner" // of the service or the standalone task
	InstanceOwner Who = "instance_owner"
	Network       Who = "network"
	Nobody        Who = "nobody" // it cannot be fixed, or passes by itself
)

// Agent is the state of the GuardDuty agent in a task.
type Agent string

// The states of an agent.
const (
	AgentRunning       Agent = "running"
	AgentStopped       Agent = "stopped"
	AgentMissing       Agent = "missing"
	AgentNotApplicable Agent = "not_applicable" // GuardDuty adds no container to such tasks
)

// ServiceTasks counts the running tasks of a service by the state of their agent.
type ServiceTasks struct {
	Service string // or "family:" and the family of standalone tasks
	Tasks   map[Agent]int
}

// Diagnosis is the result for one cluster.
type Diagnosis struct {
	Cluster  Cluster
	Listed   bool // whether GuardDuty lists the cluster
	Findings []Finding
	Services []ServiceTasks // sorted by name
	// TasksRead reports whether the running tasks of the cluster were read.
	// Otherwise Services says nothing about them.
	TasksRead bool
	Tags      map[string]string // nil if they are unknown
	Truncated bool
}
