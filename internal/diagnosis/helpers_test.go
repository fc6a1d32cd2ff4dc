package diagnosis

import "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"

// row returns GuardDuty's row of the cluster.
func row(status string, issues ...string) *coverage.Resource {
	r := coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-central-1", Name: "shop"}, Status: coverage.Status(status), Issues: issues,
	})
	return &r
}
