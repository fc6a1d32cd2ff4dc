package guardduty

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/guardduty"
)

// api has the operations that a Client calls. Its type must not refer to
// [guardduty.Client]: a Client is used through an interface, and the linker keeps
// all methods of every type that it reaches from there, which would be all
// operations of GuardDuty, 4 MB.
type api struct {
	listDetectors         call[guardduty.ListDetectorsInput, guardduty.ListDetectorsOutput]
	getDetector           call[guardduty.GetDetectorInput, guardduty.GetDetectorOutput]
	listCoverage          call[guardduty.ListCoverageInput, guardduty.ListCoverageOutput]
	getCoverageStatistics call[guardduty.GetCoverageStatisticsInput, guardduty.GetCoverageStatisticsOutput]
	listMembers           call[guardduty.ListMembersInput, guardduty.ListMembersOutput]
	getMemberDetectors    call[guardduty.GetMemberDetectorsInput, guardduty.GetMemberDetectorsOutput]
}

type call[In, Out any] func(context.Context, *In, ...func(*guardduty.Options)) (*Out, error)

func newAPI(client *guardduty.Client) *api {
	return &api{
		listDetectors:         client.ListDetectors,
		getDetector:           client.GetDetector,
		listCoverage:          client.ListCoverage,
		getCoverageStatistics: client.GetCoverageStatistics,
		listMembers:           client.ListMembers,
		getMemberDetectors:    client.GetMemberDetectors,
	}
}
