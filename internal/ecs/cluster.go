package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// cluster is one cluster that is read.
type cluster struct {
	*reader
	name     string
	evidence diagnosis.Evidence
	text     interner
	services map[string]bool // names of the services whose tasks may have an agent container
}

// readCluster reads a cluster, except for what DescribeClusters returns, and
// passes the evidence on.
func (r *reader) readCluster(ctx context.Context, q Query, e diagnosis.Evidence) error {
	c := &cluster{reader: r, name: q.Cluster, evidence: e, text: interner{}, services: map[string]bool{}}
	for _, step := range []func(context.Context) error{
		c.readRunning, c.readStopped, c.readServices, c.readDefinitions, c.readInstances,
	} {
		err := step(ctx)
		if errors.Is(err, errGone) {
			r.Gone = append(r.Gone, q.Cluster)
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.each(c.evidence)
	return nil
}

// refuse is [reader.note] for the cluster.
func (c *cluster) refuse(ctx context.Context, operation string, err error) error {
	return c.note(ctx, &c.evidence.Refusals, operation, err)
}

// readRunning reads the tasks that are or should be running. Of too many it keeps
// the newest of those that ECS lists first.
func (c *cluster) readRunning(ctx context.Context) error {
	arns, err := c.listTasks(ctx, &ecs.ListTasksInput{DesiredStatus: types.DesiredStatusRunning}, maxListed)
	if err != nil {
		return c.refuse(ctx, listTasks, err)
	}
	if err := c.describeTasks(ctx, arns, func(*types.Task) bool { return true }); err != nil {
		return err
	}
	if c.evidence.Truncated && c.Refusal == nil {
		c.Refusal = fmt.Errorf("cluster %s: %w", c.name, errTooManyTasks)
	}
	return nil
}

// errTooManyTasks means that not all tasks of a cluster are read.
var errTooManyTasks = fmt.Errorf("there are more than %d tasks", maxTasks)

// maxStoppedFamilies limits the families whose stopped tasks are read.
const maxStoppedFamilies = 10

// readStopped reads the stopped tasks of the task definitions that GuardDuty's
// issues name but no running task has.
func (c *cluster) readStopped(ctx context.Context) error {
	if c.evidence.Row == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := range c.evidence.Tasks {
		seen[diagnosis.Revision(c.evidence.Tasks[i].TaskDefinition)] = true
	}
	families := 0
	for _, issue := range c.evidence.Row.Issues {
		name := diagnosis.Revision(issue.TaskDefinition())
		family, _, ok := strings.Cut(name, ":")
		if !ok || !isName(family) || seen[name] {
			continue
		}
		if families++; families > maxStoppedFamilies {
			c.evidence.Truncated = true
			return nil
		}
		seen[name] = true
		in := &ecs.ListTasksInput{DesiredStatus: types.DesiredStatusStopped, Family: &family}
		arns, err := c.listTasks(ctx, in, pageSize)
		if err != nil {
			return c.refuse(ctx, listTasks, err)
		}
		named := func(t *types.Task) bool { return diagnosis.Revision(aws.ToString(t.TaskDefinitionArn)) == name }
		if err := c.describeTasks(ctx, arns, named); err != nil {
			return err
		}
	}
	return nil
}

// listTasks returns the ARNs of at most limit tasks, or a few more.
func (c *cluster) listTasks(ctx context.Context, in *ecs.ListTasksInput, limit int) ([]string, error) {
	var arns []string
	in.Cluster, in.MaxResults = &c.name, aws.Int32(pageSize)
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		out, err := invoke(ctx, c.reader, listTasks, c.client.api.listTasks, in)
		if err != nil {
			return nil, err
		}
		if out.TaskArns == nil {
			return nil, fmt.Errorf("%w: no taskArns", coverage.ErrInvalidResponse)
		}
		arns = append(arns, out.TaskArns...)
		if len(arns) >= limit && aws.ToString(out.NextToken) != "" {
			c.evidence.Truncated = true
			return nil, nil
		}
		return out.NextToken, nil
	})
	slices.Sort(arns) // a task may be on two pages
	return slices.Compact(arns), err
}

// describeTasks adds the listed tasks that still exist and are kept.
func (c *cluster) describeTasks(ctx context.Context, arns []string, keep func(*types.Task) bool) error {
	for batch := range slices.Chunk(arns, pageSize) {
		out, err := invoke(ctx, c.reader, describeTasks, c.client.api.describeTasks, &ecs.DescribeTasksInput{
			Cluster: &c.name, Tasks: batch,
		})
		ok, err := c.described(ctx, describeTasks, err, func() (int, []types.Failure) { return len(batch) - len(out.Tasks), out.Failures })
		if !ok {
			return err
		}
		for i := range out.Tasks {
			switch t := &out.Tasks[i]; {
			case t.LastStatus == nil || t.Containers == nil:
				c.refuseEntry(describeTasks, string(coverage.InvalidResponse))
			case keep(t):
				c.addTask(t)
			}
		}
		if len(c.evidence.Tasks) > 2*maxTasks {
			c.keepNewest()
		}
	}
	c.keepNewest()
	return nil
}

func (c *cluster) keepNewest() {
	if tasks := c.evidence.Tasks; len(tasks) > maxTasks {
		slices.SortFunc(tasks, func(a, b diagnosis.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
		clear(tasks[maxTasks:])
		c.evidence.Tasks, c.evidence.Truncated = tasks[:maxTasks], true
	}
}

func (c *cluster) addTask(t *types.Task) {
	task := c.text.task(t)
	c.evidence.Tasks = append(c.evidence.Tasks, task)
	if service, ok := strings.CutPrefix(aws.ToString(t.Group), "service:"); ok && task.MayHaveContainer() {
		c.services[c.text.intern(service)] = true
	}
}

// described reports whether a call has described what was requested. response
// returns how many entries it did not describe, and its failures: each is a refusal,
// unless it means that the entry has gone since it was listed.
func (c *cluster) described(
	ctx context.Context, operation string, err error, response func() (absent int, failures []types.Failure),
) (bool, error) {
	if err != nil {
		return false, c.refuse(ctx, operation, err)
	}
	absent, failures := response()
	if absent > len(failures) {
		return false, c.refuse(ctx, operation, fmt.Errorf("%w: not everything that was requested is described", coverage.ErrInvalidResponse))
	}
	for _, f := range failures {
		if reason := aws.ToString(f.Reason); reason != missing {
			c.refuseEntry(operation, c.text.sanitize(reason))
		}
	}
	return true, nil
}

// refuseEntry adds a refusal for one entry of a response, unless the operation has
// one.
func (c *cluster) refuseEntry(operation, reason string) {
	if c.Refusal == nil {
		c.Refusal = fmt.Errorf("%w: %s of cluster %s: an entry has the failure %q", coverage.ErrInvalidResponse, operation, c.name, reason)
	}
	appendRefusal(&c.evidence.Refusals, diagnosis.Refusal{Action: action(operation), Reason: reason})
}

const servicesPerCall = 10 // the limit of DescribeServices

// readServices reads the services of the tasks. ListServices is not needed: the
// group of a task names its service.
func (c *cluster) readServices(ctx context.Context) error {
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(c.services)), servicesPerCall) {
		out, err := invoke(ctx, c.reader, describeServices, c.client.api.describeServices, &ecs.DescribeServicesInput{
			Cluster: &c.name, Services: batch,
		})
		ok, err := c.described(ctx, describeServices, err, func() (int, []types.Failure) { return len(batch) - len(out.Services), out.Failures })
		if !ok {
			return err
		}
		for i := range out.Services {
			c.evidence.Services = append(c.evidence.Services, c.text.service(&out.Services[i]))
		}
	}
	return nil
}

// readDefinitions reads the task definitions of the tasks that may have an agent
// container and have not stopped.
func (c *cluster) readDefinitions(ctx context.Context) error {
	for i := range c.evidence.Tasks {
		t := &c.evidence.Tasks[i]
		_, known := c.evidence.TaskDefinitions[t.TaskDefinition]
		if known || t.TaskDefinition == "" || !t.MayHaveContainer() || t.LastStatus == string(types.DesiredStatusStopped) {
			continue
		}
		definition, ok := c.client.definitions.get(t.TaskDefinition)
		if !ok {
			out, err := invoke(ctx, c.reader, describeTaskDefinition, c.client.api.describeTaskDefinition,
				&ecs.DescribeTaskDefinitionInput{TaskDefinition: &t.TaskDefinition})
			if err == nil && out.TaskDefinition == nil {
				err = fmt.Errorf("%w: no taskDefinition", coverage.ErrInvalidResponse)
			}
			if err != nil {
				if err := c.refuseDefinition(ctx, err); err != nil {
					return err
				}
				continue
			}
			definition = c.text.definition(out.TaskDefinition)
			c.client.definitions.put(t.TaskDefinition, definition)
		}
		c.evidence.TaskDefinitions[t.TaskDefinition] = definition
	}
	return nil
}

// refuseDefinition is refuse for DescribeTaskDefinition. A task definition that has
// been deleted is missing in the evidence, but everything that exists is read.
func (c *cluster) refuseDefinition(ctx context.Context, err error) error {
	before := c.Refusal
	err = c.refuse(ctx, describeTaskDefinition, err)
	if deleted := (*types.ClientException)(nil); errors.As(c.Refusal, &deleted) {
		c.Refusal = before
	}
	return err
}

// readInstances reads the EC2 instance IDs of the container instances that the
// tasks are on.
func (c *cluster) readInstances(ctx context.Context) error {
	arns := map[string]bool{}
	for i := range c.evidence.Tasks {
		if t := &c.evidence.Tasks[i]; t.LaunchType == string(types.LaunchTypeEc2) && t.ContainerInstance != "" {
			arns[t.ContainerInstance] = true
		}
	}
	c.evidence.InstanceIDs = map[string]string{}
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(arns)), pageSize) {
		out, err := invoke(ctx, c.reader, describeContainerInstances, c.client.api.describeContainerInstances,
			&ecs.DescribeContainerInstancesInput{Cluster: &c.name, ContainerInstances: batch})
		ok, err := c.described(ctx, describeContainerInstances, err, func() (int, []types.Failure) {
			return len(batch) - len(out.ContainerInstances), out.Failures
		})
		if !ok {
			return err
		}
		for _, i := range out.ContainerInstances {
			c.evidence.InstanceIDs[c.text.identifier(i.ContainerInstanceArn)] = c.text.identifier(i.Ec2InstanceId)
		}
	}
	return nil
}
