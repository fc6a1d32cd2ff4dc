package ecs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Probe is what the calls of a client return if each is made once, with the smallest
// page that shows something.
type Probe struct {
	Steps []Step
	// Tagged is whether DescribeClusters returned tags.
	Tagged bool
	// Excluded are the names of clusters that are tagged as excluded from GuardDuty.
	Excluded []string
}

// Step is one call of a Probe.
type Step struct {
	Operation string
	Err       error
	// Reason is set instead of Err if the account has nothing to make the call with.
	Reason string
}

// absent is the ID of no task, service or instance. ECS reports it as missing, after
// it has authorized the call.
const absent = "00000000000000000000000000000000"

// Probe makes every call of [Client.Read], and of [Client.List] if all is set, once.
// cluster is the name of a cluster of the account, or "" if none is known.
func (c *Client) Probe(ctx context.Context, all bool, cluster string) Probe {
	var p Probe
	_, err := c.api.listAccountSettings(ctx, &ecs.ListAccountSettingsInput{Name: types.SettingNameGuardDutyActivate, EffectiveSettings: true})
	p.step(listAccountSettings, err)
	clusters := []string{cluster}
	if all {
		out, err := c.api.listClusters(ctx, &ecs.ListClustersInput{MaxResults: aws.Int32(pageSize)})
		if err == nil && out.ClusterArns == nil {
			err = fmt.Errorf("%w: no clusterArns", coverage.ErrInvalidResponse)
		}
		p.step(listClusters, err)
		if err == nil && len(out.ClusterArns) > 0 {
			clusters = out.ClusterArns
		}
	}
	if clusters[0] == "" {
		for _, operation := range []string{
			describeClusters, listTasks, describeTasks, describeServices, describeTaskDefinition, describeContainerInstances,
		} {
			p.Steps = append(p.Steps, Step{Operation: operation, Reason: "no cluster is known to call it with"})
		}
		return p
	}
	c.probeCluster(ctx, &p, c.probeClusters(ctx, &p, clusters))
	return p
}

// step adds a call. A cluster that does not exist any more is no error.
func (p *Probe) step(operation string, err error) {
	s := Step{Operation: operation, Err: err}
	if awserr.CauseOf(err).Code == "ClusterNotFoundException" {
		s.Err, s.Reason = nil, "the cluster does not exist any more"
	}
	p.Steps = append(p.Steps, s)
}

// probeClusters returns one of the clusters, with running tasks if any has.
func (c *Client) probeClusters(ctx context.Context, p *Probe, clusters []string) string {
	out, err := c.api.describeClusters(ctx, &ecs.DescribeClustersInput{
		Clusters: clusters, Include: []types.ClusterField{types.ClusterFieldTags},
	})
	p.step(describeClusters, err)
	if err != nil {
		return clusters[0]
	}
	busy := ""
	for _, found := range out.Clusters {
		if found.RunningTasksCount > 0 {
			busy = aws.ToString(found.ClusterName)
		}
		p.Tagged = p.Tagged || len(found.Tags) > 0
		if slices.ContainsFunc(found.Tags, isExclusion) {
			p.Excluded = append(p.Excluded, aws.ToString(found.ClusterName))
		}
	}
	return cmp.Or(busy, clusters[0])
}

func isExclusion(t types.Tag) bool {
	return aws.ToString(t.Key) == "GuardDutyManaged" && aws.ToString(t.Value) == "false"
}

func (c *Client) probeCluster(ctx context.Context, p *Probe, cluster string) {
	task := absent
	listed, err := c.api.listTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, MaxResults: aws.Int32(1)})
	p.step(listTasks, err)
	if err == nil && len(listed.TaskArns) > 0 {
		task = listed.TaskArns[0]
	}
	tasks, err := c.api.describeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{task}})
	p.step(describeTasks, err)
	_, err = c.api.describeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{absent}})
	p.step(describeServices, err)
	if tasks == nil || len(tasks.Tasks) == 0 {
		p.Steps = append(p.Steps, Step{Operation: describeTaskDefinition, Reason: "no running task is known to call it with"})
	} else {
		_, err = c.api.describeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: tasks.Tasks[0].TaskDefinitionArn})
		p.step(describeTaskDefinition, err)
	}
	_, err = c.api.describeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: &cluster, ContainerInstances: []string{absent},
	})
	p.step(describeContainerInstances, err)
}
