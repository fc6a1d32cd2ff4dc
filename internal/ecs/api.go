package ecs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// api has the operations that a Client calls. Its type must not refer to
// [ecs.Client], which would keep all operations of ECS in the binary.
type api struct {
	listAccountSettings        call[ecs.ListAccountSettingsInput, ecs.ListAccountSettingsOutput]
	listClusters               call[ecs.ListClustersInput, ecs.ListClustersOutput]
	describeClusters           call[ecs.DescribeClustersInput, ecs.DescribeClustersOutput]
	listTasks                  call[ecs.ListTasksInput, ecs.ListTasksOutput]
	describeTasks              call[ecs.DescribeTasksInput, ecs.DescribeTasksOutput]
	describeServices           call[ecs.DescribeServicesInput, ecs.DescribeServicesOutput]
	describeTaskDefinition     call[ecs.DescribeTaskDefinitionInput, ecs.DescribeTaskDefinitionOutput]
	describeContainerInstances call[ecs.DescribeContainerInstancesInput, ecs.DescribeContainerInstancesOutput]
}

type call[In, Out any] func(context.Context, *In, ...func(*ecs.Options)) (*Out, error)

func newAPI(client *ecs.Client) *api {
	return &api{
		listAccountSettings:        client.ListAccountSettings,
		listClusters:               client.ListClusters,
		describeClusters:           client.DescribeClusters,
		listTasks:                  client.ListTasks,
		describeTasks:              client.DescribeTasks,
		describeServices:           client.DescribeServices,
		describeTaskDefinition:     client.DescribeTaskDefinition,
		describeContainerInstances: client.DescribeContainerInstances,
	}
}

// ServiceID is the aws_service label of the client's requests.
const ServiceID = ecs.ServiceID

// Operations returns the operations that a client calls; all reports whether
// [Client.List] is one of them.
func Operations(all bool) []string {
	operations := []string{
		listAccountSettings, describeClusters, listTasks, describeTasks, describeServices, describeTaskDefinition,
		describeContainerInstances,
	}
	if all {
		operations = append(operations, listClusters)
	}
	return operations
}

// The names of the operations.
const (
	listAccountSettings        = "ListAccountSettings"
	listClusters               = "ListClusters"
	describeClusters           = "DescribeClusters"
	listTasks                  = "ListTasks"
	describeTasks              = "DescribeTasks"
	describeServices           = "DescribeServices"
	describeTaskDefinition     = "DescribeTaskDefinition"
	describeContainerInstances = "DescribeContainerInstances"
)
