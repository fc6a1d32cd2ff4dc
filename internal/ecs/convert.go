package ecs

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// interner holds the strings of one cluster. The tasks of a service share most of
// them, and a string of the SDK keeps its whole response in memory.
type interner map[string]string

func (n interner) intern(s string) string {
	known, ok := n[s]
	if !ok {
		known = strings.Clone(s)
		n[known] = known
	}
	return known
}

// sanitize returns a text for an evidence.
func (n interner) sanitize(s string) string { return n.intern(coverage.Sanitize(s)) }

// identifier returns an ARN, image or name.
func (n interner) identifier(s *string) string {
	return n.intern(coverage.SanitizeIdentifier(aws.ToString(s)))
}

func (n interner) task(t *types.Task) diagnosis.Task {
	task := diagnosis.Task{
		ARN:               n.identifier(t.TaskArn),
		TaskDefinition:    n.identifier(t.TaskDefinitionArn),
		Group:             n.group(aws.ToString(t.Group)),
		LaunchType:        n.sanitize(string(t.LaunchType)),
		PlatformFamily:    n.sanitize(aws.ToString(t.PlatformFamily)),
		PlatformVersion:   n.sanitize(aws.ToString(t.PlatformVersion)),
		ContainerInstance: n.identifier(t.ContainerInstanceArn),
		LastStatus:        n.sanitize(aws.ToString(t.LastStatus)),
		CreatedAt:         aws.ToTime(t.CreatedAt),
		Containers:        make([]diagnosis.Container, 0, len(t.Containers)),
	}
	if memory, err := strconv.Atoi(aws.ToString(t.Memory)); err == nil {
		task.Memory = memory
	}
	if t.Overrides != nil {
		task.ExecutionRole = n.identifier(t.Overrides.ExecutionRoleArn)
	}
	for _, a := range t.Attributes {
		if aws.ToString(a.Name) == "ecs.cpu-architecture" {
			task.CPUArchitecture = n.sanitize(aws.ToString(a.Value))
		}
	}
	if t.Attachments != nil { // ECS returns an empty list for none
		task.NetworkInterface = diagnosis.Off
	}
	for _, a := range t.Attachments {
		if strings.EqualFold(aws.ToString(a.Type), "ElasticNetworkInterface") {
			task.NetworkInterface = diagnosis.On
			for _, d := range a.Details {
				if aws.ToString(d.Name) == "subnetId" {
					task.Subnet = n.identifier(d.Value)
				}
			}
		}
	}
	for i := range t.Containers {
		task.Containers = append(task.Containers, n.container(&t.Containers[i]))
	}
	return task
}

func (n interner) container(c *types.Container) diagnosis.Container {
	container := diagnosis.Container{
		Name:       n.identifier(c.Name),
		Image:      n.identifier(c.Image),
		LastStatus: n.sanitize(aws.ToString(c.LastStatus)),
		Reason:     n.reason(aws.ToString(c.Reason)),
	}
	if c.ExitCode != nil {
		code := int(*c.ExitCode)
		container.ExitCode = &code
	}
	return container
}

// maxReasonBytes is more than the 1,024 characters that ECS returns.
const maxReasonBytes = 4096

// reason returns why a container stopped. It is not sanitized, because the end of a
// text about an image reports why it could not be pulled.
func (n interner) reason(s string) string { return n.intern(s[:min(len(s), maxReasonBytes)]) }

// group sanitizes a group. The names of services stay different from each other.
func (n interner) group(s string) string {
	if service, ok := strings.CutPrefix(s, "service:"); ok {
		return n.intern("service:" + coverage.SanitizeName(service))
	}
	return n.intern(coverage.SanitizeName(s))
}

func (n interner) service(s *types.Service) diagnosis.Service {
	service := diagnosis.Service{
		Name: n.intern(coverage.SanitizeName(aws.ToString(s.ServiceName))),
	}
	if s.DeploymentController != nil {
		service.Controller = n.sanitize(string(s.DeploymentController.Type))
	}
	service.Deployed = deployed(s)
	networks := []*types.NetworkConfiguration{s.NetworkConfiguration}
	for _, d := range s.Deployments {
		networks = append(networks, d.NetworkConfiguration)
	}
	for _, t := range s.TaskSets {
		networks = append(networks, t.NetworkConfiguration)
	}
	service.Subnets = diagnosis.Off
	for _, network := range networks {
		if network != nil && network.AwsvpcConfiguration != nil && len(network.AwsvpcConfiguration.Subnets) > 0 {
			service.Subnets = diagnosis.On
		}
	}
	return service
}

// deployed returns when the running version was deployed. Only services with the
// ECS controller have deployments; others have task sets.
func deployed(s *types.Service) time.Time {
	const primary = "PRIMARY"
	for _, d := range s.Deployments {
		if aws.ToString(d.Status) == primary {
			return aws.ToTime(d.CreatedAt)
		}
	}
	for _, t := range s.TaskSets {
		if aws.ToString(t.Status) == primary {
			return aws.ToTime(t.CreatedAt)
		}
	}
	return time.Time{}
}

func (n interner) definition(d *types.TaskDefinition) diagnosis.TaskDefinition {
	definition := diagnosis.TaskDefinition{ExecutionRole: n.identifier(d.ExecutionRoleArn)}
	if p := d.RuntimePlatform; p != nil {
		definition.OSFamily = n.sanitize(string(p.OperatingSystemFamily))
		definition.CPUArchitecture = n.sanitize(string(p.CpuArchitecture))
	}
	return definition
}

// tagsOf returns tags by key; nil if there is no list of them, which would be
// empty for a cluster without tags.
func tagsOf(tags []types.Tag) map[string]string {
	if tags == nil {
		return nil
	}
	byKey := map[string]string{}
	for _, t := range tags {
		byKey[strings.Clone(aws.ToString(t.Key))] = strings.Clone(aws.ToString(t.Value))
	}
	return byKey
}

// switchOf returns the value of the account setting guardDutyActivate. The pages
// of AWS show both on and enabled (read November 2026).
func switchOf(value string) diagnosis.Switch {
	switch strings.ToLower(value) {
	case "on", "enabled":
		return diagnosis.On
	case "off", "disabled":
		return diagnosis.Off
	}
	return diagnosis.Unknown
}
