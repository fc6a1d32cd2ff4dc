package demo

import "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"

// legacyVPC is a VPC, in each account and Region, that cannot have an endpoint for
// GuardDuty, and legacySubnet its subnet.
const (
	legacyVPC    = "vpc-0fedcba9876543210"
	legacySubnet = "subnet-0fedcba9876543210"
)

// executionRoleName is the task execution role of every account.
const executionRoleName = "ecsTaskExecutionRole"

// vpcs returns the VPCs of an account in a Region.
func vpcs(region string) []*simulator.VPC {
	const endpoint, group = "vpce-0123456789abcdef0", "sg-0123456789abcdef0"
	return []*simulator.VPC{
		{
			Region: region, ID: "vpc-0123456789abcdef0", Subnets: []*simulator.Subnet{{}},
			Endpoints:      []*simulator.VPCEndpoint{{ID: endpoint, Groups: []string{group}}},
			SecurityGroups: []*simulator.SecurityGroup{{ID: group, Ingress: []simulator.Ingress{{From: 443, To: 443, CIDR: "10.0.0.0/16"}}}},
		},
		{
			Region: region, ID: legacyVPC, DNSHostnamesOff: true,
			Subnets: []*simulator.Subnet{{ID: legacySubnet, CIDR: "10.1.0.0/24"}},
		},
	}
}

// executionRole returns the task execution role of an account. It has a permissions
// boundary.
func executionRole(accountID string) *simulator.Role {
	return &simulator.Role{Name: executionRoleName, PermissionsBoundary: "arn:aws:iam::" + accountID + ":policy/workload-boundary"}
}
