// Package awsregion holds what the exporter knows about AWS Regions: which
// names are valid, which partition a Region is in, and which Regions an account
// can disable.
package awsregion

import (
	"regexp"
	"slices"
	"strings"
)

// pattern accepts Regions by structure, so that a Region that AWS adds later
// needs no new release.
var pattern = regexp.MustCompile(
	`^(af|ap|ca|cn|eu|eu-isoe|eusc-de|il|me|mx|sa|us|us-gov|us-iso|us-isob|us-isof)-` +
		`(central|north|northeast|northwest|south|southeast|southwest|east|west)-[1-9]$`)

// Pattern returns the regular expression of a Region name.
func Pattern() string { return pattern.String() }

// IsValid reports whether name has the structure of a Region name.
func IsValid(name string) bool { return pattern.MatchString(name) }

// Default returns the Regions of the aws partition that every account has, in
// alphabetical order. Source: AWS Account Management, "Enable or disable AWS
// Regions in your account" (read November 2026).
func Default() []string {
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// OptIn returns the Regions of the aws partition that an account has to enable,
// in alphabetical order. Source: as for [Default], and the partitions file of
// the AWS SDK (read November 2026).
func OptIn() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4",
		"ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1",
		"eu-south-2", "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1", "sa-west-1",
	}
}

// otherPartitions returns the Regions outside the aws partition.
func otherPartitions() []string {
	return []string{
		"cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1", "eusc-de-east-1",
		"us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "us-isof-east-1", "us-isof-south-1",
		"eu-isoe-west-1",
	}
}

// Known returns the Regions known at the time of the release, of every
// partition. It is for suggestions: [IsValid] accepts more.
func Known() []string { return slices.Concat(Default(), OptIn(), otherPartitions()) }

// IsOptIn reports whether an account may have the Region disabled: a Region of
// the aws partition that is not one of [Default]. It is false for a name that
// is not a Region's.
func IsOptIn(region string) bool {
	return IsValid(region) && Partition(region) == "aws" && !slices.Contains(Default(), region)
}

// Partition returns the partition of a Region, such as aws or aws-cn. It goes
// by the prefix of the name, and is aws for any other.
func Partition(region string) string {
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

// Home returns a Region of a partition that no account has disabled, to request
// credentials in; that of the aws partition for an unknown one.
func Home(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-iso":
		return "us-iso-east-1"
	case "aws-iso-b":
		return "us-isob-east-1"
	case "aws-iso-e":
		return "eu-isoe-west-1"
	case "aws-iso-f":
		return "us-isof-south-1"
	case "aws-eusc":
		return "eusc-de-east-1"
	}
	return "us-east-1"
}
