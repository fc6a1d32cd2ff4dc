package deep

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// readEndpoints adds the endpoints of the VPCs, with what their security groups
// let in.
func (r *reader) readEndpoints(ctx context.Context, vpcs []string) {
	found := map[string][]types.VpcEndpoint{} // by VPC
	var groups []string
	err := each("vpc-id", vpcs, func(filter types.Filter, token *string) (*string, error) {
		out, err := invoke(ctx, r.api.describeVPCEndpoints, &ec2.DescribeVpcEndpointsInput{
			Filters:    []types.Filter{filter, {Name: aws.String("service-name"), Values: serviceNames(r.o.Region)}},
			MaxResults: aws.Int32(pageSize), NextToken: token,
		})
		if err == nil && out.VpcEndpoints == nil {
			err = fmt.Errorf("%w: no vpcEndpointSet", coverage.ErrInvalidResponse)
		}
		if err != nil {
			return nil, err
		}
		for _, e := range out.VpcEndpoints {
			id := identifier(e.VpcId)
			found[id] = append(found[id], e)
			for _, g := range e.Groups {
				groups = append(groups, aws.ToString(g.GroupId))
			}
		}
		return out.NextToken, nil
	})
	if err != nil {
		r.refuse(describeVPCEndpoints, err)
		return
	}
	slices.Sort(groups)
	sources := r.readGroups(ctx, slices.Compact(groups))
	for _, id := range vpcs {
		vpc := r.deep.VPCs[id]
		vpc.Endpoints = []diagnosis.Endpoint{}
		for _, e := range found[id] {
			vpc.Endpoints = append(vpc.Endpoints, r.endpoint(e, sources))
		}
		r.deep.VPCs[id] = vpc
	}
}

// endpoint converts an endpoint. Sources are by security group.
func (r *reader) endpoint(e types.VpcEndpoint, sources map[string][]string) diagnosis.Endpoint {
	converted := diagnosis.Endpoint{
		ID: identifier(e.VpcEndpointId), State: identifier(aws.String(string(e.State))), PrivateDNS: switchOf(e.PrivateDnsEnabled),
		Allows: allows(aws.ToString(e.PolicyDocument), r.o.AccountID), Sources: []string{},
	}
	for _, g := range e.Groups {
		of, known := sources[aws.ToString(g.GroupId)]
		if !known {
			converted.Sources = nil
			return converted
		}
		converted.Sources = append(converted.Sources, of...)
	}
	if len(e.Groups) == 0 {
		converted.Sources = nil
	}
	return converted
}

// readGroups returns what security groups let in on port 443.
func (r *reader) readGroups(ctx context.Context, ids []string) map[string][]string {
	sources := map[string][]string{}
	err := each("group-id", ids, func(filter types.Filter, token *string) (*string, error) {
		out, err := invoke(ctx, r.api.describeSecurityGroups, &ec2.DescribeSecurityGroupsInput{
			Filters: []types.Filter{filter}, MaxResults: aws.Int32(pageSize), NextToken: token,
		})
		if err == nil && out.SecurityGroups == nil {
			err = fmt.Errorf("%w: no securityGroupInfo", coverage.ErrInvalidResponse)
		}
		if err != nil {
			return nil, err
		}
		for _, g := range out.SecurityGroups {
			sources[aws.ToString(g.GroupId)] = sourcesOf(g.IpPermissions)
		}
		return out.NextToken, nil
	})
	if err != nil {
		r.refuse(describeSecurityGroups, err)
	}
	return sources
}

// sourcesOf returns the address ranges, security groups and prefix lists that
// rules let in on port 443.
func sourcesOf(rules []types.IpPermission) []string {
	const https = 443
	sources := []string{}
	for _, rule := range rules {
		switch strings.ToLower(aws.ToString(rule.IpProtocol)) {
		case "-1": // all protocols and ports
		case "tcp", "6":
			from, to := aws.ToInt32(rule.FromPort), aws.ToInt32(rule.ToPort)
			if all := rule.FromPort == nil || from == -1; !all && (from > https || to < https) {
				continue
			}
		default:
			continue
		}
		for _, s := range rule.IpRanges {
			sources = append(sources, identifier(s.CidrIp))
		}
		for _, s := range rule.Ipv6Ranges {
			sources = append(sources, identifier(s.CidrIpv6))
		}
		for _, s := range rule.UserIdGroupPairs {
			sources = append(sources, identifier(s.GroupId))
		}
		for _, s := range rule.PrefixListIds {
			sources = append(sources, identifier(s.PrefixListId))
		}
	}
	return sources
}
