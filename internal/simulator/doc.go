// Package simulator is an HTTP server with the part of the GuardDuty, STS,
// Account, Organizations, SQS, ECS, EC2 and IAM APIs that the exporter, its runbooks
// and its demo use. Its data is a World in memory. The demo, tests and the AWS CLI
// use it.
//
// One endpoint serves every service and Region: both come from the credential
// scope of the request's Signature Version 4, and the account from its access
// key. The server verifies signatures, and its errors have the form of those of
// AWS. The package shares no type with the AWS SDK, so that a client built on the
// SDK and this server test each other.
//
// # Operations
//
//   - guardduty (REST-JSON): ListDetectors, GetDetector, ListMembers, GetMembers,
//     GetMemberDetectors, ListCoverage, GetCoverageStatistics
//   - sts (Query): AssumeRole, GetCallerIdentity
//   - account (REST-JSON): ListRegions
//   - organizations (JSON 1.1): ListAccounts
//   - sqs (JSON 1.0): ReceiveMessage, DeleteMessage and DeleteMessageBatch,
//     ChangeMessageVisibility and ChangeMessageVisibilityBatch,
//     GetQueueAttributes, SendMessage without attributes or delay
//   - ecs (JSON 1.1): ListClusters, DescribeClusters, ListServices,
//     DescribeServices, ListTasks, DescribeTasks, DescribeTaskDefinition,
//     ListContainerInstances, DescribeContainerInstances, ListAccountSettings,
//     UpdateService with forceNewDeployment
//   - ec2 (Query in the form of EC2): DescribeSubnets, DescribeVpcEndpoints,
//     DescribeVpcAttribute, DescribeSecurityGroups
//   - iam (Query): GetRole
//
// ListCoverage returns ECS clusters, EC2 instances and EKS clusters, all of them
// if the filter has no RESOURCE_TYPE, as on AWS. AWS does not document the
// following, so it is a choice of this package: the order of an unsorted listing,
// the form of an EKS cluster's resourceId, and that rows without the sort
// attribute come first.
//
// Queues are standard queues, but keep the order and deliver a message exactly
// once per visibility. A receipt handle is valid until the message is received
// again; DeleteMessage with an older one succeeds and has no effect, as the API
// reference documents. Changing the visibility of a visible message succeeds and
// has no effect, as recorded from AWS in github.com/localstack/localstack, pull
// request 9632; that an older handle is rejected like that of a deleted message is
// a choice of this package. Visibility follows the server's clock, long polls wait
// in real time.
//
// ECS has the services and tasks of a Cluster as they are declared. Only
// UpdateService derives: it replaces the tasks of the service by new ones, to which
// the agent is added as GuardDuty does it, and removes the issues of the row that
// name the service or its task definition if every new task has a running agent.
//
// # Events
//
// Update compares coverage statuses before and after, and sends GuardDuty's
// EventBridge event of each change to the queues that receive events; see Queue.
//
// # Admin
//
// Other processes can change the world with plain JSON and without a signature:
//
//	PUT /simulator/clusters     create or replace an ECS cluster's row, updated now
//	DELETE /simulator/clusters  remove one
//
// Both take a JSON object with account_id, region and cluster_name; PUT also
// takes coverage_status, issue, issues (a list), management_type, covered and
// compatible, as in Cluster. The response is 204, or 400 or 404 with {"message":
// …}. Every client that can connect can use it, so listen only on a loopback
// address.
package simulator
