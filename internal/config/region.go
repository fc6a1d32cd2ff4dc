package config

import (
	"fmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// checkRegion returns the reason why a name is not that of a Region, or "". It also suggests others.
func checkRegion(name string, others ...string) string {
	if awsregion.IsValid(name) {
		return ""
	}
	near := nearest(name, append(others, awsregion.Known()...))
	return fmt.Sprintf("%s is not an AWS Region%s", quote(name), didYouMean(near))
}

// checkRegionOrAll returns the reason why an entry of regions is wrong, or "".
func checkRegionOrAll(name string) string {
	if name == allRegions {
		return ""
	}
	return checkRegion(name, allRegions)
}
