package simulator

import (
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// Statuses of a Region in the Account API.
const (
	regionEnabled   = "ENABLED"
	regionByDefault = "ENABLED_BY_DEFAULT"
	regionDisabled  = "DISABLED"
)

// regionStatus returns the status of a Region for the account. A Region that
// does not exist is disabled, and so is every Region of no account.
func regionStatus(a *Account, region string) string {
	switch {
	case a == nil || slices.Contains(a.DisabledRegions, region):
		return regionDisabled
	case slices.Contains(awsregion.Default(), region):
		return regionByDefault
	case slices.Contains(awsregion.OptIn(), region):
		return regionEnabled
	default:
		return regionDisabled
	}
}
