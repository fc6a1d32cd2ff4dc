package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// networkWorld is smallWorld with VPCs: two of the administrator, one of them
// shared with the member.
func networkWorld() *simulator.World {
	w := smallWorld()
	a := w.Account(administrator)
	a.Roles = []*simulator.Role{{Name: "service/execution", PermissionsBoundary: "arn:aws:iam::111122223333:policy/boundary"}, {Name: "plain"}}
	w.Account(memberID).Role("plain").Deny = []string{"ec2:DescribeSubnets", "iam:GetRole"}
	shared := &simulator.VPC{
		Region: region, ID: "vpc-1", SharedWith: []string{memberID}, DNSHostnamesOff: true,
		Endpoints: []*simulator.VPCEndpoint{
			{ID: "vpce-1", Groups: []string{"sg-1"}},
			{ID: "vpce-2", Service: "com.amazonaws.us-east-1.ecr.api", State: "pending", PrivateDNSOff: true, Policy: `{"Statement":[]}`},
		},
		SecurityGroups: []*simulator.SecurityGroup{{ID: "sg-1", Ingress: []simulator.Ingress{
			{From: 443, To: 443, CIDR: "10.0.0.0/16"}, {Protocol: "-1", Group: "sg-2"},
		}}},
	}
	for n := range 7 {
		shared.Subnets = append(shared.Subnets, &simulator.Subnet{ID: fmt.Sprint("subnet-", n), CIDR: fmt.Sprintf("10.0.%d.0/24", n)})
	}
	a.VPCs = []*simulator.VPC{shared, {Region: region, ID: "vpc-2", Subnets: []*simulator.Subnet{{}}}}
	return w
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

func TestDescribeSubnets(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	for account, want := range map[string]int{administrator: 8, memberID: 7, outsider: 0} {
		client := ec2.NewFromConfig(awsConfig(url, account))
		pages := ec2.NewDescribeSubnetsPaginator(client, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5)})
		found := map[string]bool{}
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil || page.Subnets == nil || len(page.Subnets) > 5 {
				t.Fatalf("%+v, %v", page, err)
			}
			for _, s := range page.Subnets {
				found[*s.SubnetId] = true
				if *s.OwnerId != administrator {
					t.Errorf("%s has the owner %s", *s.SubnetId, *s.OwnerId)
				}
			}
		}
		if len(found) != want {
			t.Errorf("%s sees %v", account, found)
		}
	}
	client := ec2.NewFromConfig(awsConfig(url, administrator))
	out, err := client.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: []types.Filter{
		filter("vpc-id", "vpc-1", "vpc-3"), filter("subnet-id", "subnet-1", "subnet-3", "subnet-0123456789abcdef0"),
	}})
	if err != nil || len(out.Subnets) != 2 || *out.Subnets[1].CidrBlock != "10.0.3.0/24" || *out.Subnets[1].VpcId != "vpc-1" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestDescribeVPCEndpoints(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	for account, want := range map[string]int{administrator: 1, memberID: 0} { // the participant does not see the owner's
		client := ec2.NewFromConfig(awsConfig(url, account))
		out, err := client.DescribeVpcEndpoints(t.Context(), &ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{
			filter("vpc-id", "vpc-1"), filter("service-name", "com.amazonaws.us-east-1.guardduty-data"),
		}})
		if err != nil || len(out.VpcEndpoints) != want || out.VpcEndpoints == nil {
			t.Fatalf("%s: %+v, %v", account, out, err)
		}
		for _, e := range out.VpcEndpoints {
			if *e.VpcEndpointId != "vpce-1" || e.State != "available" || !*e.PrivateDnsEnabled || *e.Groups[0].GroupId != "sg-1" || !strings.Contains(*e.PolicyDocument, `"Allow"`) {
				t.Errorf("%+v", e)
			}
		}
		groups, err := client.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("group-id", "sg-1")}})
		if err != nil || len(groups.SecurityGroups) != want {
			t.Fatalf("%+v, %v", groups, err)
		}
		for _, g := range groups.SecurityGroups {
			rules := g.IpPermissions
			if len(rules) != 2 || *rules[0].FromPort != 443 || *rules[0].IpRanges[0].CidrIp != "10.0.0.0/16" || rules[1].FromPort != nil || *rules[1].UserIdGroupPairs[0].GroupId != "sg-2" {
				t.Errorf("%+v", rules)
			}
		}
		hostnames, err := client.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: aws.String("vpc-1"), Attribute: "enableDnsHostnames"})
		if err != nil || *hostnames.EnableDnsHostnames.Value || hostnames.EnableDnsSupport != nil {
			t.Errorf("%+v, %v", hostnames, err)
		}
		support, err := client.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: aws.String("vpc-1"), Attribute: "enableDnsSupport"})
		if err != nil || !*support.EnableDnsSupport.Value {
			t.Errorf("%+v, %v", support, err)
		}
	}
}

func TestEC2Errors(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	client := ec2.NewFromConfig(awsConfig(url, administrator))
	subnets := func(in *ec2.DescribeSubnetsInput) error {
		_, err := client.DescribeSubnets(t.Context(), in)
		return err
	}
	_, noVPC := client.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: aws.String("vpc-9"), Attribute: "enableDnsSupport"})
	_, noAttribute := client.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: aws.String("vpc-1"), Attribute: "enableNetworkAddressUsageMetrics"})
	many := make([]string, 201)
	for code, err := range map[string]error{
		"InvalidSubnetID.NotFound": subnets(&ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-1", "subnet-9"}}),
		"InvalidParameterValue":    subnets(&ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("color", "blue")}}),
		"FilterLimitExceeded":      subnets(&ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("subnet-id", many...)}}),
		"UnknownParameter":         subnets(&ec2.DescribeSubnetsInput{DryRun: aws.Bool(true)}),
		"InvalidVpcID.NotFound":    noVPC,
	} {
		if got := errorCode(t, err); got != code {
			t.Errorf("got %s, want %s", got, code)
		}
	}
	for name, err := range map[string]error{
		"attribute": noAttribute, "page": subnets(&ec2.DescribeSubnetsInput{MaxResults: aws.Int32(4)}), "token": subnets(&ec2.DescribeSubnetsInput{NextToken: aws.String("x")}),
		"page with IDs": subnets(&ec2.DescribeSubnetsInput{MaxResults: aws.Int32(5), SubnetIds: []string{"subnet-1"}}),
	} {
		if got := errorCode(t, err); got != "InvalidParameterValue" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// TestEC2AndIAMDenials: EC2 has codes of its own.
func TestEC2AndIAMDenials(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	denied := assumed(url, "plain", "")
	_, err := ec2.NewFromConfig(denied).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if got := errorCode(t, err); got != "UnauthorizedOperation" {
		t.Errorf("got %s", got)
	}
	_, err = iam.NewFromConfig(denied).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("plain")})
	if got := errorCode(t, err); got != "AccessDenied" {
		t.Errorf("got %s", got)
	}
	const body = "Action=DescribeSubnets&Version=2016-11-15"
	for _, tc := range []struct {
		keys   simulator.Keys
		status int
		text   string
	}{
		{simulator.Keys{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}, http.StatusUnauthorized, "<Response><Errors><Error><Code>AuthFailure</Code><Message>"},
		{simulator.Keys{AccessKeyID: keysOf(administrator).AccessKeyID, SecretAccessKey: "x"}, http.StatusForbidden, "<Code>SignatureDoesNotMatch</Code>"},
	} {
		got := rawCall{method: http.MethodPost, path: "/", service: "ec2", body: body, keys: tc.keys}.do(t, url)
		if got.status != tc.status || !strings.Contains(got.body, tc.text) || !strings.Contains(got.body, "</RequestID></Response>") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	got := rawCall{method: http.MethodPost, path: "/", service: "ec2", body: "Action=DescribeSubnets&Version=2015-01-01"}.do(t, url)
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "<Code>NoSuchVersion</Code>") {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = rawCall{method: http.MethodPost, path: "/", service: "iam", body: "Action=GetRole&RoleName=gone&Version=2010-05-08"}.do(t, url)
	if got.status != http.StatusNotFound || !strings.HasPrefix(got.body, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestGetRole(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	client := iam.NewFromConfig(awsConfig(url, administrator))
	for name, boundary := range map[string]string{"execution": "arn:aws:iam::111122223333:policy/boundary", "plain": ""} {
		out, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if b := out.Role.PermissionsBoundary; b != nil {
			got = *b.PermissionsBoundaryArn
		}
		if got != boundary || !strings.HasSuffix(*out.Role.Arn, ":role"+*out.Role.Path+name) || out.Role.CreateDate == nil {
			t.Errorf("%+v", out.Role)
		}
	}
}

func TestAWSCLIWithEC2AndIAM(t *testing.T) {
	t.Parallel()
	_, url := serve(t, networkWorld(), simulator.Options{})
	for _, tc := range []struct{ arguments, query, want string }{
		{"ec2 describe-subnets --filters Name=subnet-id,Values=subnet-1,subnet-2", "Subnets[].[SubnetId,OwnerId,VpcId,CidrBlock]", `[["subnet-1","111122223333","vpc-1","10.0.1.0/24"],["subnet-2","111122223333","vpc-1","10.0.2.0/24"]]`},
		{"ec2 describe-subnets --subnet-ids subnet-3 subnet-0123456789abcdef0", "Subnets[].VpcId", `["vpc-2","vpc-1"]`},
		{
			"ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=vpc-1", "VpcEndpoints[].[VpcEndpointId,ServiceName,State,PrivateDnsEnabled,Groups[].GroupId,PolicyDocument]",
			`[["vpce-1","com.amazonaws.us-east-1.guardduty-data","available",true,["sg-1"],"{\"Statement\":[{\"Action\":\"*\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"*\"}]}"],` +
				`["vpce-2","com.amazonaws.us-east-1.ecr.api","pending",false,[],"{\"Statement\":[]}"]]`,
		},
		{"ec2 describe-vpc-attribute --vpc-id vpc-1 --attribute enableDnsHostnames", "[VpcId,EnableDnsHostnames.Value]", `["vpc-1",false]`},
		{
			"ec2 describe-security-groups --filters Name=group-id,Values=sg-1", "SecurityGroups[].IpPermissions[].[IpProtocol,FromPort,ToPort,IpRanges[].CidrIp,UserIdGroupPairs[].GroupId]",
			`[["tcp",443,443,["10.0.0.0/16"],[]],["-1",null,null,[],["sg-2"]]]`,
		},
		{
			"iam get-role --role-name execution", "Role.[RoleName,Path,Arn,PermissionsBoundary.PermissionsBoundaryArn]",
			`["execution","/service/","arn:aws:iam::111122223333:role/service/execution","arn:aws:iam::111122223333:policy/boundary"]`,
		},
	} {
		out, err := runCLI(t, url, append(strings.Fields(tc.arguments), "--query", tc.query)...)
		if err != nil {
			t.Errorf("aws %s: %v\n%s", tc.arguments, err, out)
			continue
		}
		var got, want any
		if json.Unmarshal(out, &got) != nil || json.Unmarshal([]byte(tc.want), &want) != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("aws %s printed %s, want %s", tc.arguments, out, tc.want)
		}
	}
	out, err := runCLI(t, url, "iam", "get-role", "--role-name", "gone")
	if err == nil || !strings.Contains(string(out), "(NoSuchEntity)") {
		t.Errorf("%s, %v", out, err)
	}
}
