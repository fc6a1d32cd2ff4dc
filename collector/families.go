package collector

import (
	"maps"
	"slices"
	"time"

	"guardduty_coverage_exporter/internal/coverage"
)

// Family is one metric family: a gauge, its name, help and labels, and the
// pure function that makes its samples. It knows nothing of the form in which
// they leave the process.
type Family struct {
	Name   string
	Help   string
	Labels []string
	// Each calls emit once for each sample, with the values of Labels in their
	// order. No two samples of a family have the same label values.
	Each func(in Input, emit Emit)
}

// Emit takes one sample.
type Emit func(value float64, labelValues ...string)

// Input is everything that the samples are made of.
type Input struct {
	View   *coverage.View
	Issues IssueOptions
}

// IssueOptions says how much of the issues' texts is shown.
type IssueOptions struct {
	Text          bool // whether the label issue carries AWS's text, or nothing
	MaxPerCluster int  // at most so many series of guardduty_ecs_cluster_issue_info for one cluster
}

// Families returns the table of all domain metrics: what /metrics shows of
// GuardDuty coverage. Their names and labels are a contract with those who use
// them.
func Families() []Family {
	return slices.Concat(totalFamilies(), clusterFamilies(), targetFamilies())
}

func totalFamilies() []Family {
	labels := []string{"account_id", "region", "resource_type"}
	withStatus := append(slices.Clone(labels), "coverage_status")
	return []Family{
		{
			Name:   "guardduty_coverage_percent",
			Help:   "Healthy resources ÷ all resources × 100, as of the last successful refresh; absent where there are no resources.",
			Labels: labels,
			Each: func(in Input, emit Emit) {
				for _, t := range in.View.Totals {
					if percent, ok := t.Percent(); ok {
						emit(percent, t.AccountID, t.Region, string(t.ResourceType))
					}
				}
			},
		},
		{
			Name:   "guardduty_coverage_resources",
			Help:   "Number of resources that GuardDuty listed with this coverage status, as of the last successful refresh.",
			Labels: withStatus,
			Each: func(in Input, emit Emit) {
				for _, t := range in.View.Totals {
					for _, status := range slices.Sorted(maps.Keys(t.ByStatus)) {
						emit(float64(t.ByStatus[status]), t.AccountID, t.Region, string(t.ResourceType), string(status))
					}
				}
			},
		},
		{
			Name:   "guardduty_coverage_statistics_resources",
			Help:   "Number of resources that GetCoverageStatistics counted with this coverage status at the last successful refresh; absent where the call is not permitted.",
			Labels: []string{"target", "region", "resource_type", "coverage_status"},
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					if r.Snapshot == nil {
						continue
					}
					for _, status := range slices.Sorted(maps.Keys(r.Snapshot.Statistics)) {
						emit(float64(r.Snapshot.Statistics[status]), r.Target.Name, r.Target.Region, string(coverage.ECS), string(status))
					}
				}
			},
		},
	}
}

func clusterFamilies() []Family {
	return []Family{
		clusterFamily("guardduty_ecs_cluster_healthy",
			"Whether the cluster's coverage status is HEALTHY (1) or anything else (0), as of the last successful refresh.",
			func(c coverage.Cluster) (float64, bool) { return boolean(c.Status == coverage.Healthy), true }),
		clusterFamily("guardduty_ecs_cluster_container_instances_covered",
			"Number of the cluster's container instances with a reporting GuardDuty agent, as of the last successful refresh; 0 for a cluster of Fargate tasks alone.",
			func(c coverage.Cluster) (float64, bool) { return float64(c.Covered), true }),
		clusterFamily("guardduty_ecs_cluster_container_instances_compatible",
			"Number of the cluster's container instances, as of the last successful refresh; 0 for a cluster of Fargate tasks alone.",
			func(c coverage.Cluster) (float64, bool) { return float64(c.Compatible), true }),
		clusterFamily("guardduty_ecs_cluster_updated_timestamp_seconds",
			"When the cluster's coverage status last changed or a task was last created in it, in seconds since the epoch, as of the last successful refresh.",
			func(c coverage.Cluster) (float64, bool) { return seconds(c.UpdatedAt), !c.UpdatedAt.IsZero() }),
		{
			Name:   "guardduty_ecs_cluster_info",
			Help:   "Always 1; how the cluster's agent is managed (AUTO_MANAGED, MANUAL or DISABLED), as of the last successful refresh.",
			Labels: clusterLabels("management_type"),
			Each: func(in Input, emit Emit) {
				for _, c := range in.View.Clusters {
					emit(1, c.AccountID, c.Region, c.Name, c.ManagementType)
				}
			},
		},
		{
			Name:   "guardduty_ecs_cluster_issues",
			Help:   "Number of the cluster's coverage issues of this type, as of the last successful refresh; absent where there are none.",
			Labels: clusterLabels("issue_type"),
			Each:   eachIssueType,
		},
		{
			Name:   "guardduty_ecs_cluster_issue_info",
			Help:   "Always 1; one coverage issue of the cluster in AWS's words, as of the last successful refresh.",
			Labels: clusterLabels("issue_type", "task_definition", "issue"),
			Each:   eachIssue,
		},
	}
}

func clusterLabels(more ...string) []string {
	return append([]string{"account_id", "region", "cluster_name"}, more...)
}

func clusterFamily(name, help string, value func(coverage.Cluster) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: clusterLabels(), Each: func(in Input, emit Emit) {
		for _, c := range in.View.Clusters {
			if v, ok := value(c); ok {
				emit(v, c.AccountID, c.Region, c.Name)
			}
		}
	}}
}

// eachIssueType relies on a cluster's issues being sorted by type.
func eachIssueType(in Input, emit Emit) {
	for _, c := range in.View.Clusters {
		for first := 0; first < len(c.Issues); {
			next := first
			for next < len(c.Issues) && c.Issues[next].Type == c.Issues[first].Type {
				next++
			}
			emit(float64(next-first), c.AccountID, c.Region, c.Name, string(c.Issues[first].Type))
			first = next
		}
	}
}

// eachIssue relies on a cluster's issues being sorted: equal ones stand together.
func eachIssue(in Input, emit Emit) {
	for _, c := range in.View.Clusters {
		shown, previous := 0, coverage.Issue{}
		for _, issue := range c.Issues {
			if !in.Issues.Text {
				issue.Text = ""
			}
			if issue == previous || shown == in.Issues.MaxPerCluster {
				continue
			}
			emit(1, c.AccountID, c.Region, c.Name, string(issue.Type), issue.TaskDefinition, issue.Text)
			shown, previous = shown+1, issue
		}
	}
}

func targetFamilies() []Family {
	return []Family{
		targetFamily("guardduty_target_up",
			"Whether the last refresh of the target succeeded (1) or failed (0).",
			func(r coverage.Report) (float64, bool) { return boolean(r.State == coverage.OK), true }),
		{
			Name:   "guardduty_target_state",
			Help:   "How the last refresh of the target ended: 1 for the one state that is true, 0 for the others.",
			Labels: targetLabels("state"),
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					for _, state := range coverage.States() {
						emit(boolean(r.State == state), r.Target.Name, r.Target.AccountID, r.Target.Region, string(state))
					}
				}
			},
		},
		targetFamily("guardduty_target_last_success_timestamp_seconds",
			"When the last successful refresh of the target ended, in seconds since the epoch; absent before the first one.",
			func(r coverage.Report) (float64, bool) { return seconds(r.LastSuccess), !r.LastSuccess.IsZero() }),
		targetFamily("guardduty_target_refresh_duration_seconds",
			"How long the last refresh of the target took, whether it succeeded or failed.",
			func(r coverage.Report) (float64, bool) { return r.Duration.Seconds(), true }),
	}
}

func targetLabels(more ...string) []string {
	return append([]string{"target", "account_id", "region"}, more...)
}

func targetFamily(name, help string, value func(coverage.Report) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: targetLabels(), Each: func(in Input, emit Emit) {
		for _, r := range in.View.Reports {
			if v, ok := value(r); ok {
				emit(v, r.Target.Name, r.Target.AccountID, r.Target.Region)
			}
		}
	}}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	return float64(t.UnixMilli()) / 1000
}
