package deep

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// api has the operations that a Client calls. Its type must not refer to
// [ec2.Client] or [iam.Client], which would keep all operations of EC2 and IAM in
// the binary.
type api struct {
	describeSubnets        call[ec2.DescribeSubnetsInput, ec2.DescribeSubnetsOutput, ec2.Options]
	describeVPCEndpoints   call[ec2.DescribeVpcEndpointsInput, ec2.DescribeVpcEndpointsOutput, ec2.Options]
	describeVPCAttribute   call[ec2.DescribeVpcAttributeInput, ec2.DescribeVpcAttributeOutput, ec2.Options]
	describeSecurityGroups call[ec2.DescribeSecurityGroupsInput, ec2.DescribeSecurityGroupsOutput, ec2.Options]
	getRole                call[iam.GetRoleInput, iam.GetRoleOutput, iam.Options]
}

type call[In, Out, Options any] func(context.Context, *In, ...func(*Options)) (*Out, error)

func newAPI(c *ec2.Client, roles *iam.Client) *api {
	return &api{
		describeSubnets:        c.DescribeSubnets,
		describeVPCEndpoints:   c.DescribeVpcEndpoints,
		describeVPCAttribute:   c.DescribeVpcAttribute,
		describeSecurityGroups: c.DescribeSecurityGroups,
		getRole:                roles.GetRole,
	}
}

// Actions of IAM that the calls of a Client need.
const (
	describeSubnets        = "ec2:DescribeSubnets"
	describeVPCEndpoints   = "ec2:DescribeVpcEndpoints"
	describeVPCAttribute   = "ec2:DescribeVpcAttribute"
	describeSecurityGroups = "ec2:DescribeSecurityGroups"
	getRole                = "iam:GetRole"
)
