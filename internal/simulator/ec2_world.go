package simulator

import (
	"cmp"
	"slices"
)

// VPC is a VPC of EC2 with what the telemetry of GuardDuty's agent needs.
type VPC struct {
	Region          string
	ID              string
	DNSSupportOff   bool
	DNSHostnamesOff bool
	// SharedWith are the accounts that see the subnets beside the owner's, but not
	// the endpoints and security groups.
	SharedWith     []string
	Subnets        []*Subnet
	Endpoints      []*VPCEndpoint
	SecurityGroups []*SecurityGroup
}

// Subnet is a subnet of a VPC.
type Subnet struct {
	ID   string // the default is the subnet of tasks without one
	CIDR string // the default is 10.0.0.0/24
}

// VPCEndpoint is an interface endpoint.
type VPCEndpoint struct {
	ID            string
	Service       string // the default is com.amazonaws.<region>.guardduty-data
	State         string // the default is available
	PrivateDNSOff bool
	Policy        string   // the default allows everything
	Groups        []string // IDs of security groups
}

// SecurityGroup is a security group.
type SecurityGroup struct {
	ID      string
	Ingress []Ingress
}

// Ingress is an inbound rule of a security group.
type Ingress struct {
	Protocol string // tcp, the default, udp or -1 for everything
	From, To int    // ports; absent for -1
	CIDR     string // one of the two
	Group    string
}

func (s *Subnet) id() string { return cmp.Or(s.ID, defaultSubnet) }

// ownedVPC is a VPC with its owner.
type ownedVPC struct {
	*VPC
	owner string
}

// vpcsOf returns the VPCs in the Region whose subnets the account sees.
func (s *Server) vpcsOf(accountID, region string) []ownedVPC {
	var found []ownedVPC
	for _, a := range s.world.Accounts {
		for _, v := range a.VPCs {
			if v.Region == region && (a.ID == accountID || slices.Contains(v.SharedWith, accountID)) {
				found = append(found, ownedVPC{v, a.ID})
			}
		}
	}
	return found
}
