package config

import (
	"fmt"
	"regexp"
	"strings"
)

// regionPattern takes Regions by their structure, so that those AWS adds later need no new release.
var regionPattern = regexp.MustCompile(
	`^(af|ap|ca|cn|eu|eu-isoe|eusc-de|il|me|mx|sa|us|us-gov|us-iso|us-isob|us-isof)-` +
		`(central|north|northeast|northwest|south|southeast|southwest|east|west)-[1-9]$`)

// knownRegions are what a mistyped Region is compared with; regionPattern alone decides.
const knownRegions = `af-south-1
ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
ca-central-1 ca-west-1
eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
us-east-1 us-east-2 us-west-1 us-west-2
cn-north-1 cn-northwest-1 us-gov-east-1 us-gov-west-1 eusc-de-east-1`

// checkRegion returns what is wrong with the name of a Region, or "". The others are words that might have been meant.
func checkRegion(name string, others ...string) string {
	if regionPattern.MatchString(name) {
		return ""
	}
	near := nearest(name, append(others, strings.Fields(knownRegions)...))
	return fmt.Sprintf("%s is not an AWS Region%s", quote(name), didYouMean(near))
}

// checkRegionOrAll returns what is wrong with an entry of regions, or "".
func checkRegionOrAll(name string) string {
	if name == allRegions {
		return ""
	}
	return checkRegion(name, allRegions)
}

// partition returns the partition of a Region that checkRegion accepted.
func partition(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isoe-", "aws-iso-e"},
		{"eusc-de-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}
