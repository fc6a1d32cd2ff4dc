package app

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// deepWorld returns ecsWorld, whose member has two services with old agents that do
// not report: one in a VPC of its own, one in a VPC that the administrator shares.
func deepWorld() *simulator.World {
	w := ecsWorld()
	m := w.Account(member)
	m.Roles = append(m.Roles, &simulator.Role{Name: "tasks", PermissionsBoundary: "arn:aws:iam::222233334444:policy/boundary"})
	m.VPCs = []*simulator.VPC{{
		Region: "us-east-1", ID: "vpc-own", Subnets: []*simulator.Subnet{{}},
		Endpoints:      []*simulator.VPCEndpoint{{ID: "vpce-1", Groups: []string{"sg-1"}, PrivateDNSOff: true}},
		SecurityGroups: []*simulator.SecurityGroup{{ID: "sg-1"}},
	}}
	w.Account(home).VPCs = []*simulator.VPC{{
		Region: "us-east-1", ID: "vpc-shared", SharedWith: []string{member}, Subnets: []*simulator.Subnet{{ID: "subnet-shared"}},
	}}
	const suffix = ", for task(s) in TaskDefinition - '"
	c := unhealthy("silent", "Agent not reporting : Agent not reporting"+suffix+"own:1'")
	c.Issues = append(c.Issues, "VPC Endpoint Creation Failed"+suffix+"shared:1'")
	agent := &simulator.Container{Image: "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1.17.0-Fg_x86_64"}
	for name, subnet := range map[string]string{"own": "", "shared": "subnet-shared"} {
		m.TaskDefinitions = append(m.TaskDefinitions, &simulator.TaskDefinition{
			Region: "us-east-1", Family: name, Revision: 1, ExecutionRole: "arn:aws:iam::222233334444:role/tasks",
		})
		c.Services = append(c.Services, &simulator.Service{Name: name, TaskDefinition: name + ":1", CreatedAt: then, Subnet: subnet})
		c.Tasks = append(c.Tasks, &simulator.Task{Service: name, CreatedAt: then, Agent: agent, Subnet: subnet})
	}
	m.Clusters = append(m.Clusters, c)
	return w
}

// silent returns the findings on the cluster silent and on the others, in lines.
func silent(r *diagnose.Result) (findings, others string) {
	var b strings.Builder
	rest := *r
	rest.Clusters = nil
	for _, c := range r.Clusters {
		if c.ClusterName != "silent" {
			rest.Clusters = append(rest.Clusters, c)
			continue
		}
		for _, f := range c.Findings {
			_, evidence, _ := strings.Cut(f.Evidence, "TaskDefinition")
			if evidence == "" {
				_, evidence, _ = strings.Cut(f.Evidence, "task definition")
			}
			if evidence == "" {
				evidence = " " + f.Evidence
			}
			b.WriteString(strings.Join([]string{f.ServiceName, f.Cause, f.Certainty}, " ") + evidence + "\n")
		}
	}
	return b.String(), found(&rest)
}

func isDeep(c simulator.Call) bool { return c.Service == "ec2" || c.Service == "iam" }

func TestDiagnoseDeep(t *testing.T) {
	t.Parallel()
	plain := simulator.New(deepWorld(), simulator.Options{})
	before, log := diagnoseWorld(t, plain, withECS, Selection{})
	for _, c := range plain.Calls() {
		if isDeep(c) {
			t.Errorf("without --deep: %+v", c)
		}
	}
	aws := simulator.New(deepWorld(), simulator.Options{})
	after, log2, err := diagnoseWith(t, aws, withECS, DiagnoseOptions{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	withoutDeep, others := silent(before)
	if diff := cmp.Diff(`own telemetry_denied hint.
own vpc_endpoint hint. This agent needs GuardDuty's VPC endpoint.
shared vpc_endpoint strong - 'shared:1'
`, withoutDeep); diff != "" {
		t.Errorf("without --deep: -want +got:\n%s\n%s", diff, log)
	}
	got, othersAfter := silent(after)
	if diff := cmp.Diff(`own telemetry_denied hint. The task execution role has the permissions boundary arn:aws:iam::222233334444:policy/boundary.
own vpc_endpoint proof. This agent needs GuardDuty's VPC endpoint. The tasks are in vpc-own: the endpoint vpce-1 has no private DNS; `+
		`the security groups of the endpoint vpce-1 do not let the tasks' subnet in on port 443.
shared shared_vpc strong - 'shared:1'. The tasks are in vpc-shared, which the account 111122223333 owns and shares.
`, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log2)
	}
	if diff := cmp.Diff(others, othersAfter); diff != "" {
		t.Errorf("other clusters: -without --deep +with:\n%s", diff)
	}
	count := map[string]int{}
	for _, c := range aws.Calls() {
		if isDeep(c) {
			count[c.Operation]++
			if c.AccountID != member || c.Role != "guardduty-coverage-ecs" {
				t.Errorf("%+v", c)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{
		"DescribeSubnets": 1, "DescribeVpcAttribute": 2, "DescribeVpcEndpoints": 1, "DescribeSecurityGroups": 1, "GetRole": 1,
	}, count); diff != "" {
		t.Errorf("calls: -want +got:\n%s", diff)
	}
}

// TestDiagnoseDeepDenied: a refused call is named for the cluster that needs it, and
// neither an error nor a reason to drop a finding.
func TestDiagnoseDeepDenied(t *testing.T) {
	t.Parallel()
	for _, action := range []string{
		"ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcAttribute", "ec2:DescribeSecurityGroups", "iam:GetRole",
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			w := deepWorld()
			w.Account(member).Role("guardduty-coverage-ecs").Deny = []string{action}
			before, _ := diagnoseWorld(t, simulator.New(deepWorld(), simulator.Options{}), withECS, Selection{})
			after, log, err := diagnoseWith(t, simulator.New(w, simulator.Options{}), withECS, DiagnoseOptions{Deep: true})
			if err != nil {
				t.Fatal(err)
			}
			got, others := silent(after)
			if !strings.Contains(got, " denied unknown "+action+" was denied (") || strings.Count(got, " denied unknown ") != 1 {
				t.Errorf("the cluster has\n%s\n%s", got, log)
			}
			for _, cause := range []string{"own telemetry_denied hint", "own vpc_endpoint "} {
				if !strings.Contains(got, cause) {
					t.Errorf("no %s:\n%s", cause, got)
				}
			}
			if _, want := silent(before); others != want {
				t.Errorf("the other clusters have\n%s\nwant\n%s", others, want)
			}
		})
	}
}

// TestExporterIsNotDeep: only diagnose reads EC2 and IAM.
func TestExporterIsNotDeep(t *testing.T) {
	t.Parallel()
	aws := simulator.New(deepWorld(), simulator.Options{})
	e := startWith(t, aws, withECS)
	e.untilMetric(`guardduty_ecs_service_cause_info{account_id="222233334444",cause="telemetry_denied",certainty="hint",cluster_name="silent",region="us-east-1",service_name="own",who="security"} 1`)
	for _, c := range aws.Calls() {
		if isDeep(c) {
			t.Errorf("%+v", c)
		}
	}
}

// TestDiagnoseDeepFails: calls that fail for another reason are named too.
func TestDiagnoseDeepFails(t *testing.T) {
	t.Parallel()
	aws := simulator.New(deepWorld(), simulator.Options{})
	aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if !isDeep(c) {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	result, log, err := diagnoseWith(t, aws, withECS, DiagnoseOptions{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := silent(result)
	if strings.Count(got, " denied unknown ") != 2 || !strings.Contains(got, "ec2:DescribeSubnets failed (") || !strings.Contains(got, "iam:GetRole failed (") {
		t.Errorf("%s\n%s", got, log)
	}
}
