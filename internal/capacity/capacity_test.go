package capacity_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// fleet is an example in docs/scale.md: the clusters of one administrator,
// evenly distributed over the Regions.
type fleet struct{ clusters, regions int }

func (f fleet) plan(t *testing.T, refresh string, events bool) capacity.Plan {
	t.Helper()
	var regions, queues []string
	for _, region := range awsregion.Default()[:f.regions] {
		regions = append(regions, region)
		queues = append(queues, fmt.Sprintf("{queue_url: 'https://sqs.%s.amazonaws.com/111122223333/coverage'}", region))
	}
	yaml := fmt.Sprintf("refresh: %s\ntargets: [{regions: [%s]}]\n", refresh, strings.Join(regions, ", "))
	if events {
		yaml += "events: [" + strings.Join(queues, ", ") + "]\n"
	}
	cfg, err := config.Parse("fleet.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return capacity.Estimate(cfg, f.clusters)
}

// TestTableOfFleets compares the table in docs/scale.md with the estimates.
func TestTableOfFleets(t *testing.T) {
	var table strings.Builder
	table.WriteString("| ECS clusters | Regions | Calls of a refresh of all | Calls per hour, `interval: 5m` | Calls per hour, events and `interval: 1h` | Queues, a month | Largest refresh, at least |\n")
	table.WriteString("|---|---|---|---|---|---|---|\n")
	for _, f := range []fleet{{100, 1}, {4_000, 4}, {50_000, 10}, {500_000, 17}} {
		without := f.plan(t, "{interval: 5m}", false)
		with := f.plan(t, "{interval: 1h, max_staleness: 3h}", true)
		if err := without.Err(); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&table, "| %s | %d | %s | %s | %s | $%.2f | %.1f s |\n",
			capacity.Thousands(f.clusters), f.regions, capacity.Thousands(without.Calls),
			capacity.Span(without.PerHour()), capacity.Span(with.PerHour()), with.DollarsPerMonth(), with.Slowest.Seconds())
	}
	document, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "\n"+table.String()+"\n") {
		t.Errorf("docs/scale.md does not contain this table:\n%s", table.String())
	}
}

// TestErrAtTheLimit has the maximum number of clusters that a refresh has time
// for, and one page more.
func TestErrAtTheLimit(t *testing.T) {
	cfg, err := config.Parse("defaults", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := capacity.Estimate(cfg, 29_800).Err(); err != nil {
		t.Error(err)
	}
	const want = "the first refresh of a target with 29,801 clusters takes at least 2m0s, longer than its timeout (2m0s): "
	if err := capacity.Estimate(cfg, 29_801).Err(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("one page more: %v, want %s", err, want)
	}
}

func TestEstimate(t *testing.T) {
	for _, tc := range []struct {
		name, yaml string
		clusters   int
		want       string
		err        string
	}{
		{
			"the defaults", "{}", 120, `120 ECS clusters, 120 in 1 target:
  GuardDuty calls: 6 per refresh of all targets, 72–80 per hour
  refresh with the least time to spare: at least 1.0 s, timeout 2m0s
  excluding instances, EKS clusters, members, account names, credentials and ecs
`, "",
		},
		{
			"every Region, every type, events", `
targets: [{regions: [all], resource_types: [ECS, EC2, EKS], detector: true}, {name: two, role_arn: 'arn:aws:iam::111122223333:role/a', regions: [us-east-1], resource_types: [EC2]}]
ec2: {only_ecs: false}
events: [{queue_url: 'https://sqs.us-east-1.amazonaws.com/111122223333/coverage'}]
`, 1_700, `1,700 ECS clusters, 95 in each of 18 targets:
  GuardDuty calls: 208 per refresh of all targets, 2,496–2,774 per hour
  refresh with the least time to spare: at least 2.2 s, timeout 2m0s
  queues: 1, 131,400 requests and $0.05 per month
  regions: [all] counts as 17 Regions
  excluding instances, EKS clusters, members, account names, credentials and ecs
`, "",
		},
		{
			"targets with their own schedule", `
targets:
- {name: a, regions: [us-east-1], interval: 1m, timeout: 10s}
- {name: b, regions: [us-east-2], interval: 20m, timeout: 9m}
`, 4_000, `4,000 ECS clusters, 2,000 in each of 2 targets:
  GuardDuty calls: 86 per refresh of all targets, 2,709–3,010 per hour
  refresh with the least time to spare: at least 8.4 s, timeout 10s
  excluding instances, EKS clusters, members, account names, credentials and ecs
`, "",
		},
		{
			"more than one timeout allows", `
targets:
- {name: a, regions: [us-east-1], timeout: 1s}
- {name: b, regions: [us-east-2]}
`, 800, `800 ECS clusters, 400 in each of 2 targets:
  GuardDuty calls: 22 per refresh of all targets, 264–294 per hour
  refresh with the least time to spare: at least 2.0 s, timeout 1s
  excluding instances, EKS clusters, members, account names, credentials and ecs
`, "the first refresh of a target with 400 clusters takes at least 2.2s, longer than its timeout (1s): " +
				"raise aws.requests_per_second, or the timeout and the interval",
		},
		{
			"more than the timeout allows", "{}", 50_000, `50,000 ECS clusters, 50,000 in 1 target:
  GuardDuty calls: 1,003 per refresh of all targets, 12,036–13,374 per hour
  refresh with the least time to spare: at least 200.4 s, timeout 2m0s
  excluding instances, EKS clusters, members, account names, credentials and ecs
`, "the first refresh of a target with 50,000 clusters takes at least 3m20.6s, longer than its timeout (2m0s): " +
				"raise aws.requests_per_second, or the timeout and the interval",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := config.Parse("test.yaml", []byte(tc.yaml))
			if err != nil {
				t.Fatal(err)
			}
			plan := capacity.Estimate(cfg, tc.clusters)
			if got := plan.String(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			if err := plan.Err(); fmt.Sprint(err) != tc.err && (err != nil || tc.err != "") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	rows := func(t coverage.ResourceType, n int) map[coverage.ResourceType]int {
		return map[coverage.ResourceType]int{t: n}
	}
	for name, tc := range map[string]struct {
		listing capacity.Listing
		want    int
	}{
		"no detector":                           {capacity.Listing{NoDetector: true, Rows: rows("ECS", 100)}, 1},
		"no cluster":                            {capacity.Listing{Rows: rows("ECS", 0)}, 4},
		"one page":                              {capacity.Listing{Rows: rows("EKS", 50)}, 4},
		"one row more":                          {capacity.Listing{Rows: rows("ECS", 51)}, 5},
		"instances of ECS, no counts by status": {capacity.Listing{Rows: rows("EC2", 100)}, 3},
		"all instances":                         {capacity.Listing{Rows: rows("EC2", 100), AllEC2: true}, 5},
		"detector":                              {capacity.Listing{Rows: rows("ECS", 1), Detector: true}, 5},
		"members":                               {capacity.Listing{Rows: rows("ECS", 1), Members: 51, Enabled: 50}, 7},
		"no enabled member":                     {capacity.Listing{Rows: rows("ECS", 1), Members: 1}, 5},
	} {
		if got := tc.listing.Calls(); got != tc.want {
			t.Errorf("%s: %d calls, want %d", name, got, tc.want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_000_050: "1,000,050"} {
		if got := capacity.Thousands(n); got != want {
			t.Errorf("Thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
