package simulator

import (
	"cmp"
	"strings"
	"time"
)

// ecsTaskOut is an element of DescribeTasks' tasks.
type ecsTaskOut struct {
	TaskARN              string          `json:"taskArn"`
	ClusterARN           string          `json:"clusterArn"`
	TaskDefinitionARN    string          `json:"taskDefinitionArn"`
	ContainerInstanceARN string          `json:"containerInstanceArn,omitempty"`
	Group                string          `json:"group"`
	StartedBy            string          `json:"startedBy,omitempty"`
	LaunchType           string          `json:"launchType"`
	CapacityProviderName string          `json:"capacityProviderName,omitempty"`
	PlatformFamily       string          `json:"platformFamily,omitempty"`
	PlatformVersion      string          `json:"platformVersion,omitempty"`
	LastStatus           string          `json:"lastStatus"`
	DesiredStatus        string          `json:"desiredStatus"`
	HealthStatus         string          `json:"healthStatus"`
	Connectivity         string          `json:"connectivity"`
	CreatedAt            float64         `json:"createdAt,omitempty"`
	StartedAt            float64         `json:"startedAt,omitempty"`
	StoppedAt            float64         `json:"stoppedAt,omitempty"`
	StopCode             string          `json:"stopCode,omitempty"`
	StoppedReason        string          `json:"stoppedReason,omitempty"`
	CPU                  string          `json:"cpu"`
	Memory               string          `json:"memory"`
	Overrides            ecsOverrides    `json:"overrides"`
	Attributes           []ecsPair       `json:"attributes"`
	Attachments          []ecsAttachment `json:"attachments"`
	Containers           []ecsContainer  `json:"containers"`
	Tags                 []ecsTag        `json:"tags"`
	Version              int             `json:"version"`
}

type ecsOverrides struct {
	ContainerOverrides []string `json:"containerOverrides"`
	ExecutionRoleARN   string   `json:"executionRoleArn,omitempty"`
}

type ecsAttachment struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Details []ecsPair `json:"details"`
}

type ecsContainer struct {
	ContainerARN      string   `json:"containerArn"`
	TaskARN           string   `json:"taskArn"`
	Name              string   `json:"name"`
	Image             string   `json:"image,omitempty"`
	RuntimeID         string   `json:"runtimeId,omitempty"`
	LastStatus        string   `json:"lastStatus"`
	ExitCode          *int     `json:"exitCode,omitempty"`
	Reason            string   `json:"reason,omitempty"`
	HealthStatus      string   `json:"healthStatus"`
	NetworkInterfaces []string `json:"networkInterfaces"`
}

// startDelay is the time from a task's creation to its start.
const startDelay = 30 * time.Second

// describeTask returns a task in the form of the API.
func (c ecsCluster) describeTask(t *Task, tags bool) ecsTaskOut {
	out := ecsTaskOut{
		TaskARN: c.arnOf("task", t.ID), ClusterARN: c.clusterARN(), TaskDefinitionARN: c.definitionARN(t.definition(c.Cluster)),
		Group: c.group(t), StartedBy: c.startedBy(t), LaunchType: t.launchType(), CapacityProviderName: t.CapacityProvider,
		PlatformFamily: t.PlatformFamily, PlatformVersion: t.PlatformVersion, LastStatus: t.lastStatus(), DesiredStatus: t.desiredStatus(),
		HealthStatus: "UNKNOWN", Connectivity: "CONNECTED", CreatedAt: epoch(t.CreatedAt), StoppedAt: epoch(t.StoppedAt),
		StopCode: t.StopCode, StoppedReason: t.StoppedReason, CPU: "256", Memory: cmp.Or(t.Memory, "512"),
		Overrides:  ecsOverrides{ContainerOverrides: []string{}, ExecutionRoleARN: t.ExecutionRole},
		Attributes: []ecsPair{{"ecs.cpu-architecture", t.architecture()}}, Attachments: []ecsAttachment{}, Tags: tagsOf(t.Tags, tags), Version: 3,
	}
	if !t.CreatedAt.IsZero() && (out.LastStatus == statusRunning || out.LastStatus == statusStopped) {
		out.StartedAt = epoch(t.CreatedAt.Add(startDelay))
	}
	if out.LaunchType == launchFargate {
		out.PlatformFamily, out.PlatformVersion = cmp.Or(t.PlatformFamily, "Linux"), cmp.Or(t.PlatformVersion, platform140)
		if !t.NoNetwork {
			out.Attachments = append(out.Attachments, ecsAttachment{
				hexID("attachment", t.ID), "ElasticNetworkInterface", "ATTACHED",
				[]ecsPair{{"subnetId", cmp.Or(t.Subnet, defaultSubnet)}, {"privateIPv4Address", "10.0.0.10"}},
			})
		}
	}
	if t.Instance != "" {
		out.ContainerInstanceARN = c.arnOf("container-instance", c.containerInstanceID(t.Instance))
	}
	containers := t.Containers
	if len(containers) == 0 {
		containers = []Container{{Name: t.family(c.Cluster)}}
	}
	for _, container := range containers {
		out.Containers = append(out.Containers, c.describeContainer(t, out.TaskARN, container))
	}
	if t.Agent != nil {
		agent := *t.Agent
		agent.Name, agent.Image = cmp.Or(agent.Name, "aws-guardduty-agent-mfjGLB"), cmp.Or(agent.Image, agentImage(c.Region, t.architecture()))
		out.Containers = append(out.Containers, c.describeContainer(t, out.TaskARN, agent))
	}
	return out
}

// describeContainer returns a container in the form of the API.
func (c ecsCluster) describeContainer(t *Task, taskARN string, container Container) ecsContainer {
	id := hexID(t.ID, container.Name)
	_, resource, _ := strings.Cut(taskARN, ":task/")
	out := ecsContainer{
		ContainerARN: arn("ecs", c.Region, c.account.ID, "container/"+resource+"/"+id), TaskARN: taskARN,
		Name: container.Name, Image: cmp.Or(container.Image, "public.ecr.aws/example/"+container.Name+":1"),
		LastStatus: cmp.Or(container.LastStatus, t.lastStatus()), Reason: container.Reason, HealthStatus: "UNKNOWN", NetworkInterfaces: []string{},
	}
	if container.ExitCode != nil {
		code := *container.ExitCode
		out.ExitCode = &code
	}
	if out.ExitCode != nil || out.LastStatus == statusRunning {
		out.RuntimeID = id + "-0000000000"
	}
	return out
}

// group returns the task's Group, or its default.
func (c ecsCluster) group(t *Task) string {
	if t.Service != "" {
		return "service:" + t.Service
	}
	return cmp.Or(t.Group, "family:"+t.family(c.Cluster))
}

// startedBy returns the task's StartedBy, or its default.
func (c ecsCluster) startedBy(t *Task) string {
	if service := c.Service(t.Service); t.StartedBy == "" && service != nil {
		return service.deploymentID(service.deployedAt())
	}
	return t.StartedBy
}

// architecture returns CPUArchitecture, or its default.
func (t *Task) architecture() string { return cmp.Or(t.CPUArchitecture, "x86_64") }

// platform140 is the lowest Fargate platform version that GuardDuty supports.
const platform140 = "1.4.0"

// agentImage returns the image of GuardDuty's agent. AWS has a registry in each
// Region; here all are in one account (that of eu-central-1, read November 2026).
func agentImage(region, architecture string) string {
	return "323658145986.dkr.ecr." + region + ".amazonaws.com/aws-guardduty-agent-fargate:v1.17.1-Fg_" + architecture
}
