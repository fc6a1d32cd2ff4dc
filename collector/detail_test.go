package collector

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// familiesOf returns the names of the families that have samples of an ECS cluster.
func familiesOf(in Input, cluster string) (names []string) {
	for _, f := range Families(tags()...) {
		column := slices.Index(f.Labels, "cluster_name")
		if column < 0 || f.Name == "guardduty_ec2_instance_info" {
			continue
		}
		f.Each(in, func(_ float64, values ...string) {
			if values[column] == cluster && !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		})
	}
	return names
}

// TestOnlyUnhealthy leaves out the details of a cluster only if nothing is wrong with it.
func TestOnlyUnhealthy(t *testing.T) {
	const account, region = "111122223333", "us-east-1"
	row := func(name string, status coverage.Status, covered int64, issues ...string) coverage.Resource {
		return coverage.New(coverage.Row{
			Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: name},
			Status: status, ManagementType: "AUTO_MANAGED", Covered: covered, Compatible: 2, Issues: issues,
		})
	}
	read := func(name string, findings ...diagnosis.Finding) diagnosis.Diagnosis {
		return diagnosis.Diagnosis{
			Cluster: diagnosis.Cluster{AccountID: account, Region: region, Name: name}, Listed: true, TasksRead: true,
			Tags: map[string]string{"team": "a"}, Findings: findings,
			Services: []diagnosis.ServiceTasks{{Service: "api", Tasks: map[diagnosis.Agent]int{diagnosis.AgentRunning: 1}}},
		}
	}
	in := Input{
		View: coverage.Merge([]coverage.Report{{
			Target: coverage.TargetID{Name: "default", Region: region}, AccountID: account, State: coverage.OK,
			Snapshot: &coverage.Snapshot{Resources: coverage.Dedupe([]coverage.Resource{
				row("healthy", coverage.Healthy, 2), row("unhealthy", coverage.Unhealthy, 2),
				row("issue", coverage.Healthy, 2, "Unidentified issue"), row("instance", coverage.Healthy, 1),
				row("unknown", "NEW_STATUS", 2), row("task", coverage.Healthy, 2),
			})},
		}}),
		ECS: []diagnosis.Report{{Target: "default", AccountID: account, Region: region, Up: true, Clusters: []diagnosis.Diagnosis{
			read("healthy"), read("unhealthy"), read("unlisted"),
			read("task", diagnosis.Finding{Level: diagnosis.LevelCluster, Cause: diagnosis.Windows, Certainty: diagnosis.Proof, Who: diagnosis.Nobody}),
		}}},
		Issues: IssueOptions{Text: true, MaxPerCluster: 20},
	}
	all := map[string][]string{}
	clusters := []string{"healthy", "unhealthy", "issue", "instance", "unknown", "task", "unlisted"}
	for _, cluster := range clusters {
		all[cluster] = familiesOf(in, cluster)
	}
	in.OnlyUnhealthy = true
	want := all
	want["healthy"] = []string{"guardduty_ecs_cluster_healthy"}
	// What GuardDuty says about the cluster is well, what ECS shows is not.
	want["task"] = []string{
		"guardduty_ecs_cluster_healthy", "guardduty_ecs_service_tasks", "guardduty_ecs_service_cause_info",
		"guardduty_ecs_cluster_tasks", "guardduty_ecs_cluster_listed", "guardduty_ecs_cluster_tags_info",
	}
	for _, cluster := range clusters {
		if diff := cmp.Diff(want[cluster], familiesOf(in, cluster)); diff != "" {
			t.Errorf("families of the cluster %s, -want +got:\n%s", cluster, diff)
		}
		if len(want[cluster]) < 3 && cluster != "healthy" {
			t.Errorf("the cluster %s has only %v", cluster, fmt.Sprint(want[cluster]))
		}
	}
}
