package capacity_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// fleet is an example of docs/scale.md: one administrator with so many clusters,
// spread evenly over so many Regions.
type fleet struct{ clusters, regions int }

func (f fleet) load(t *testing.T, refresh string, events bool) capacity.Load {
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
	return capacity.Of(cfg, f.clusters)
}

// TestTableOfFleets holds the table of docs/scale.md against what is computed.
func TestTableOfFleets(t *testing.T) {
	var table strings.Builder
	table.WriteString("| ECS clusters | Regions | Calls of a refresh of all | Calls per hour, `interval: 5m` | Calls per hour, events and `interval: 1h` | Queues, a month | Largest refresh, at least |\n")
	table.WriteString("|---|---|---|---|---|---|---|\n")
	for _, f := range []fleet{{100, 1}, {4_000, 4}, {50_000, 10}, {500_000, 17}} {
		without := f.load(t, "{interval: 5m}", false)
		with := f.load(t, "{interval: 1h, max_staleness: 3h}", true)
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
		t.Errorf("docs/scale.md has another table than:\n%s", table.String())
	}
}

// TestErrAtTheEdge has the most clusters that a refresh has time for, and a
// page more.
func TestErrAtTheEdge(t *testing.T) {
	cfg, err := config.Parse("defaults", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := capacity.Of(cfg, 29_850).Err(); err != nil {
		t.Error(err)
	}
	const want = "29,851 clusters in one target take at least 2m0s to list for the first time, and refresh.timeout (2m0s) is not longer: "
	if err := capacity.Of(cfg, 29_851).Err(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a page more: %v, want %s", err, want)
	}
}

func TestOf(t *testing.T) {
	for _, tc := range []struct {
		name, yaml string
		clusters   int
		want       string
		err        string
	}{
		{
			"the defaults", "{}", 120, `120 ECS clusters, 120 in 1 target:
  5 calls of GuardDuty in a refresh of all, 60–67 in an hour
  the largest refresh takes at least 0.8 s of 2m0s
  instances, EKS clusters, members, account names and credentials come on top
`, "",
		},
		{
			"every Region, every type, events", `
targets: [{regions: [all], resource_types: [ECS, EC2, EKS], detector: true}, {name: two, role_arn: 'arn:aws:iam::111122223333:role/a', regions: [us-east-1], resource_types: [EC2]}]
ec2: {only_ecs: false}
events: [{queue_url: 'https://sqs.us-east-1.amazonaws.com/111122223333/coverage'}]
`, 1_700, `1,700 ECS clusters, 95 in each of 18 targets:
  190 calls of GuardDuty in a refresh of all, 2,280–2,534 in an hour
  the largest refresh takes at least 2.0 s of 2m0s
  queues: 1, with 131,400 requests and $0.05 in a month
  regions: [all] counts as 17 Regions
  instances, EKS clusters, members, account names and credentials come on top
`, "",
		},
		{
			"too many for the time", "{}", 50_000, `50,000 ECS clusters, 50,000 in 1 target:
  1,002 calls of GuardDuty in a refresh of all, 12,024–13,360 in an hour
  the largest refresh takes at least 200.2 s of 2m0s
  instances, EKS clusters, members, account names and credentials come on top
`, "50,000 clusters in one target take at least 3m20.4s to list for the first time, and refresh.timeout (2m0s) is not longer: " +
				"raise aws.requests_per_second, or refresh.timeout and refresh.interval",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := config.Parse("test.yaml", []byte(tc.yaml))
			if err != nil {
				t.Fatal(err)
			}
			load := capacity.Of(cfg, tc.clusters)
			if got := load.String(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			if err := load.Err(); fmt.Sprint(err) != tc.err && (err != nil || tc.err != "") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
