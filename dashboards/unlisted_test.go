package dashboards_test

import "testing"

// TestResourcesNotListed has a type that the target lists, one that it does not,
// and one without resources.
func TestResourcesNotListed(t *testing.T) {
	evaluate(t, queryOf(t, overviewFile, "Resources not listed"), map[string]float64{
		`guardduty_coverage_statistics_resources_by_type{target="t",region="r",resource_type="ECS"}`:                   4,
		`guardduty_coverage_statistics_resources_by_type{target="t",region="r",resource_type="EC2"}`:                   213,
		`guardduty_coverage_statistics_resources_by_type{target="t",region="r",resource_type="EKS"}`:                   0,
		`guardduty_coverage_statistics_resources{target="t",region="r",resource_type="ECS",coverage_status="HEALTHY"}`: 4,
	}, []sample{{`{resource_type="EC2",target="t"}`, 213}})
}
