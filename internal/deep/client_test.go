package deep

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	owner    = "111122223333"
	other    = "222233334444"
	region   = "eu-central-1"
	role     = "arn:aws:iam::111122223333:role/service/execution"
	boundary = "arn:aws:iam::111122223333:policy/boundary"
)

// world returns an account with a VPC of its own and one that another account
// shares with it.
func world() *simulator.World {
	key := simulator.Keys{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}
	return &simulator.World{Accounts: []*simulator.Account{
		{
			ID: owner, Keys: key,
			Roles: []*simulator.Role{{Name: "service/execution", PermissionsBoundary: boundary}, {Name: "plain"}},
			VPCs: []*simulator.VPC{
				{
					Region: region, ID: "vpc-own", DNSHostnamesOff: true, Subnets: []*simulator.Subnet{{ID: "subnet-own", CIDR: "10.0.1.0/24"}},
					Endpoints: []*simulator.VPCEndpoint{
						{ID: "vpce-1", Groups: []string{"sg-1", "sg-2"}, PrivateDNSOff: true},
						{ID: "vpce-2", State: "pending", Groups: []string{"sg-gone"}, Policy: `{"Statement":[]}`},
						{ID: "vpce-3"},
						{ID: "vpce-ecr", Service: "com.amazonaws.eu-central-1.ecr.api"},
					},
					SecurityGroups: []*simulator.SecurityGroup{
						{ID: "sg-1", Ingress: []simulator.Ingress{{From: 443, To: 443, CIDR: "10.0.0.0/16"}, {From: 80, To: 442, CIDR: "10.2.0.0/16"}}},
						{ID: "sg-2", Ingress: []simulator.Ingress{{Protocol: "-1", Group: "sg-9"}, {Protocol: "udp", To: 65535, CIDR: "10.3.0.0/16"}}},
						{ID: "sg-unused", Ingress: []simulator.Ingress{{From: 443, To: 443, CIDR: "0.0.0.0/0"}}},
					},
				},
				{Region: region, ID: "vpc-empty", DNSSupportOff: true, Subnets: []*simulator.Subnet{{ID: "subnet-empty"}}},
				{Region: "eu-west-1", ID: "vpc-elsewhere", Subnets: []*simulator.Subnet{{ID: "subnet-elsewhere"}}},
			},
		},
		{ID: other, VPCs: []*simulator.VPC{
			{Region: region, ID: "vpc-shared", SharedWith: []string{owner}, Subnets: []*simulator.Subnet{{ID: "subnet-shared"}}},
			{Region: region, ID: "vpc-foreign", Subnets: []*simulator.Subnet{{ID: "subnet-foreign"}}},
		}},
	}}
}

func newClient(t *testing.T, s http.Handler) *Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return NewClient(Options{AccountID: owner, Region: region, Config: aws.Config{
		Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	}})
}

func want(subnets, roles []string) diagnosis.Wanted {
	w := diagnosis.Wanted{Subnets: map[string]bool{}, Roles: map[string]bool{}}
	for _, id := range subnets {
		w.Subnets[id] = true
	}
	for _, arn := range roles {
		w.Roles[arn] = true
	}
	return w
}

// calls counts the calls by operation.
func calls(s *simulator.Server) map[string]int {
	count := map[string]int{}
	for _, c := range s.Calls() {
		count[c.Operation]++
	}
	return count
}

func TestRead(t *testing.T) {
	t.Parallel()
	s := simulator.New(world(), simulator.Options{})
	got := newClient(t, s).Read(t.Context(), want(
		[]string{"subnet-own", "subnet-empty", "subnet-shared"}, []string{role, "arn:aws:iam::111122223333:role/plain"}))
	if diff := cmp.Diff(&diagnosis.Deep{
		Subnets: map[string]diagnosis.Subnet{
			"subnet-own":    {VPC: "vpc-own", OwnerID: owner, CIDR: "10.0.1.0/24"},
			"subnet-empty":  {VPC: "vpc-empty", OwnerID: owner, CIDR: "10.0.0.0/24"},
			"subnet-shared": {VPC: "vpc-shared", OwnerID: other, CIDR: "10.0.0.0/24"},
		},
		VPCs: map[string]diagnosis.VPC{
			"vpc-own": {DNSSupport: diagnosis.On, DNSHostnames: diagnosis.Off, Endpoints: []diagnosis.Endpoint{
				{ID: "vpce-1", State: "available", PrivateDNS: diagnosis.Off, Sources: []string{"10.0.0.0/16", "sg-9"}, Allows: diagnosis.On},
				{ID: "vpce-2", State: "pending", PrivateDNS: diagnosis.On, Allows: diagnosis.Off},
				{ID: "vpce-3", State: "available", PrivateDNS: diagnosis.On, Allows: diagnosis.On},
			}},
			"vpc-empty": {DNSSupport: diagnosis.Off, DNSHostnames: diagnosis.On, Endpoints: []diagnosis.Endpoint{}},
		},
		Boundaries: map[string]string{role: boundary, "arn:aws:iam::111122223333:role/plain": ""},
	}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{
		"DescribeSubnets": 1, "DescribeVpcAttribute": 4, "DescribeVpcEndpoints": 1, "DescribeSecurityGroups": 1, "GetRole": 2,
	}, calls(s)); diff != "" {
		t.Errorf("calls: -want +got:\n%s", diff)
	}
}

// TestRefusals: every call is optional.
func TestRefusals(t *testing.T) {
	t.Parallel()
	actions := []string{describeSubnets, describeVPCAttribute, describeVPCEndpoints, describeSecurityGroups, getRole}
	for _, refused := range actions {
		for _, status := range []int{http.StatusForbidden, http.StatusServiceUnavailable, http.StatusOK} {
			t.Run(fmt.Sprint(refused, " ", status), func(t *testing.T) {
				t.Parallel()
				s := simulator.New(world(), simulator.Options{})
				s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
					if c.Service+":"+c.Operation != refused {
						return false
					}
					w.WriteHeader(status)
					if status != http.StatusOK {
						fmt.Fprint(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>secret</Message></Error></Errors></Response>`)
					} else {
						fmt.Fprintf(w, `<%sResponse></%[1]sResponse>`, c.Operation)
					}
					return true
				})
				got := newClient(t, s).Read(t.Context(), want([]string{"subnet-own"}, []string{role, role + "2"}))
				if n := calls(s)["GetRole"]; status == http.StatusForbidden && refused == getRole && n != 1 {
					t.Errorf("%d calls of GetRole were denied, want 1", n)
				}
				if status == http.StatusOK && refused == describeVPCAttribute {
					if v := got.VPCs["vpc-own"]; v.DNSSupport != diagnosis.Unknown || v.DNSHostnames != diagnosis.Unknown {
						t.Errorf("%+v", v)
					}
					return
				}
				got.Refusals = slices.DeleteFunc(got.Refusals, func(r diagnosis.Refusal) bool { return r.Reason == "NoSuchEntity" })
				if len(got.Refusals) != 1 || got.Refusals[0].Action != refused || got.Refusals[0].Reason == "" || strings.Contains(got.Refusals[0].Reason, "secret") ||
					status == http.StatusForbidden && !got.Refusals[0].Denied || status == http.StatusOK && got.Refusals[0].Denied {
					t.Errorf("%+v", got.Refusals)
				}
				vpc, endpoints := got.VPCs["vpc-own"], []diagnosis.Endpoint{{}}
				if vpc.Endpoints != nil {
					endpoints = vpc.Endpoints
				}
				known := map[string]bool{
					describeSubnets: len(got.Subnets) > 0, describeVPCAttribute: vpc.DNSSupport != diagnosis.Unknown, describeVPCEndpoints: vpc.Endpoints != nil,
					describeSecurityGroups: endpoints[0].Sources != nil, getRole: len(got.Boundaries) > 0,
				}
				for _, action := range actions {
					depends := action != getRole && (refused == describeSubnets || refused == describeVPCEndpoints && action == describeSecurityGroups)
					if known[action] != (action != refused && !depends) {
						t.Errorf("%s is known: %v", action, known[action])
					}
				}
			})
		}
	}
}

// TestUnknownThings: what is not found is not taken for absent.
func TestUnknownThings(t *testing.T) {
	t.Parallel()
	got := newClient(t, simulator.New(world(), simulator.Options{})).Read(t.Context(), want(
		[]string{"subnet-foreign", "subnet-elsewhere"}, []string{"arn:aws:iam::111122223333:role/gone", role}))
	if diff := cmp.Diff([]diagnosis.Refusal{
		{Action: describeSubnets, Reason: "invalid_response"}, {Action: getRole, Reason: "NoSuchEntity"},
	}, got.Refusals); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{role: boundary}, got.Boundaries); diff != "" || len(got.Subnets) > 0 {
		t.Errorf("%+v, -want +got:\n%s", got.Subnets, diff)
	}
}

func TestNothingWanted(t *testing.T) {
	t.Parallel()
	s := simulator.New(world(), simulator.Options{})
	newClient(t, s).Read(t.Context(), want(nil, nil))
	if calls := s.Calls(); len(calls) > 0 {
		t.Errorf("%+v", calls)
	}
}

// TestBounds reads more subnets than a filter may have values, and only some of
// many VPCs and roles.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := world()
	var subnets, roles []string
	for n := range 201 {
		id := fmt.Sprintf("%03d", n)
		w.Accounts[0].VPCs = append(w.Accounts[0].VPCs, &simulator.VPC{Region: region, ID: "vpc-" + id, Subnets: []*simulator.Subnet{{ID: "subnet-" + id}}})
		w.Accounts[0].Roles = append(w.Accounts[0].Roles, &simulator.Role{Name: "r" + id})
		subnets, roles = append(subnets, "subnet-"+id), append(roles, "arn:aws:iam::111122223333:role/r"+id)
	}
	s := simulator.New(w, simulator.Options{Latency: -1})
	got := newClient(t, s).Read(t.Context(), want(subnets, roles))
	if diff := cmp.Diff(map[string]int{"DescribeSubnets": 2, "DescribeVpcAttribute": 100, "DescribeVpcEndpoints": 2, "GetRole": 50}, calls(s)); diff != "" {
		t.Errorf("calls: -want +got:\n%s", diff)
	}
	if len(got.Subnets) != 201 || len(got.VPCs) != 201 || len(got.Boundaries) != 50 || got.VPCs["vpc-200"].DNSSupport != diagnosis.Unknown ||
		len(got.Refusals) != 2 || got.Refusals[0].Action != describeVPCAttribute || got.Refusals[1].Action != getRole {
		t.Errorf("%d subnets, %d VPCs, %d boundaries, %+v", len(got.Subnets), len(got.VPCs), len(got.Boundaries), got.Refusals)
	}
	s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if c.Operation != "DescribeVpcAttribute" && c.Operation != "GetRole" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	got = newClient(t, s).Read(t.Context(), want(subnets, roles))
	if r := got.Refusals; len(r) != 2 || !r[0].Denied || r[0].Action != describeVPCAttribute || !r[1].Denied || r[1].Action != getRole {
		t.Errorf("denied: %+v", r)
	}
}

func TestServiceNames(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-central-1": "com.amazonaws.eu-central-1.guardduty-data", "us-gov-west-1": "com.amazonaws.us-gov-west-1.guardduty-data-fips",
		"cn-north-1": "com.amazonaws.cn-north-1.guardduty-data",
	} {
		if got := serviceNames(region); !slices.Contains(got, want) || len(got) > 1 && region != "cn-north-1" {
			t.Errorf("%s: %q", region, got)
		}
	}
}

func TestSourcesOf(t *testing.T) {
	t.Parallel()
	rule := func(protocol string, from, to int32) types.IpPermission {
		return types.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to, IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}
	}
	all := rule("-1", 0, 0)
	all.FromPort, all.ToPort = nil, nil
	tcp := rule("tcp", 0, 0)
	tcp.FromPort, tcp.ToPort = nil, nil
	for n, tc := range []struct {
		rule types.IpPermission
		want bool
	}{
		{all, true},
		{tcp, true},
		{rule("tcp", -1, -1), true},
		{rule("6", 0, 65535), true},
		{rule("tcp", 443, 443), true},
		{rule("tcp", 444, 65535), false},
		{rule("tcp", 0, 442), false},
		{rule("udp", 443, 443), false},
		{rule("icmp", -1, -1), false},
	} {
		if got := sourcesOf([]types.IpPermission{tc.rule}); (len(got) == 1) != tc.want || got == nil {
			t.Errorf("rule %d: %q", n, got)
		}
	}
	prefixes := types.IpPermission{
		IpProtocol: aws.String("-1"), Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}},
		PrefixListIds: []types.PrefixListId{{PrefixListId: aws.String("pl-1")}}, UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-1")}},
	}
	if got := sourcesOf([]types.IpPermission{prefixes}); !slices.Equal(got, []string{"::/0", "sg-1", "pl-1"}) {
		t.Errorf("%q", got)
	}
}
