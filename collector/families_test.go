package collector

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// tags are the keys of cluster tags that are labels in these tests.
func tags() []string { return []string{"team", "cost-center"} }

func example() Input {
	in := exampleOfGuardDuty()
	in.ECS = exampleOfECS()
	in.Exclusions = exclusion.Apply(exclusion.Input{
		Now: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), View: in.View, ECS: in.ECS,
		Entries: []exclusion.Entry{
			{Name: "storefront", AccountID: "111122223333", ClusterName: "w*", Until: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), Owner: "retail", Ticket: "SEC-1"},
			{Name: "ended", ClusterName: "api", IssueType: coverage.AgentExited, Until: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		},
		Targets: []coverage.TargetID{{Name: "default", Region: "us-east-1"}},
	})
	return in
}

func exampleOfGuardDuty() Input {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	key := coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "us-east-1", Name: "web"}
	return Input{
		View: coverage.Merge([]coverage.Report{{
			Target: coverage.TargetID{Name: "default", Region: key.Region}, AccountID: key.AccountID,
			State: coverage.OK, LastSuccess: at, Duration: time.Second,
			Snapshot: &coverage.Snapshot{
				Resources: coverage.Dedupe([]coverage.Resource{coverage.New(coverage.Row{
					Key: key, Status: coverage.Unhealthy, ManagementType: "AUTO_MANAGED", Covered: 1, Compatible: 2, UpdatedAt: at,
					Issues: []string{
						"Agent exited: ExitCode: 1 with task 0123456789abcdef0123456789abcdef",
						"Agent exited: ExitCode: 1 with task fedcba9876543210fedcba9876543210",
						"Agent exited: ExitCode: 2",
						"Unidentified issue",
					},
				}), coverage.New(coverage.Row{
					Key: coverage.Key{Type: coverage.ECS, AccountID: key.AccountID, Region: key.Region, Name: "api"}, Status: coverage.Healthy,
				}), instance("i-1", "arn:aws:ecs:us-east-1:111122223333:cluster/web"), eksCluster()}),
				Consistent: new(true),
				Statistics: map[coverage.ResourceType]coverage.Counts{
					coverage.ECS: {coverage.Healthy: 0, coverage.Unhealthy: 1},
				},
				Types:              []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS},
				StatisticsByType:   map[coverage.ResourceType]int64{coverage.ECS: 1, coverage.EC2: 3},
				Detectors:          []coverage.Detector{{AccountID: key.AccountID, Region: key.Region, Enabled: true}},
				Features:           []coverage.Feature{{AccountID: key.AccountID, Region: key.Region, Name: "RUNTIME_MONITORING", UpdatedAt: at}},
				Members:            []coverage.Member{{AccountID: "222233334444", Region: key.Region, Relationship: coverage.RelationshipEnabled}},
				AccountNames:       []coverage.AccountName{{AccountID: key.AccountID, Name: "security"}},
				UnprocessedMembers: new(int),
				Capabilities:       []coverage.Capability{{Name: "detector", OK: true}, {Name: "members", OK: true}, {Name: "member_detectors", OK: true}},
			},
		}, {
			Target: coverage.TargetID{Name: "failed", Region: key.Region}, State: coverage.Denied, Duration: 2 * time.Second,
		}}),
		Issues: IssueOptions{Text: true, MaxPerCluster: 20},
	}
}

func instance(id, clusterARN string) coverage.Resource {
	return coverage.New(coverage.Row{
		Key:      coverage.Key{Type: coverage.EC2, AccountID: "111122223333", Region: "us-east-1", Name: id},
		Status:   coverage.Unhealthy,
		Issues:   []string{"Waiting for SSM notification"},
		Instance: coverage.Instance{Type: "m7g.large", AgentVersion: "v1.6.1", ClusterARN: clusterARN},
	})
}

func eksCluster() coverage.Resource {
	return coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.EKS, AccountID: "111122223333", Region: "us-east-1", Name: "k8s"},
		Status: coverage.Unhealthy, Covered: 1, Compatible: 2,
		Issues: []string{"Addon Creation Failed: EKS Addon issue - AccessDenied: no"},
		Addon:  coverage.Addon{Version: "v1.6.1-eksbuild.1", Status: "CREATE_FAILED"},
	})
}

// samples returns the values of a family's samples by their joined label values.
func samples(t *testing.T, in Input, name string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, f := range Families(tags()...) {
		if f.Name == name {
			f.Each(in, func(value float64, labelValues ...string) {
				found[strings.Join(labelValues, "|")] = value
			})
		}
	}
	return found
}

func TestFamilies(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Families(tags()...) {
		if names[f.Name] {
			t.Errorf("%s: duplicate family", f.Name)
		}
		names[f.Name] = true
		if !strings.Contains(f.Help, "last") || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: help does not name the refresh: %q", f.Name, f.Help)
		}
		seen, n := map[string]bool{}, 0
		f.Each(example(), func(_ float64, labelValues ...string) {
			n++
			key := strings.Join(labelValues, "\xff")
			if len(labelValues) != len(f.Labels) || seen[key] {
				t.Errorf("%s%q: %q: wrong number of labels or duplicate", f.Name, f.Labels, labelValues)
			}
			seen[key] = true
		})
		if n == 0 {
			t.Errorf("%s: no sample", f.Name)
		}
		f.Each(Input{View: &coverage.View{}}, func(float64, ...string) { t.Errorf("%s: sample without data", f.Name) })
	}
}

func TestIssueSeriesAreLimitedButAllAreCounted(t *testing.T) {
	in := example()
	cluster := "111122223333|us-east-1|web|"
	if diff := cmp.Diff(map[string]float64{
		cluster + "agent_exited": 3, cluster + "unidentified": 1, cluster + "waiting_for_ssm": 1,
	}, samples(t, in, "guardduty_ecs_cluster_issues")); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		options IssueOptions
		want    int
	}{
		{IssueOptions{Text: true, MaxPerCluster: 20}, 3}, // two of the four differ only in a task ID
		{IssueOptions{Text: true, MaxPerCluster: 2}, 2},
		{IssueOptions{Text: true, MaxPerCluster: 0}, 0},
		{IssueOptions{Text: false, MaxPerCluster: 20}, 2},
	} {
		in.Issues = tc.options
		if got := samples(t, in, "guardduty_ecs_cluster_issue_info"); len(got) != tc.want {
			t.Errorf("%+v: %v", tc.options, got)
		}
	}
}

// TestIssuesOfContainerInstances: the issues of a cluster's instances are its
// own only while some of its instances are not covered.
func TestIssuesOfContainerInstances(t *testing.T) {
	cluster := coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "us-east-1", Name: "web"},
		Status: coverage.Unhealthy, Covered: 1, Compatible: 2,
	}
	ecs, eks := "arn:aws:ecs:us-east-1:111122223333:cluster/web", "arn:aws:eks:us-east-1:111122223333:cluster/web"
	for _, tc := range []struct {
		name    string
		covered int64
		arn     string
		want    float64
	}{
		{"some are not covered", 1, ecs, 1},
		{"all are covered", 2, ecs, 0},
		{"instance of an EKS cluster with the same name", 1, eks, 0},
		{"instance without a cluster", 1, "", 0},
	} {
		cluster.Covered = tc.covered
		in := Input{View: coverage.Merge([]coverage.Report{{Snapshot: &coverage.Snapshot{
			Resources: coverage.Dedupe([]coverage.Resource{coverage.New(cluster), instance("i-1", tc.arn)}),
		}}})}
		if got := samples(t, in, "guardduty_ecs_cluster_issues")["111122223333|us-east-1|web|waiting_for_ssm"]; got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestIssuesWithEqualLabelsAreOneSeries has texts that differ only in what is not a label.
func TestIssuesWithEqualLabelsAreOneSeries(t *testing.T) {
	long := strings.Repeat("x", coverage.MaxTextBytes)
	in := example()
	in.View = coverage.Merge([]coverage.Report{{Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.EC2, AccountID: "1", Region: "r", Name: "i-1"},
		Issues: []string{long + " TaskDefinition - 'a:1'", long + " TaskDefinition - 'b:1'"},
	})}}}})
	emitted := 0
	for _, f := range Families() {
		if f.Name == "guardduty_ec2_instance_issue_info" {
			f.Each(in, func(float64, ...string) { emitted++ })
		}
	}
	if emitted != 1 {
		t.Errorf("%d series with the same labels", emitted)
	}
}

func TestUnknownCountsAreAbsent(t *testing.T) {
	in := example()
	in.View = coverage.Merge([]coverage.Report{{Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.EKS, AccountID: "1", Region: "r", Name: "k8s"}, Covered: -1, Compatible: -1,
	})}}}})
	for _, name := range []string{"guardduty_eks_cluster_nodes_covered", "guardduty_eks_cluster_nodes_compatible"} {
		if got := samples(t, in, name); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestUnknownTimesAreAbsent(t *testing.T) {
	in := Input{View: coverage.Merge([]coverage.Report{{
		Target: coverage.TargetID{Name: "a"}, State: coverage.Denied,
		Snapshot: &coverage.Snapshot{
			Resources: []coverage.Resource{coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.ECS, Name: "c"}})},
			Features:  []coverage.Feature{{AccountID: "1", Region: "r", Name: "RUNTIME_MONITORING"}},
		},
	}})}
	for _, name := range []string{
		"guardduty_target_last_success_timestamp_seconds", "guardduty_ecs_cluster_updated_timestamp_seconds",
		"guardduty_detector_feature_updated_timestamp_seconds",
	} {
		if got := samples(t, in, name); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
