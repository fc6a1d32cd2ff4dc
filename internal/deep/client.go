// Package deep reads from EC2 and IAM why GuardDuty does not receive anything from
// agents that run: subnets, VPC endpoints, their security groups and policies, and
// the permissions boundaries of task execution roles. It is the only importer of
// the SDK's service/ec2 and service/iam and returns none of their types.
//
// Source: the EC2 and IAM API references and the GuardDuty user guide on the
// connectivity of the agent (read November 2026).
package deep

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

const (
	maxFilterValues = 200 // of a filter of EC2
	maxSingle       = 50  // VPCs and roles, which are read one by one
	maxPages        = 50
	pageSize        = 1000
	callTimeout     = 2 * time.Minute // with retries and the wait for the request rate
)

// Options configures a Client. All fields are required.
type Options struct {
	AccountID string
	Region    string
	// Config has the credentials of the account, the Region, limits and metrics.
	Config aws.Config
}

// Client reads one account and Region. It is safe for concurrent use.
type Client struct {
	o   Options
	api *api
}

// NewClient returns a Client. It makes no calls.
func NewClient(o Options) *Client {
	return &Client{o: o, api: newAPI(ec2.NewFromConfig(o.Config), iam.NewFromConfig(o.Config))}
}

// Read reads what is wanted. Calls that AWS refuses are refusals of the result,
// and what they would have returned is missing.
func (c *Client) Read(ctx context.Context, w diagnosis.Wanted) *diagnosis.Deep {
	r := &reader{Client: c, deep: &diagnosis.Deep{
		Subnets: map[string]diagnosis.Subnet{}, VPCs: map[string]diagnosis.VPC{}, Boundaries: map[string]string{},
	}}
	r.readSubnets(ctx, slices.Sorted(maps.Keys(w.Subnets)))
	own := map[string]bool{}
	for _, s := range r.deep.Subnets {
		if s.OwnerID == c.o.AccountID {
			own[s.VPC] = true
		}
	}
	vpcs := slices.Sorted(maps.Keys(own))
	r.readAttributes(ctx, vpcs)
	r.readEndpoints(ctx, vpcs)
	r.readRoles(ctx, slices.Sorted(maps.Keys(w.Roles)))
	return r.deep
}

// reader is one read of a Client.
type reader struct {
	*Client
	deep *diagnosis.Deep
}

// refuse adds the refusal of a call.
func (r *reader) refuse(action string, err error) {
	denied, reason := awserr.Refusal(r.o.Region, err)
	r.add(diagnosis.Refusal{Action: action, Denied: denied, Reason: reason})
}

// refuseRest adds a refusal if not all of n things are read, because there are too
// many. It is called last, so that it does not hide the refusal of a call.
func (r *reader) refuseRest(action string, n int) {
	if n > maxSingle {
		r.add(diagnosis.Refusal{Action: action, Reason: fmt.Sprintf("only the first %d are read", maxSingle)})
	}
}

// add adds a refusal, once for each action.
func (r *reader) add(refusal diagnosis.Refusal) {
	if !slices.ContainsFunc(r.deep.Refusals, func(known diagnosis.Refusal) bool { return known.Action == refusal.Action }) {
		r.deep.Refusals = append(r.deep.Refusals, refusal)
	}
}

func (r *reader) readSubnets(ctx context.Context, ids []string) {
	err := each("subnet-id", ids, func(filter types.Filter, token *string) (*string, error) {
		out, err := invoke(ctx, r.api.describeSubnets, &ec2.DescribeSubnetsInput{
			Filters: []types.Filter{filter}, MaxResults: aws.Int32(pageSize), NextToken: token,
		})
		if err == nil && out.Subnets == nil {
			err = fmt.Errorf("%w: no subnetSet", coverage.ErrInvalidResponse)
		}
		if err != nil {
			return nil, err
		}
		for _, s := range out.Subnets {
			r.deep.Subnets[identifier(s.SubnetId)] = diagnosis.Subnet{
				VPC: identifier(s.VpcId), OwnerID: identifier(s.OwnerId), CIDR: identifier(s.CidrBlock),
			}
		}
		return out.NextToken, nil
	})
	missing := func(id string) bool { _, ok := r.deep.Subnets[id]; return !ok }
	if err == nil && slices.ContainsFunc(ids, missing) {
		err = fmt.Errorf("%w: not all subnets are described", coverage.ErrInvalidResponse)
	}
	if err != nil {
		r.refuse(describeSubnets, err)
	}
}

// readAttributes adds the VPCs with their attributes.
func (r *reader) readAttributes(ctx context.Context, ids []string) {
	for _, id := range ids {
		r.deep.VPCs[id] = diagnosis.VPC{}
	}
	attribute := func(id string, name types.VpcAttributeName) (*ec2.DescribeVpcAttributeOutput, error) {
		return invoke(ctx, r.api.describeVPCAttribute, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: name})
	}
	for _, id := range ids[:min(len(ids), maxSingle)] {
		support, err := attribute(id, types.VpcAttributeNameEnableDnsSupport)
		if err != nil {
			r.refuse(describeVPCAttribute, err)
			return // the other calls would be refused too
		}
		hostnames, err := attribute(id, types.VpcAttributeNameEnableDnsHostnames)
		if err != nil {
			r.refuse(describeVPCAttribute, err)
			return
		}
		r.deep.VPCs[id] = diagnosis.VPC{DNSSupport: valueOf(support.EnableDnsSupport), DNSHostnames: valueOf(hostnames.EnableDnsHostnames)}
	}
	r.refuseRest(describeVPCAttribute, len(ids))
}

func valueOf(v *types.AttributeBooleanValue) diagnosis.Switch {
	if v == nil {
		return diagnosis.Unknown
	}
	return switchOf(v.Value)
}

func switchOf(b *bool) diagnosis.Switch {
	switch {
	case b == nil:
		return diagnosis.Unknown
	case *b:
		return diagnosis.On
	}
	return diagnosis.Off
}

// readRoles reads the permissions boundaries of the account's roles.
func (r *reader) readRoles(ctx context.Context, arns []string) {
	for _, arn := range arns[:min(len(arns), maxSingle)] {
		out, err := invoke(ctx, r.api.getRole, &iam.GetRoleInput{RoleName: aws.String(arn[strings.LastIndexByte(arn, '/')+1:])})
		if err == nil && out.Role == nil {
			err = fmt.Errorf("%w: no role", coverage.ErrInvalidResponse)
		}
		if err != nil {
			r.refuse(getRole, err)
			if awserr.State(r.o.Region, err) == coverage.Denied {
				return
			}
			continue
		}
		boundary := ""
		if b := out.Role.PermissionsBoundary; b != nil {
			boundary = identifier(b.PermissionsBoundaryArn)
		}
		r.deep.Boundaries[arn] = boundary
	}
	r.refuseRest(getRole, len(arns))
}

// each lists all pages for the values of a filter.
func each(name string, values []string, list func(types.Filter, *string) (*string, error)) error {
	for batch := range slices.Chunk(values, maxFilterValues) {
		filter := types.Filter{Name: &name, Values: batch}
		if err := paging.Each(maxPages, func(token *string) (*string, error) { return list(filter, token) }); err != nil {
			return err
		}
	}
	return nil
}

func invoke[In, Out, Options any](ctx context.Context, do call[In, Out, Options], in *In) (*Out, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return do(ctx, in)
}

// identifier returns an ID, an ARN or an address range.
func identifier(s *string) string { return strings.Clone(coverage.SanitizeIdentifier(aws.ToString(s))) }

// serviceNames returns the names of the endpoint service for the agent's telemetry
// (read November 2026). In GovCloud it is one with FIPS.
func serviceNames(region string) []string {
	name := "com.amazonaws." + region + ".guardduty-data"
	switch awsregion.Partition(region) {
	case "aws-cn": // some services have a prefix there
		return []string{name, "cn." + name}
	case "aws-us-gov":
		return []string{name + "-fips"}
	}
	return []string{name}
}
