package app

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

var update = flag.Bool("update", false, "write the golden pages")

// TestGoldenPages compares the metrics of simulated organizations, read with signed
// requests, with golden files.
func TestGoldenPages(t *testing.T) {
	t.Parallel()
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, s.world, s.config)
			e.untilReady()
			checkGoldenPage(t, name, domainPage(e.metrics()), e)
		})
	}
}

// checkGoldenPage compares a page with its golden file.
func checkGoldenPage(t *testing.T, name, got string, e *exporter) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(got)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	file := filepath.Join("..", "..", "collector", "testdata", name+".prom")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); write it with -update:\n%s\n%s", file, diff, e.log)
	}
}

// domainPage returns the coverage families of a page, with sorted samples and
// without values that depend on the clock.
func domainPage(page string) string {
	known := map[string]bool{}
	for _, f := range collector.Families() {
		known[f.Name] = true
	}
	family := regexp.MustCompile(`^(?:# (?:HELP|TYPE) )?([a-z0-9_]+)`)
	clock := regexp.MustCompile(`^(guardduty_(?:target_(?:last_success_timestamp|refresh_duration)|ecs_account_last_success_timestamp)_seconds\{.*\}) .*`)
	var lines []string
	first := 0 // index of the first sample of the family
	for line := range strings.Lines(page) {
		if !known[family.FindStringSubmatch(line)[1]] {
			continue
		}
		if strings.HasPrefix(line, "#") {
			slices.Sort(lines[first:])
			first = len(lines) + 1
		}
		lines = append(lines, clock.ReplaceAllString(line, "$1 1"))
	}
	slices.Sort(lines[first:])
	return strings.Join(lines, "")
}

type scenario struct {
	world  *simulator.World
	config string
}

const (
	home     = "111122223333"
	member   = "222233334444"
	stranger = "333344445555"
)

var then = time.Date(2026, 11, 1, 12, 30, 0, 250_000_000, time.UTC)

const ambient = `
aws: {requests_per_second: 1000}
targets:
  - regions: [us-east-1]
`

// homeWorld returns one account with a detector in us-east-1.
func homeWorld(clusters ...*simulator.Cluster) *simulator.World {
	return &simulator.World{Accounts: []*simulator.Account{{
		ID: home, Name: "home", Keys: keys,
		Detectors: []*simulator.Detector{{Region: "us-east-1"}},
		Clusters:  clusters,
	}}}
}

func healthy(name string) *simulator.Cluster {
	return &simulator.Cluster{Region: "us-east-1", Name: name, ManagementType: "AUTO_MANAGED", UpdatedAt: then}
}

func unhealthy(name string, issues ...string) *simulator.Cluster {
	c := healthy(name)
	c.Status, c.Issues = "UNHEALTHY", issues
	return c
}

func onInstances(name string, covered, compatible int64) *simulator.Cluster {
	c := healthy(name)
	c.ManagementType, c.Covered, c.Compatible = "DISABLED", covered, compatible
	return c
}

// administratorWorld returns home as the administrator of a member, and a role in
// the member's account.
func administratorWorld() *simulator.World {
	w := homeWorld(healthy("security-tools"))
	w.Accounts[0].Detectors[0].Members = []string{member}
	w.Accounts = append(w.Accounts, &simulator.Account{
		ID: member, Name: "member", Email: "member@example.com",
		Roles:     []*simulator.Role{{Name: "guardduty-coverage", ExternalID: "an-external-id"}},
		Detectors: []*simulator.Detector{{Region: "us-east-1"}},
		Clusters: []*simulator.Cluster{
			healthy("checkout"), onInstances("ledger", 3, 5),
			unhealthy("payments", "Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - 'payments:7'. Refer documentation"),
		},
	})
	return w
}

const memberTarget = `
  - name: member
    role_arn: arn:aws:iam::222233334444:role/guardduty-coverage
    external_id: an-external-id
    regions: [us-east-1]
`

func denying(actions ...string) *simulator.World {
	w := administratorWorld()
	w.Accounts[1].Roles[0].Deny = actions
	return w
}

func scenarios() map[string]scenario {
	const fargate = "Agent not provisioned : Tasks started before enabling Runtime Monitoring require a relaunch. Impacted task ID(s): '0123456789abcdef0123456789abcdef'"
	stale := homeWorld(healthy("a"))
	stale.Accounts[0].DisabledRegions = []string{"me-south-1"}
	return map[string]scenario{
		"small": {homeWorld(
			healthy("api"), onInstances("batch", 4, 4), onInstances("workers", 1, 3),
			unhealthy("web", "Agent exited : ExitCode: 137 for tasks in TaskDefinition - 'web:12'"),
		), ambient},
		"administrator":            {administratorWorld(), ambient},
		"administrator_and_member": {administratorWorld(), ambient + memberTarget},
		"no_cluster":               {homeWorld(), ambient},
		"no_detector":              {homeWorld(healthy("a")), "targets:\n  - regions: [us-east-1, eu-west-1]\n"},
		"denied":                   {denying("guardduty:ListCoverage"), ambient + memberTarget},
		"statistics_denied":        {denying("guardduty:GetCoverageStatistics"), "targets:" + memberTarget},
		"region_disabled":          {stale, "targets:\n  - regions: [me-south-1, us-east-1]\n"},
		"fargate_only":             {homeWorld(healthy("api"), unhealthy("jobs", fargate)), ambient},
		"issue_types":              {homeWorld(everyIssueType()...), ambient},
		"hostile":                  {homeWorld(hostile()...), ambient},
		"issues_without_text":      {homeWorld(everyIssueType()...), ambient + "issues: {text: false, max_per_cluster: 1}\n"},
		"unknown_status": {homeWorld(
			healthy("a"), &simulator.Cluster{Region: "us-east-1", Name: "b", Status: "DEGRADED", UpdatedAt: then},
		), ambient},
		"every_resource_type": {everyResourceType(), everyPart},
		"instances_of_no_ecs_cluster": {everyResourceType(), `
ec2: {only_ecs: false}
targets:
  - {regions: [us-east-1], resource_types: [EC2]}
`},
		"parts_denied": {
			partsDenied(), "targets:\n  - {name: member, role_arn: 'arn:aws:iam::222233334444:role/guardduty-coverage', external_id: an-external-id," +
				" regions: [us-east-1], resource_types: [ECS, EC2, EKS], detector: true, members: true, account_names: true}\n",
		},
		"filtered_by_status": {administratorWorld(), `
targets:
  - regions: [us-east-1]
    filter: {coverage_status: {equals: [UNHEALTHY]}}
`},
		"filtered_by_account": {administratorWorld(), `
targets:
  - regions: [us-east-1]
    filter: {account_id: {equals: ["222233334444"]}, ecs_cluster_name: {not_equals: [ledger]}}
`},
	}
}

const everyPart = `
targets:
  - regions: [us-east-1]
    resource_types: [ECS, EC2, EKS]
    detector: true
    members: true
    account_names: true
`

// everyResourceType returns an organization with instances, EKS clusters, and two
// members without resources.
func everyResourceType() *simulator.World {
	const quiet, gone = "444455556666", "555566667777"
	w := administratorWorld()
	admin := w.Accounts[0]
	admin.Detectors[0].Members = append(admin.Detectors[0].Members, quiet, gone)
	admin.Detectors[0].Relationships = map[string]string{gone: "Resigned"}
	admin.Detectors[0].ChangedAt = map[string]time.Time{"RUNTIME_MONITORING": then, "ECS_FARGATE_AGENT_MANAGEMENT": then}
	instance := func(id, cluster, issue string) *simulator.Instance {
		return &simulator.Instance{
			Region: "us-east-1", ID: id, Type: "m7g.large", AgentVersion: "v1.6.1", ManagementType: "AUTO_MANAGED",
			ClusterARN: cluster, Issue: issue, UpdatedAt: then,
		}
	}
	w.Accounts[1].Instances = []*simulator.Instance{
		instance("i-0covered", "arn:aws:ecs:us-east-1:222233334444:cluster/ledger", ""),
		instance("i-0waiting", "arn:aws:ecs:us-east-1:222233334444:cluster/ledger", "No Agent Reporting:Waiting for SSM notification"),
		instance("i-0kernel", "arn:aws:ecs:us-east-1:222233334444:cluster/ledger", "Agent Not Provisioned:Kernel version is lower than the supported version"),
		instance("i-0node", "arn:aws:eks:us-east-1:222233334444:cluster/k8s", ""),
		instance("i-0alone", "", "No Agent Reporting"),
	}
	w.Accounts[1].EKSClusters = []*simulator.EKSCluster{
		{Region: "us-east-1", Name: "k8s", AddonVersion: "v1.6.1-eksbuild.1", AddonStatus: "ACTIVE", ManagementType: "AUTO_MANAGED", Covered: 3, Compatible: 3, UpdatedAt: then},
		{
			Region: "us-east-1", Name: "k8s-test", AddonVersion: "v1.6.1-eksbuild.1", AddonStatus: "DEGRADED", ManagementType: "MANUAL", Covered: 1, Compatible: 2,
			Issue: "Addon Status Unhealthy:EKS Addon issue - InsufficientNumberOfReplicas: The add-on is unhealthy because one or more pods are not scheduled 0/2", UpdatedAt: then,
		},
	}
	for _, id := range []string{quiet, gone} {
		w.Accounts = append(w.Accounts, &simulator.Account{
			ID: id, Name: "account " + id[:4], Email: "hidden@example.com",
			Detectors: []*simulator.Detector{{Region: "us-east-1", RuntimeMonitoringOff: true, ChangedAt: map[string]time.Time{"RUNTIME_MONITORING": then}}},
		})
	}
	w.Organization = &simulator.Organization{ManagementAccount: home, Accounts: []string{home, member, quiet, gone}, EmptyPages: 1}
	return w
}

func partsDenied() *simulator.World {
	w := denying("guardduty:GetCoverageStatistics", "guardduty:GetDetector", "guardduty:ListMembers", "guardduty:GetMemberDetectors", "organizations:ListAccounts")
	w.Organization = &simulator.Organization{ManagementAccount: home, Accounts: []string{home, member}}
	return w
}

func everyIssueType() []*simulator.Cluster {
	return []*simulator.Cluster{
		unhealthy("agent-exited",
			"Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'a:1'",
			"Agent exited: Reason: OutOfMemoryError for tasks in TaskDefinition - 'a:2'"),
		unhealthy("agent-image-pull",
			"Agent exited: Reason: CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref"),
		unhealthy("agent-not-provisioned", "Agent not provisioned"),
		unhealthy("agent-not-reporting", "Agent not reporting for tasks in TaskDefinition - 'api:1'"),
		unhealthy("exclusion-tag",
			"Agent not provisioned: Tasks started when clusters had exclusion tag. Impacted task ID(s): '0123456789abcdef0123456789abcdef, fedcba9876543210fedcba9876543210'"),
		unhealthy("network", "Agent not provisioned: Missing network configuration 'subnets' for tasks in TaskDefinition - 'n:1'"),
		unhealthy("redeploy",
			"Agent not provisioned : Service 'web' requires a new deployment to fix/troubleshoot. Refer documentation, Impacted service name(s): 'web'"),
		unhealthy("role", "Agent not provisioned: TaskExecutionRole missing from TaskDefinition - 'r:1'"),
		unhealthy("several",
			"Agent not reporting for tasks in TaskDefinition - 'one:1'",
			"Agent not reporting for tasks in TaskDefinition - 'two:1'",
			"Others : Unidentified issue(s), for task(s) in TaskDefinition 'three:17' . Refer documentation"),
		unhealthy("started-before-agent",
			"Agent not provisioned: Services deployed before enabling Automated Agent Configuration. Impacted service name(s): 'web'"),
		unhealthy("started-before-monitoring",
			"Agent not provisioned: Tasks started before enabling Runtime Monitoring require a relaunch. Impacted task ID(s): '0123456789abcdef0123456789abcdef'"),
		unhealthy("unclassified", "A text that nobody has seen before"),
		unhealthy("unidentified", "Unidentified issue, for tasks in TaskDefinition - 'u:1'"),
		unhealthy("unsupported-architecture", "Agent not provisioned: Unsupported CPU architecture 'RISCV' for tasks in TaskDefinition - 'c:1'"),
		unhealthy("unsupported-service", "Agent not provisioned: Unsupported invocation by BATCH for task(s) in TaskDefinition - 'b:1'"),
		{
			Region: "us-east-1", Name: "vpc-endpoint", Status: "UNHEALTHY", ManagementType: "AUTO_MANAGED", UpdatedAt: then,
			Issue: "VPC Endpoint Creation Failed: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for vpc-0a1b2c3d (Service: Ec2, Status Code: 400, Request ID: 8f5b3c1e-0000-1111-2222-333344445555)",
		},
	}
}

// hostile returns clusters with names and texts that must neither break the page
// nor make one series of two clusters.
func hostile() []*simulator.Cluster {
	long := strings.Repeat("x", 300)
	return []*simulator.Cluster{
		unhealthy(`quo"ted\back`, `"}`+"\n"+`guardduty_coverage_percent{account_id="0"} 100`),
		unhealthy("new\nline", "a\r\nb\tc\x00d"),
		unhealthy("newline", "<script>alert(1)</script>"),
		unhealthy("bidi\u202etxt", "\u202eevil\u2069 \u200bzero width"),
		unhealthy("größe-東京", strings.Repeat("東", 100)),
		unhealthy(long+"1", long),
		unhealthy(long+"2", "Agent exited: ExitCode: 1 for tasks in TaskDefinition - '"+long+"'"),
	}
}
