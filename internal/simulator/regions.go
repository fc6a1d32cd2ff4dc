package simulator

import "slices"

// Statuses of a Region in the Account API.
const (
	regionEnabled   = "ENABLED"
	regionByDefault = "ENABLED_BY_DEFAULT"
	regionDisabled  = "DISABLED"
)

// defaultRegions returns the Regions of the partition aws that every account
// has, in alphabetical order.
func defaultRegions() []string {
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// optInRegions returns the Regions of the partition aws that an account may
// turn off, in alphabetical order.
func optInRegions() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4",
		"ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1",
		"eu-south-2", "il-central-1", "me-central-1", "me-south-1", "mx-central-1",
	}
}

// regionStatus returns the status of a Region for the account. A Region that
// does not exist is disabled, and so is every Region of no account.
func regionStatus(a *Account, region string) string {
	switch {
	case a == nil || slices.Contains(a.DisabledRegions, region):
		return regionDisabled
	case slices.Contains(defaultRegions(), region):
		return regionByDefault
	case slices.Contains(optInRegions(), region):
		return regionEnabled
	default:
		return regionDisabled
	}
}
