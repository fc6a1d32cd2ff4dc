package simulator

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// definitionARN returns the ARN of a task definition of the cluster's account; ""
// for "".
func (c ecsCluster) definitionARN(name string) string {
	if name == "" {
		return ""
	}
	return arn("ecs", c.Region, c.account.ID, "task-definition/"+name)
}

// ecsDefinitionOut is the taskDefinition of DescribeTaskDefinition.
type ecsDefinitionOut struct {
	ARN                     string          `json:"taskDefinitionArn"`
	Family                  string          `json:"family"`
	Revision                int             `json:"revision"`
	Status                  string          `json:"status"`
	ExecutionRoleARN        string          `json:"executionRoleArn,omitempty"`
	NetworkMode             string          `json:"networkMode"`
	CPU                     string          `json:"cpu"`
	Memory                  string          `json:"memory"`
	Compatibilities         []string        `json:"compatibilities"`
	RequiresCompatibilities []string        `json:"requiresCompatibilities"`
	RuntimePlatform         *ecsPlatform    `json:"runtimePlatform,omitempty"`
	Containers              []ecsDefinition `json:"containerDefinitions"`
	Volumes                 []string        `json:"volumes"`
}

type ecsPlatform struct {
	CPUArchitecture string `json:"cpuArchitecture,omitempty"`
	OSFamily        string `json:"operatingSystemFamily,omitempty"`
}

// ecsDefinition is a container of a task definition.
type ecsDefinition struct {
	Name      string `json:"name"`
	Image     string `json:"image"`
	Essential bool   `json:"essential"`
}

// describeTaskDefinition returns a task definition by family and revision, or ARN.
func (s *Server) describeTaskDefinition(req *request) (any, error) {
	var in struct {
		TaskDefinition string   `json:"taskDefinition"`
		Include        []string `json:"include"`
	}
	err := decodeECS(req, &in, "taskDefinition", "include")
	if err != nil {
		return nil, err
	}
	tags, err := checkInclude(in.Include, includeTags)
	if err != nil {
		return nil, err
	}
	if in.TaskDefinition == "" {
		return nil, awswire.Errorf("ClientException", "TaskDefinition cannot be empty.")
	}
	a := s.index.accounts[req.session.AccountID]
	prefix := arn("ecs", req.call.Region, a.ID, "task-definition/")
	d := a.findTaskDefinition(req.call.Region, strings.TrimPrefix(in.TaskDefinition, prefix))
	if d == nil {
		return nil, awswire.Errorf("ClientException", "Unable to describe task definition.")
	}
	return struct {
		TaskDefinition ecsDefinitionOut `json:"taskDefinition"`
		Tags           []ecsTag         `json:"tags"`
	}{d.describe(prefix), tagsOf(d.Tags, tags)}, nil
}

// findTaskDefinition returns the task definition with that name: family:revision,
// or family for the latest active revision; nil if it does not exist.
func (a *Account) findTaskDefinition(region, name string) *TaskDefinition {
	family, text, hasRevision := strings.Cut(name, ":")
	if hasRevision {
		revision, err := strconv.Atoi(text)
		if err != nil {
			return nil
		}
		return a.TaskDefinition(region, family, revision)
	}
	var latest *TaskDefinition
	for _, d := range a.TaskDefinitions {
		if d.Region == region && d.Family == family && d.status() == statusActive && (latest == nil || d.Revision > latest.Revision) {
			latest = d
		}
	}
	return latest
}

// status returns Status, or its default.
func (d *TaskDefinition) status() string { return cmp.Or(d.Status, statusActive) }

// describe returns the task definition in the form of the API.
func (d *TaskDefinition) describe(prefix string) ecsDefinitionOut {
	launchType := cmp.Or(d.LaunchType, launchFargate)
	out := ecsDefinitionOut{
		ARN: prefix + d.name(), Family: d.Family, Revision: d.Revision, Status: d.status(), ExecutionRoleARN: d.ExecutionRole,
		NetworkMode: "awsvpc", CPU: "256", Memory: "512", Compatibilities: []string{launchEC2, launchType},
		RequiresCompatibilities: []string{launchType}, Volumes: []string{},
		Containers: []ecsDefinition{{d.Family, "public.ecr.aws/example/" + d.Family + ":1", true}},
	}
	if launchType != launchFargate {
		out.NetworkMode = "bridge"
	}
	if launchType == launchEC2 {
		out.Compatibilities = []string{launchEC2}
	}
	if d.OSFamily != "" || d.CPUArchitecture != "" {
		out.RuntimePlatform = &ecsPlatform{d.CPUArchitecture, d.OSFamily}
	}
	return out
}
