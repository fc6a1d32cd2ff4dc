package simulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	ecsPrefix = "arn:aws:ecs:" + region + ":" + administrator + ":"
	// executionRole is the execution role of ecsWorld's tasks.
	executionRole = "arn:aws:iam::" + administrator + ":role/execution"
)

// created is when most of ecsWorld was created.
func created() time.Time { return time.Date(2026, 10, 2, 3, 4, 5, 123e6, time.UTC) }

// ecsWorld returns a world in which the administrator has the clusters shop, with a
// service of each deployment controller and tasks of each launch type, and old, with
// ARNs of the old format.
func ecsWorld() *simulator.World {
	w := smallWorld()
	a := w.Accounts[0]
	a.TaskDefinitions = []*simulator.TaskDefinition{
		{Region: region, Family: "orders", Revision: 41, ExecutionRole: executionRole, Status: "INACTIVE"},
		{Region: region, Family: "orders", Revision: 42, ExecutionRole: executionRole, CPUArchitecture: "ARM64", Tags: map[string]string{"team": "shop"}},
		{Region: region, Family: "windows", Revision: 1, OSFamily: "WINDOWS_SERVER_2022_CORE"},
		{Region: region, Family: "legacy", Revision: 3, LaunchType: "EC2"},
	}
	shop := &simulator.Cluster{
		Region: region, Name: "shop", Tags: map[string]string{"GuardDutyManaged": "true", "team": "shop"},
		Issues: []string{"Agent not provisioned: Service 'orders' requires a new deployment", "Others: something else"},
		Services: []*simulator.Service{
			{Name: "orders", TaskDefinition: "orders:42", CreatedAt: created(), Tags: map[string]string{"team": "orders"}},
			{Name: "green", TaskDefinition: "orders:41", Controller: "CODE_DEPLOY", CreatedAt: created(), DeployedAt: created().Add(time.Hour), ReplacedAt: created()},
			{Name: "legacy", TaskDefinition: "legacy:3", LaunchType: "EC2", CreatedAt: created(), NoNetwork: true},
		},
		Tasks: []*simulator.Task{
			{ID: "0a", Service: "orders", CreatedAt: created(), CPUArchitecture: "arm64", CapacityProvider: "FARGATE_SPOT"},
			{
				ID: "0b", Service: "orders", CreatedAt: created(), Agent: &simulator.Container{
					LastStatus: "STOPPED", ExitCode: aws.Int(137), Reason: "OutOfMemoryError: container killed",
				},
			},
			{ID: "0c", TaskDefinition: "windows:1", PlatformFamily: "WINDOWS_SERVER_2022_CORE", PlatformVersion: "1.0.0", StartedBy: "chronos-schedule/nightly"},
			{ID: "0d", Service: "legacy", LaunchType: "EC2", Instance: "i-0123456789abcdef0"},
			{ID: "0e", TaskDefinition: "legacy:3", LaunchType: "EXTERNAL", Instance: "mi-0123456789abcdef0", Group: "batch"},
			{ID: "0f", TaskDefinition: "orders:41", StoppedAt: created(), StopCode: "EssentialContainerExited", StoppedReason: "exited"},
			{ID: "1a", TaskDefinition: "orders:42", LastStatus: "PROVISIONING", NoNetwork: true, ExecutionRole: executionRole},
		},
	}
	old := &simulator.Cluster{Region: region, Name: "old", OldARNs: true, Tasks: []*simulator.Task{{ID: "2a", TaskDefinition: "orders:42"}}}
	gone := &simulator.Cluster{Region: region, Name: "gone", Deleted: true}
	a.Clusters = append(a.Clusters, shop, old, gone, &simulator.Cluster{Region: region, Name: "new", Unlisted: true})
	a.Instances = []*simulator.Instance{{Region: region, ID: "i-0fedcba9876543210", ClusterARN: ecsPrefix + "cluster/shop"}}
	w.Accounts[1].Roles = append(w.Accounts[1].Roles, &simulator.Role{Name: "ecs", Deny: []string{"ecs:ListTasks"}})
	return w
}

func ecsClient(url, account string) *ecs.Client { return ecs.NewFromConfig(awsConfig(url, account)) }

func TestECSClusters(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecsClient(url, administrator)
	list, err := client.ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"alpha", "bravo", "new", "old", "shop"}
	for i, name := range want {
		want[i] = ecsPrefix + "cluster/" + name
	}
	if !slices.Equal(list.ClusterArns, want) {
		t.Errorf("clusters are %q", list.ClusterArns)
	}
	out, err := client.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{
		Clusters: []string{"shop", ecsPrefix + "cluster/old", "gone", "arn:aws:ecs:eu-west-1:" + administrator + ":cluster/elsewhere"},
		Include:  []types.ClusterField{types.ClusterFieldTags, types.ClusterFieldSettings, types.ClusterFieldStatistics},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Clusters) != 2 || len(out.Failures) != 2 || *out.Failures[0].Arn != ecsPrefix+"cluster/gone" || *out.Failures[1].Reason != "MISSING" {
		t.Fatalf("%d clusters, failures %+v", len(out.Clusters), out.Failures)
	}
	c := out.Clusters[0]
	if *c.ClusterName != "shop" || *c.Status != "ACTIVE" || c.RegisteredContainerInstancesCount != 3 ||
		c.RunningTasksCount != 5 || c.PendingTasksCount != 1 || c.ActiveServicesCount != 3 {
		t.Errorf("cluster is %+v", c)
	}
	if len(c.Tags) != 2 || *c.Tags[0].Key != "GuardDutyManaged" || *c.Tags[0].Value != "true" || len(c.Settings) != 1 ||
		len(c.Statistics) != 4 || *c.Statistics[1].Value != "3" {
		t.Errorf("tags %+v, settings %+v, statistics %+v", c.Tags, c.Settings, c.Statistics)
	}
	out, err = client.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"shop"}})
	if err != nil || out.Clusters[0].Tags == nil || len(out.Clusters[0].Tags) != 0 {
		t.Errorf("without include: %+v, %v", out, err)
	}
	out, err = client.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{})
	if err != nil || len(out.Failures) != 1 || *out.Failures[0].Arn != ecsPrefix+"cluster/default" {
		t.Errorf("without names: %+v, %v", out, err)
	}
}

func TestECSServices(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecsClient(url, administrator)
	list, err := client.ListServices(t.Context(), &ecs.ListServicesInput{Cluster: aws.String("shop"), LaunchType: types.LaunchTypeFargate})
	if err != nil || !slices.Equal(list.ServiceArns, []string{ecsPrefix + "service/shop/green", ecsPrefix + "service/shop/orders"}) {
		t.Fatalf("%+v, %v", list, err)
	}
	out, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{
		Cluster: aws.String("shop"), Services: append(list.ServiceArns, "legacy", "none"), Include: []types.ServiceField{types.ServiceFieldTags},
	})
	if err != nil || len(out.Services) != 3 || len(out.Failures) != 1 || *out.Failures[0].Arn != ecsPrefix+"service/shop/none" {
		t.Fatalf("%+v, %v", out, err)
	}
	green, orders, legacy := out.Services[0], out.Services[1], out.Services[2]
	if len(orders.Deployments) != 1 || *orders.Deployments[0].Status != "PRIMARY" || !orders.Deployments[0].CreatedAt.Equal(created()) ||
		orders.RunningCount != 2 || *orders.PlatformVersion != "LATEST" || *orders.TaskDefinition != ecsPrefix+"task-definition/orders:42" ||
		len(orders.NetworkConfiguration.AwsvpcConfiguration.Subnets) != 1 || *orders.Tags[0].Value != "orders" || len(orders.TaskSets) != 0 {
		t.Errorf("orders is %+v", orders)
	}
	if len(green.Deployments) != 0 || len(green.TaskSets) != 2 || *green.TaskSets[1].Status != "PRIMARY" ||
		!green.TaskSets[1].CreatedAt.Equal(created().Add(time.Hour)) || green.DeploymentController.Type != "CODE_DEPLOY" {
		t.Errorf("green is %+v", green)
	}
	if legacy.NetworkConfiguration != nil || legacy.LaunchType != types.LaunchTypeEc2 || legacy.PlatformVersion != nil {
		t.Errorf("legacy is %+v", legacy)
	}
}

// TestListTasks lists tasks by every filter.
func TestListTasks(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecsClient(url, administrator)
	instances, err := client.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Cluster: aws.String("shop")})
	if err != nil || len(instances.ContainerInstanceArns) != 3 {
		t.Fatalf("%+v, %v", instances, err)
	}
	for _, tc := range []struct {
		in   ecs.ListTasksInput
		want string
	}{
		{ecs.ListTasksInput{}, "0a 0b 0c 0d 0e 1a"},
		{ecs.ListTasksInput{DesiredStatus: types.DesiredStatusStopped}, "0f"},
		{ecs.ListTasksInput{DesiredStatus: types.DesiredStatusPending}, ""},
		{ecs.ListTasksInput{Family: aws.String("orders")}, "0a 0b 1a"},
		{ecs.ListTasksInput{ServiceName: aws.String("orders"), LaunchType: types.LaunchTypeFargate}, "0a 0b"},
		{ecs.ListTasksInput{ServiceName: aws.String(ecsPrefix + "service/shop/legacy")}, "0d"},
		{ecs.ListTasksInput{LaunchType: types.LaunchTypeExternal}, "0e"},
		{ecs.ListTasksInput{StartedBy: aws.String("chronos-schedule/nightly")}, "0c"},
	} {
		tc.in.Cluster = aws.String(ecsPrefix + "cluster/shop")
		out, err := client.ListTasks(t.Context(), &tc.in)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, arn := range out.TaskArns {
			id, ok := strings.CutPrefix(arn, ecsPrefix+"task/shop/")
			if !ok {
				t.Errorf("the ARN is %s", arn)
			}
			ids = append(ids, id)
		}
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.in, got, tc.want)
		}
	}
	var onInstances int
	for _, arn := range instances.ContainerInstanceArns {
		out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("shop"), ContainerInstance: &arn})
		if err != nil {
			t.Fatal(err)
		}
		onInstances += len(out.TaskArns)
	}
	if onInstances != 2 {
		t.Errorf("%d tasks are on instances", onInstances)
	}
	out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("old")})
	if err != nil || !slices.Equal(out.TaskArns, []string{ecsPrefix + "task/2a"}) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestDescribeTasks(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecsClient(url, administrator)
	out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{
		Cluster: aws.String("shop"), Tasks: []string{ecsPrefix + "task/shop/0a", "0b", "0c", "0d", "0e", "0f", "1a", "ff"},
	})
	if err != nil || len(out.Tasks) != 7 || len(out.Failures) != 1 || *out.Failures[0].Arn != ecsPrefix+"task/shop/ff" {
		t.Fatalf("%+v, %v", out, err)
	}
	first := out.Tasks[0]
	if *first.Group != "service:orders" || !strings.HasPrefix(*first.StartedBy, "ecs-svc/") || *first.PlatformVersion != "1.4.0" || *first.PlatformFamily != "Linux" ||
		!first.CreatedAt.Equal(created()) || *first.CapacityProviderName != "FARGATE_SPOT" || *first.Attributes[0].Value != "arm64" ||
		*first.TaskDefinitionArn != ecsPrefix+"task-definition/orders:42" || *first.Attachments[0].Details[0].Name != "subnetId" ||
		len(first.Containers) != 1 || *first.Containers[0].LastStatus != "RUNNING" || *first.LastStatus != "RUNNING" {
		t.Errorf("the first task is %+v", first)
	}
	agent := out.Tasks[1].Containers[1]
	if *agent.Name != "aws-guardduty-agent-mfjGLB" || *agent.LastStatus != "STOPPED" || *agent.ExitCode != 137 ||
		!strings.HasSuffix(*agent.Image, ".dkr.ecr."+region+".amazonaws.com/aws-guardduty-agent-fargate:v1.17.1-Fg_x86_64") {
		t.Errorf("the agent is %+v", agent)
	}
	if w := out.Tasks[2]; *w.PlatformFamily != "WINDOWS_SERVER_2022_CORE" || *w.Group != "family:windows" || *w.StartedBy != "chronos-schedule/nightly" {
		t.Errorf("the Windows task is %+v", w)
	}
	if x := out.Tasks[4]; x.LaunchType != types.LaunchTypeExternal || *x.Group != "batch" || x.PlatformVersion != nil || len(x.Attachments) != 0 {
		t.Errorf("the task of ECS Anywhere is %+v", x)
	}
	if s := out.Tasks[5]; *s.LastStatus != "STOPPED" || *s.DesiredStatus != "STOPPED" || s.StopCode != types.TaskStopCodeEssentialContainerExited {
		t.Errorf("the stopped task is %+v", s)
	}
	if p := out.Tasks[6]; *p.LastStatus != "PROVISIONING" || *p.DesiredStatus != "RUNNING" || len(p.Attachments) != 0 || *p.Overrides.ExecutionRoleArn != executionRole {
		t.Errorf("the pending task is %+v", p)
	}

	instances, err := client.DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String("shop"), ContainerInstances: []string{*out.Tasks[3].ContainerInstanceArn, *out.Tasks[4].ContainerInstanceArn, "none"},
	})
	if err != nil || len(instances.ContainerInstances) != 2 || len(instances.Failures) != 1 ||
		*instances.ContainerInstances[0].Ec2InstanceId != "i-0123456789abcdef0" || instances.ContainerInstances[0].RunningTasksCount != 1 ||
		*instances.ContainerInstances[1].Ec2InstanceId != "mi-0123456789abcdef0" {
		t.Errorf("%+v, %v", instances, err)
	}
}

func TestDescribeTaskDefinition(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecsClient(url, administrator)
	for name, want := range map[string]string{
		"orders": "orders:42", "orders:41": "orders:41", ecsPrefix + "task-definition/windows:1": "windows:1",
	} {
		out, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{
			TaskDefinition: &name, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := out.TaskDefinition
		if got := fmt.Sprintf("%s:%d", *d.Family, d.Revision); got != want || *d.TaskDefinitionArn != ecsPrefix+"task-definition/"+want {
			t.Errorf("%s: %+v", name, d)
		}
		if want == "windows:1" && (d.RuntimePlatform.OperatingSystemFamily != types.OSFamilyWindowsServer2022Core || d.ExecutionRoleArn != nil) {
			t.Errorf("windows is %+v", d)
		}
		if want == "orders:42" && (*d.ExecutionRoleArn != executionRole || d.RuntimePlatform.CpuArchitecture != types.CPUArchitectureArm64 || len(out.Tags) != 1) {
			t.Errorf("orders is %+v", d)
		}
	}
}
