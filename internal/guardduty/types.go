package guardduty

import (
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// resourceType is what the calls for one type of resource differ in.
type resourceType struct {
	sortKey types.CoverageSortKey // an attribute that does not change while pages are read
	nameKey types.CoverageFilterCriterionKey
	convert func(*types.CoverageResourceDetails, *coverage.Row)
}

var resourceTypes = map[coverage.ResourceType]resourceType{
	coverage.ECS: {types.CoverageSortKeyEcsClusterName, types.CoverageFilterCriterionKeyEcsClusterName, convertECS},
	coverage.EC2: {types.CoverageSortKeyInstanceId, types.CoverageFilterCriterionKeyInstanceId, convertEC2},
	coverage.EKS: {types.CoverageSortKeyEksClusterName, types.CoverageFilterCriterionKeyEksClusterName, convertEKS},
}
