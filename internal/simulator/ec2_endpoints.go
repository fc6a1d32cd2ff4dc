package simulator

import "cmp"

type ec2Endpoint struct {
	ID         string     `xml:"vpcEndpointId"`
	Type       string     `xml:"vpcEndpointType"`
	VPCID      string     `xml:"vpcId"`
	Service    string     `xml:"serviceName"`
	State      string     `xml:"state"`
	Policy     string     `xml:"policyDocument"`
	PrivateDNS bool       `xml:"privateDnsEnabled"`
	OwnerID    string     `xml:"ownerId"`
	Groups     []ec2Group `xml:"groupSet>item"`
}

type ec2Group struct {
	ID string `xml:"groupId"`
}

// allowAll is the policy of an endpoint that was created without one.
const allowAll = `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`

func (s *Server) describeVPCEndpoints(req *request) (any, error) {
	listing := ec2Listing{set: "vpcEndpointSet", idName: "VpcEndpointId", noCode: "InvalidVpcEndpointId.NotFound"}
	owner := req.session.AccountID
	for _, v := range s.index.accounts[owner].VPCs {
		for _, e := range v.Endpoints {
			if v.Region != req.call.Region {
				continue
			}
			service, state := e.serviceOf(v.Region), cmp.Or(e.State, "available")
			out := ec2Endpoint{e.ID, "Interface", v.ID, service, state, cmp.Or(e.Policy, allowAll), !e.PrivateDNSOff, owner, nil}
			for _, group := range e.Groups {
				out.Groups = append(out.Groups, ec2Group{group})
			}
			values := map[string]string{"vpc-endpoint-id": e.ID, "vpc-id": v.ID, "service-name": service, "vpc-endpoint-state": state}
			listing.items = append(listing.items, ec2Item{e.ID, values, out})
		}
	}
	return s.page(req, listing)
}

type ec2SecurityGroup struct {
	ID      string          `xml:"groupId"`
	Name    string          `xml:"groupName"`
	VPCID   string          `xml:"vpcId"`
	OwnerID string          `xml:"ownerId"`
	Ingress []ec2Permission `xml:"ipPermissions>item"`
}

type ec2Permission struct {
	Protocol string     `xml:"ipProtocol"`
	From     *int       `xml:"fromPort"`
	To       *int       `xml:"toPort"`
	Groups   []ec2Group `xml:"groups>item"`
	Ranges   []ec2Range `xml:"ipRanges>item"`
}

type ec2Range struct {
	CIDR string `xml:"cidrIp"`
}

func (s *Server) describeSecurityGroups(req *request) (any, error) {
	listing := ec2Listing{set: "securityGroupInfo", idName: "GroupId", noCode: "InvalidGroup.NotFound"}
	owner := req.session.AccountID
	for _, v := range s.index.accounts[owner].VPCs {
		for _, g := range v.SecurityGroups {
			if v.Region == req.call.Region {
				out := ec2SecurityGroup{ID: g.ID, Name: g.ID, VPCID: v.ID, OwnerID: owner}
				for _, rule := range g.Ingress {
					out.Ingress = append(out.Ingress, rule.wire())
				}
				listing.items = append(listing.items, ec2Item{g.ID, map[string]string{"group-id": g.ID, "vpc-id": v.ID}, out})
			}
		}
	}
	return s.page(req, listing)
}

// wire returns the rule in the form of the API.
func (r Ingress) wire() ec2Permission {
	out := ec2Permission{Protocol: cmp.Or(r.Protocol, "tcp")}
	if out.Protocol != "-1" {
		out.From, out.To = &r.From, &r.To
	}
	if r.CIDR != "" {
		out.Ranges = []ec2Range{{r.CIDR}}
	}
	if r.Group != "" {
		out.Groups = []ec2Group{{r.Group}}
	}
	return out
}
