// Package simulator is Amazon GuardDuty's runtime coverage on the wire: an HTTP
// server that answers the GuardDuty, STS, Account, Organizations and SQS calls of
// an exporter from a World held in memory. It serves the demo, the tests and the
// AWS CLI alike.
//
// One endpoint stands for every service and Region: both come from the
// credential scope of the request's Signature Version 4, and the account from
// its access key. Signatures are verified, and what AWS refuses is refused in
// the shape AWS gives it. The package shares no type with the AWS SDK, so that
// a client built on the SDK and this server check each other.
//
// # Served
//
//   - guardduty (REST-JSON): ListDetectors, GetDetector, ListMembers,
//     GetMemberDetectors, ListCoverage, GetCoverageStatistics
//   - sts (Query): AssumeRole, GetCallerIdentity
//   - account (REST-JSON): ListRegions
//   - organizations (JSON 1.1): ListAccounts
//   - sqs (JSON 1.0): ReceiveMessage, DeleteMessage and DeleteMessageBatch,
//     ChangeMessageVisibility and ChangeMessageVisibilityBatch,
//     GetQueueAttributes, SendMessage without attributes or delay
//
// Coverage has rows of ECS clusters, EC2 instances and EKS clusters, and all of
// them come where a call does not ask for a RESOURCE_TYPE, as on AWS. What no
// source tells is decided here: the order of an unsorted listing, the form of
// an EKS cluster's resourceId, and that a row without an attribute sorts before
// those that have it.
//
// Queues are standard ones, but keep to the order and deliver a message once for
// each time it is visible. A receipt handle is good until the message is received
// again; with an older one DeleteMessage succeeds and deletes nothing, as the API
// reference has it. To change the visibility of a message that is visible again
// succeeds and does nothing, as recorded of AWS in github.com/localstack/localstack,
// pull request 9632; that an older handle is refused as one of a deleted message
// is, is decided here. Visibility goes by the server's clock, a long poll waits in
// real time. Messages are kept for four days.
//
// # Events
//
// Update compares coverage statuses before and after, and sends the EventBridge
// event of GuardDuty of each change to the queues that ask for them; see Queue.
//
// # Control
//
// A process outside of this one changes a served world over plain JSON without
// a signature:
//
//	PUT /simulator/clusters     create or replace one cluster's row; its updatedAt becomes now
//	DELETE /simulator/clusters  remove one
//
// Both take a JSON object. account_id, region and cluster_name name the row;
// PUT also takes coverage_status, issue, issues (a list), management_type,
// covered and compatible, with the meaning of the fields of Cluster. They
// answer 204, or 400 or 404 with {"message": …}. Whoever reaches the server can
// use them, which is why it belongs on a loopback address.
package simulator
