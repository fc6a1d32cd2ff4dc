package guardduty

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"guardduty_coverage_exporter/internal/coverage"
)

// isECS passes rows of other types over, which the filter did not ask for.
func isECS(r types.CoverageResource) bool {
	return r.ResourceDetails == nil || r.ResourceDetails.ResourceType == "" ||
		r.ResourceDetails.ResourceType == types.ResourceTypeEcs
}

// convert takes a row of ListCoverage out of the SDK's types. The API gives it
// no Region of its own: it is the detector's.
func convert(r types.CoverageResource, region string) (coverage.Row, error) {
	var ecs types.CoverageEcsClusterDetails
	if r.ResourceDetails != nil && r.ResourceDetails.EcsClusterDetails != nil {
		ecs = *r.ResourceDetails.EcsClusterDetails
	}
	row := coverage.Row{
		Key: coverage.Key{
			AccountID: aws.ToString(r.AccountId),
			Region:    region,
			Name:      aws.ToString(ecs.ClusterName),
		},
		Status:    coverage.Status(r.CoverageStatus),
		UpdatedAt: aws.ToTime(r.UpdatedAt),
	}
	if row.AccountID == "" || row.Name == "" {
		return coverage.Row{}, fmt.Errorf("%w: resource %q has no accountId or no clusterName",
			ErrInvalidResponse, coverage.Clean(aws.ToString(r.ResourceId)))
	}
	if fargate := ecs.FargateDetails; fargate != nil {
		row.ManagementType = string(fargate.ManagementType)
		row.Issues = append(row.Issues, fargate.Issues...)
	}
	if instances := ecs.ContainerInstanceDetails; instances != nil {
		row.Covered = aws.ToInt64(instances.CoveredContainerInstances)
		row.Compatible = aws.ToInt64(instances.CompatibleContainerInstances)
	}
	row.Issues = append(row.Issues, aws.ToString(r.Issue))
	return row, nil
}

// convertCounts adds the zeros that the API may leave out, all of them where
// there are no resources.
func convertCounts(counts map[string]int64) map[coverage.Status]int64 {
	converted := map[coverage.Status]int64{coverage.Healthy: 0, coverage.Unhealthy: 0}
	for status, n := range counts {
		converted[coverage.Status(coverage.Clean(status))] = n
	}
	return converted
}
