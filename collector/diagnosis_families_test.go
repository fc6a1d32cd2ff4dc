package collector

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

func exampleOfECS() []diagnosis.Report {
	const account, region = "111122223333", "us-east-1"
	return []diagnosis.Report{
		{
			Target: "default", AccountID: account, Region: region, Up: true, LastSuccess: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
			Clusters: []diagnosis.Diagnosis{{
				Cluster: diagnosis.Cluster{AccountID: account, Region: region, Name: "batch"}, TasksRead: true,
				Tags: map[string]string{},
				Services: []diagnosis.ServiceTasks{
					{Service: "family:nightly", Tasks: map[diagnosis.Agent]int{diagnosis.AgentNotApplicable: 2}},
				},
				Findings: []diagnosis.Finding{{
					Level: diagnosis.LevelCluster, Service: "family:nightly", Cause: diagnosis.Windows, Certainty: diagnosis.Proof, Who: diagnosis.Nobody,
				}},
			}, {
				Cluster: diagnosis.Cluster{AccountID: account, Region: region, Name: "web"}, Listed: true, TasksRead: true,
				Tags: map[string]string{"team": "storefront", "cost-center": "42", "other": "x"},
				Services: []diagnosis.ServiceTasks{
					{Service: "api", Tasks: map[diagnosis.Agent]int{diagnosis.AgentRunning: 4}},
					{Service: "orders", Tasks: map[diagnosis.Agent]int{diagnosis.AgentMissing: 2, diagnosis.AgentStopped: 1, diagnosis.AgentRunning: 1}},
				},
				Findings: []diagnosis.Finding{
					{Level: diagnosis.LevelCluster, Cause: diagnosis.ClusterWasExcluded, Certainty: diagnosis.Hint, Who: diagnosis.ClusterOwner},
					{Level: diagnosis.LevelTaskDefinition, Subject: "orders:41", Service: "orders", Cause: diagnosis.NoExecutionRole, Certainty: diagnosis.Proof, Who: diagnosis.ServiceOwner},
					{Level: diagnosis.LevelTaskDefinition, Subject: "orders:42", Service: "orders", Cause: diagnosis.NoExecutionRole, Certainty: diagnosis.Proof, Who: diagnosis.ServiceOwner},
				},
			}},
		},
		{Target: "member", AccountID: "222233334444", Region: region},
	}
}

// TestOneSeriesOfAClusterOfTwoTargets: a report that is up has precedence, then the
// newer one, in any order of the reports.
func TestOneSeriesOfAClusterOfTwoTargets(t *testing.T) {
	report := func(target string, up bool, at int64, tasks int) diagnosis.Report {
		c := diagnosis.Cluster{AccountID: "1", Region: "r", Name: "web"}
		return diagnosis.Report{Target: target, AccountID: "1", Region: "r", Up: up, LastSuccess: time.Unix(at, 0), Clusters: []diagnosis.Diagnosis{{
			Cluster: c, Listed: true, TasksRead: true, Tags: map[string]string{"team": fmt.Sprint(tasks)},
			Services: []diagnosis.ServiceTasks{{Service: "api", Tasks: map[diagnosis.Agent]int{diagnosis.AgentRunning: tasks}}},
			Findings: []diagnosis.Finding{{Cause: diagnosis.Cause(fmt.Sprint(tasks))}},
		}}}
	}
	reports := []diagnosis.Report{report("a", false, 9, 1), report("b", true, 5, 2), report("c", true, 6, 3), report("d", true, 6, 4)}
	for seed := range uint64(20) {
		in := example()
		in.ECS = append([]diagnosis.Report(nil), reports...)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(in.ECS), func(i, j int) { in.ECS[i], in.ECS[j] = in.ECS[j], in.ECS[i] })
		for name, want := range map[string]map[string]float64{
			"guardduty_ecs_cluster_tasks":                          {"1|r|web|running": 3, "1|r|web|stopped": 0, "1|r|web|missing": 0, "1|r|web|not_applicable": 0},
			"guardduty_ecs_cluster_tags_info":                      {"1|r|web|3|": 1},
			"guardduty_ecs_service_cause_info":                     {"1|r|web||3||": 1},
			"guardduty_ecs_account_up":                             {"a|1|r": 0, "b|1|r": 1, "c|1|r": 1, "d|1|r": 1},
			"guardduty_ecs_service_tasks":                          {"1|r|web|api|running": 3, "1|r|web|api|stopped": 0, "1|r|web|api|missing": 0, "1|r|web|api|not_applicable": 0},
			"guardduty_ecs_account_last_success_timestamp_seconds": {"a|1|r": 9, "b|1|r": 5, "c|1|r": 6, "d|1|r": 6},
		} {
			if diff := cmp.Diff(want, samples(t, in, name)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", name, diff)
			}
		}
	}
}

// TestServicesAndCausesAreLimited: services whose tasks have no agent come first,
// and the sums of the cluster count all.
func TestServicesAndCausesAreLimited(t *testing.T) {
	in := example()
	for limit, want := range map[int][]string{0: nil, 1: {"orders"}, 2: {"api", "orders"}} {
		in.Issues.MaxPerCluster = limit
		var got []string
		for d := range diagnosesOf(in) {
			if d.Cluster.Name == "web" {
				for _, s := range in.Issues.services(d) {
					got = append(got, s.Service)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at most %d services, -want +got:\n%s", limit, diff)
		}
		if n := len(samples(t, in, "guardduty_ecs_service_cause_info")); n != 2*limit-limit/2 {
			t.Errorf("at most %d causes of a cluster: %d", limit, n)
		}
		if tasks := samples(t, in, "guardduty_ecs_cluster_tasks")["111122223333|us-east-1|web|running"]; tasks != 5 {
			t.Errorf("at most %d services: %v tasks of the cluster", limit, tasks)
		}
	}
}

// TestUnreadTasksAreAbsent: tasks that could not be read are not zero, and a
// cluster that is not listed may have none.
func TestUnreadTasksAreAbsent(t *testing.T) {
	in := example()
	for i := range in.ECS[0].Clusters {
		in.ECS[0].Clusters[i].TasksRead, in.ECS[0].Clusters[i].Tags = false, nil
	}
	for name, want := range map[string]int{
		"guardduty_ecs_cluster_tasks": 0, "guardduty_ecs_service_tasks": 0, "guardduty_ecs_cluster_tags_info": 0,
		"guardduty_ecs_cluster_listed": 1, "guardduty_ecs_service_cause_info": 3,
	} {
		if got := samples(t, in, name); len(got) != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestClusterWithoutTasksNeedNotBeListed(t *testing.T) {
	in := example()
	in.ECS[0].Clusters[0].Services = nil
	if diff := cmp.Diff(map[string]float64{"111122223333|us-east-1|web": 1}, samples(t, in, "guardduty_ecs_cluster_listed")); diff != "" {
		t.Error(diff)
	}
}

// TestListedIsUnknownWithoutRows: it is not known whether GuardDuty lists a cluster
// if the rows of the target have expired, and it does if another target has its row.
func TestListedIsUnknownWithoutRows(t *testing.T) {
	const batch, web = "111122223333|us-east-1|batch", "111122223333|us-east-1|web"
	in := example()
	if diff := cmp.Diff(map[string]float64{batch: 0, web: 1}, samples(t, in, "guardduty_ecs_cluster_listed")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	reports := slices.Clone(in.View.Reports)
	row := coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "us-east-1", Name: "batch"}, Status: coverage.Healthy,
	})
	other := coverage.Report{
		Target: coverage.TargetID{Name: "other", Region: "us-east-1"}, State: coverage.OK,
		Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{row}, Types: []coverage.ResourceType{coverage.ECS}},
	}
	in.View = coverage.Merge(append(reports, other))
	if diff := cmp.Diff(map[string]float64{batch: 1, web: 1}, samples(t, in, "guardduty_ecs_cluster_listed")); diff != "" {
		t.Errorf("another target lists it, -want +got:\n%s", diff)
	}
	for i := range reports {
		reports[i].Snapshot, reports[i].State = nil, coverage.Denied
	}
	in.View = coverage.Merge(reports)
	if got := samples(t, in, "guardduty_ecs_cluster_listed"); len(got) != 0 {
		t.Errorf("expired: %v", got)
	}
}

func TestNoTagsNoSeries(t *testing.T) {
	for _, f := range Families() {
		if f.Name == "guardduty_ecs_cluster_tags_info" {
			f.Each(example(), func(_ float64, values ...string) { t.Errorf("%q", values) })
		}
	}
}
