package awsregion

import (
	"slices"
	"testing"
)

func TestRegions(t *testing.T) {
	for _, c := range []struct {
		region    string
		partition string
		valid     bool
		optIn     bool
	}{
		{"us-east-1", "aws", true, false},
		{"sa-east-1", "aws", true, false},
		{"ap-northeast-3", "aws", true, false},
		{"me-south-1", "aws", true, true},
		{"me-west-1", "aws", true, true},
		{"sa-west-1", "aws", true, true},
		{"us-east-9", "aws", true, true}, // one that AWS may add
		{"cn-north-1", "aws-cn", true, false},
		{"us-gov-west-1", "aws-us-gov", true, false},
		{"us-iso-east-1", "aws-iso", true, false},
		{"us-isob-west-1", "aws-iso-b", true, false},
		{"us-isof-south-1", "aws-iso-f", true, false},
		{"eu-isoe-west-1", "aws-iso-e", true, false},
		{"eusc-de-east-1", "aws-eusc", true, false},
		{"", "aws", false, false},
		{"all", "aws", false, false},
		{"us-east-1a", "aws", false, false},
		{"US-EAST-1", "aws", false, false},
	} {
		if IsValid(c.region) != c.valid || Partition(c.region) != c.partition || IsOptIn(c.region) != c.optIn {
			t.Errorf("%q: valid %v, partition %s, opt-in %v; want %v, %s, %v",
				c.region, IsValid(c.region), Partition(c.region), IsOptIn(c.region), c.valid, c.partition, c.optIn)
		}
	}
}

func TestKnownRegionsAreConsistent(t *testing.T) {
	for _, region := range Known() {
		if !IsValid(region) {
			t.Errorf("%s is known but not valid", region)
		}
		if IsOptIn(region) != slices.Contains(OptIn(), region) {
			t.Errorf("IsOptIn(%s) = %v", region, IsOptIn(region))
		}
		if home := Home(Partition(region)); Partition(home) != Partition(region) || IsOptIn(home) {
			t.Errorf("%s: the home Region of its partition is %s", region, home)
		}
	}
	if n := len(Default()); n != 17 {
		t.Errorf("%d default Regions, want 17", n)
	}
}
