package simulator

import (
	"cmp"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// Statuses of a Region in the Account API.
const (
	regionEnabled   = "ENABLED"
	regionByDefault = "ENABLED_BY_DEFAULT"
	regionDisabled  = "DISABLED"
)

// arn returns the ARN of a resource in a Region.
func arn(service, region, accountID, resource string) string {
	return "arn:" + awsregion.Partition(region) + ":" + service + ":" + region + ":" + accountID + ":" + resource
}

// partition returns Partition or its default.
func (w *World) partition() string { return cmp.Or(w.Partition, "aws") }

// regions returns the Regions of the world's partition.
func (w *World) regions() []string {
	return slices.DeleteFunc(awsregion.Known(), func(name string) bool { return awsregion.Partition(name) != w.partition() })
}

// regionStatus returns the status of a Region for the account. A Region that is
// unknown or of another partition is disabled, and so is every Region of no
// account.
func (w *World) regionStatus(a *Account, region string) string {
	switch {
	case a == nil || slices.Contains(a.DisabledRegions, region) || !slices.Contains(w.regions(), region):
		return regionDisabled
	case awsregion.IsOptIn(region):
		return regionEnabled
	default:
		return regionByDefault
	}
}
