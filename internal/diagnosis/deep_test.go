package diagnosis

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	aRole     = "arn:aws:iam::111122223333:role/execution"
	aBoundary = "arn:aws:iam::111122223333:policy/boundary"
)

// usable returns an endpoint that the tasks of shop can use.
func usable() Endpoint {
	return Endpoint{ID: "vpce-1", State: "available", PrivateDNS: On, Sources: []string{"10.0.0.0/16"}, Allows: On}
}

// inVPC returns what EC2 shows of shop if its VPC has these endpoints.
func inVPC(endpoints ...Endpoint) *Deep {
	return &Deep{
		Subnets: map[string]Subnet{"subnet-1": {VPC: "vpc-1", OwnerID: "111122223333", CIDR: "10.0.1.0/24"}},
		VPCs:    map[string]VPC{"vpc-1": {DNSSupport: On, DNSHostnames: On, Endpoints: append([]Endpoint{}, endpoints...)}},
	}
}

// TestDefectsOfVPCs: see docs/causes.md.
func TestDefectsOfVPCs(t *testing.T) {
	wrong := func(change func(*Endpoint)) *Deep {
		e := usable()
		change(&e)
		return inVPC(e)
	}
	attributes := func(support, hostnames Switch, endpoints ...Endpoint) *Deep {
		d := inVPC(endpoints...)
		d.VPCs["vpc-1"] = VPC{DNSSupport: support, DNSHostnames: hostnames, Endpoints: d.VPCs["vpc-1"].Endpoints}
		return d
	}
	failed := usable()
	failed.ID, failed.State = "vpce-0", "failed"
	other := failed
	other.ID = "vpce-2"
	const nothing, in = "The tasks are in vpc-1.", "The tasks are in vpc-1: "
	for _, tc := range []struct {
		name  string
		deep  *Deep
		cause Cause
		old   Certainty // of an agent that needs the endpoint
		end   string    // of the evidence
	}{
		{"not read", nil, VPCEndpoint, Strong, "'orders:42'"},
		{"subnet not known", &Deep{}, VPCEndpoint, Strong, "'orders:42'"},
		{"usable", inVPC(usable()), VPCEndpoint, Hint, "The tasks are in vpc-1, and nothing wrong was found with its endpoint vpce-1."},
		{"usable, and one that is not", inVPC(failed, usable()), VPCEndpoint, Hint, "endpoint vpce-1."},
		{"none", inVPC(), VPCEndpoint, Strong, in + "there is no endpoint for the telemetry."},
		{"endpoints not known", attributes(On, On), VPCEndpoint, Strong, in + "there is no endpoint for the telemetry."},
		{"no DNS", attributes(Off, On, usable()), VPCEndpoint, Proof, in + "enableDnsSupport is off."},
		{"no DNS and no endpoint", attributes(On, Off), VPCEndpoint, Proof, in + "enableDnsHostnames is off; there is no endpoint for the telemetry."},
		{"attributes not known", attributes(Unknown, On, usable()), VPCEndpoint, Strong, nothing},
		{"failed", inVPC(failed), VPCEndpoint, Proof, in + "the endpoint vpce-0 has the state failed."},
		{"two failed", inVPC(other, failed), VPCEndpoint, Proof, in + "the endpoint vpce-0 has the state failed; the endpoint vpce-2 has the state failed."},
		{"Available", wrong(func(e *Endpoint) { e.State = "Available" }), VPCEndpoint, Hint, "endpoint vpce-1."},
		{"state not known", wrong(func(e *Endpoint) { e.State = "" }), VPCEndpoint, Proof, `has the state "".`},
		{"no private DNS", wrong(func(e *Endpoint) { e.PrivateDNS = Off }), VPCEndpoint, Proof, in + "the endpoint vpce-1 has no private DNS."},
		{"private DNS not known", wrong(func(e *Endpoint) { e.PrivateDNS = Unknown }), VPCEndpoint, Strong, nothing},
		{"policy denies", wrong(func(e *Endpoint) { e.Allows = Off }), VPCEndpoint, Proof, "vpce-1 denies guardduty:SendSecurityTelemetry."},
		{"policy not known", wrong(func(e *Endpoint) { e.Allows = Unknown }), VPCEndpoint, Strong, nothing},
		{"port closed", wrong(func(e *Endpoint) { e.Sources = []string{} }), VPCEndpoint, Proof, "vpce-1 do not let the tasks' subnet in on port 443."},
		{"port open to others", wrong(func(e *Endpoint) { e.Sources = []string{"10.0.0.0/24", "::/0"} }), VPCEndpoint, Proof, "on port 443."},
		{"port open to a part", wrong(func(e *Endpoint) { e.Sources = []string{"10.0.1.128/25"} }), VPCEndpoint, Hint, "endpoint vpce-1."},
		{"port open to a group", wrong(func(e *Endpoint) { e.Sources = []string{"sg-1"} }), VPCEndpoint, Strong, nothing},
		{"groups not known", wrong(func(e *Endpoint) { e.Sources = nil }), VPCEndpoint, Strong, nothing},
		{"two defects", wrong(func(e *Endpoint) { e.PrivateDNS, e.Allows = Off, Off }), VPCEndpoint, Proof, "has no private DNS; the policy of the endpoint vpce-1 denies guardduty:SendSecurityTelemetry."},
		{
			"shared", &Deep{Subnets: map[string]Subnet{"subnet-1": {VPC: "vpc-1", OwnerID: "222233334444"}}, VPCs: inVPC(failed).VPCs},
			SharedVPC, Strong, "The tasks are in vpc-1, which the account 222233334444 owns and shares.",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "endpoints not known" {
				tc.deep.VPCs["vpc-1"] = VPC{DNSSupport: On, DNSHostnames: On}
				tc.end = nothing
			}
			for image, want := range map[string]Certainty{anImage: Hint, "example.com/aws-guardduty-agent-fargate:v1.17.0-Fg_arm64": tc.old} {
				if tc.cause == SharedVPC {
					want = Strong
				}
				e := shop()
				e.Row = row("UNHEALTHY", "VPC Endpoint Creation Failed; for task in TaskDefinition - 'orders:42'")
				c := runningAgent()
				c.Image = image
				e.Tasks[0] = task(c)
				e.Tasks[0].Subnet, e.Deep = "subnet-1", tc.deep
				findings := Diagnose(e).Findings
				if len(findings) != 1 || findings[0].Cause != tc.cause || findings[0].Certainty != want || !strings.HasSuffix(findings[0].Evidence, tc.end) {
					t.Errorf("with %s, want %s %s: %+v", image, tc.cause, want, findings)
				}
			}
		})
	}
}

func TestDeepOfAgentsThatDoNotReport(t *testing.T) {
	e := shop()
	e.Row = row("UNHEALTHY", "Agent not reporting for tasks in TaskDefinition - 'orders:42'")
	e.Tasks[0] = task(runningAgent())
	e.Tasks[0].Subnet = "subnet-1"
	want := Wanted{Subnets: map[string]bool{"subnet-1": true}, Roles: map[string]bool{aRole: true}}
	if diff := cmp.Diff(want, e.Wanted()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e.Tasks[0].ExecutionRole = "arn:aws:iam::111122223333:role/override"
	if roles := slices.Collect(maps.Keys(e.Wanted().Roles)); len(roles) != 1 || roles[0] != e.Tasks[0].ExecutionRole {
		t.Errorf("the roles %q are wanted", roles)
	}
	e.Tasks[0].ExecutionRole = ""
	e.Deep = inVPC(usable())
	for boundary, want := range map[string]string{
		aBoundary: "The task execution role has the permissions boundary " + aBoundary + ".", "": "The task execution role has no permissions boundary.",
	} {
		e.Deep.Boundaries = map[string]string{aRole: boundary}
		findings := Diagnose(e).Findings
		if len(findings) != 2 || findings[0].Cause != TelemetryDenied || findings[0].Certainty != Hint || !strings.HasSuffix(findings[0].Evidence, want) {
			t.Errorf("want %s: %+v", want, findings)
		}
	}
}

func TestDeepOfPullsThatFail(t *testing.T) {
	e := shop()
	e.Tasks[0] = task(stoppedAgent(-1, pulling+"lookup api.ecr: no such host"))
	e.Tasks[0].Subnet, e.Deep = "subnet-1", inVPC()
	e.Deep.VPCs["vpc-1"] = VPC{DNSSupport: Off}
	findings := Diagnose(e).Findings
	if len(findings) != 1 || !strings.HasSuffix(findings[0].Evidence, "enableDnsSupport is off in vpc-1.") || !e.Wanted().Subnets["subnet-1"] {
		t.Errorf("%+v", findings)
	}
}

// TestRefusalsOfDeep: a refused call is named, and changes nothing else.
func TestRefusalsOfDeep(t *testing.T) {
	e := shop() // its tasks lack the agent for an unknown reason
	before := Diagnose(e).Findings
	e.Deep = &Deep{Refusals: []Refusal{{Action: "ec2:DescribeSubnets", Denied: true, Reason: "UnauthorizedOperation"}, {Action: "iam:GetRole", Reason: "throttled"}}}
	after := Diagnose(e).Findings
	if len(after) != len(before)+2 || after[0] != before[0] {
		t.Fatalf("%+v", after)
	}
	for i, want := range []string{"ec2:DescribeSubnets was denied (UnauthorizedOperation).", "iam:GetRole failed (throttled)."} {
		f := after[1+i]
		if f.Cause != Denied || f.Level != LevelAccount || f.Evidence != want || !strings.Contains(FixOf(e.Cluster, f).Text, "--deep") {
			t.Errorf("%+v", f)
		}
	}
}

func TestNothingIsWantedOfWorkingAndMissingAgents(t *testing.T) {
	for name, change := range map[string]func(*Evidence){
		"missing": func(*Evidence) {},
		"healthy": func(e *Evidence) { e.Row, e.Tasks[0] = row("HEALTHY"), task(runningAgent()) },
		"no subnet": func(e *Evidence) {
			e.Row, e.Tasks[0] = row("UNHEALTHY", "VPC Endpoint Creation Failed"), task(runningAgent())
			e.Tasks[0].Subnet = ""
		},
	} {
		e := shop()
		e.Tasks[0].Subnet = "subnet-1"
		change(&e)
		if w := e.Wanted(); len(w.Subnets)+len(w.Roles) > 0 {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

// TestRefusalsOfWhatIsWanted: a cluster has no finding on calls for other clusters.
func TestRefusalsOfWhatIsWanted(t *testing.T) {
	ec2, iam := Refusal{Action: "ec2:DescribeSubnets"}, Refusal{Action: "iam:GetRole"}
	d := &Deep{Subnets: map[string]Subnet{"subnet-1": {}}, Refusals: []Refusal{ec2, iam}}
	one := map[string]bool{"x": true}
	for _, tc := range []struct {
		wanted Wanted
		want   *Deep
	}{
		{Wanted{}, nil},
		{Wanted{Subnets: one}, &Deep{Subnets: d.Subnets, Refusals: []Refusal{ec2}}},
		{Wanted{Roles: one}, &Deep{Subnets: d.Subnets, Refusals: []Refusal{iam}}},
		{Wanted{Subnets: one, Roles: one}, d},
	} {
		if diff := cmp.Diff(tc.want, d.For(tc.wanted)); diff != "" {
			t.Errorf("%+v: -want +got:\n%s", tc.wanted, diff)
		}
	}
}
