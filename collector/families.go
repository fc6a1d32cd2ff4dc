// Package collector turns a view of the fleet into metric families. [Families]
// is the table of all of them; tests compare the documentation, the dashboards
// and the alert rules with it. [Collector] exposes it to client_golang.
//
// Families does no I/O and does not read the clock.
package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// Family is one metric family, a gauge: its name, help and labels, and the pure
// function that computes its samples. It is independent of the exposition format.
type Family struct {
	Name   string
	Help   string
	Labels []string
	// Each calls emit once per sample with the label values in the order of
	// Labels. No two samples have the same label values.
	Each func(in Input, emit Emit)
}

// Emit receives one sample. It must not keep labelValues.
type Emit func(value float64, labelValues ...string)

// Input is the data that samples are computed from.
type Input struct {
	View *coverage.View
	// ECS are the reports of what was read from ECS. No two of them have the same
	// target, account and Region.
	ECS    []diagnosis.Report
	Issues IssueOptions
	// OnlyUnhealthy leaves out the details of ECS clusters about which nothing is wrong:
	// they have guardduty_ecs_cluster_healthy only.
	OnlyUnhealthy bool
	// Exclusions are those of the configuration, applied to View and ECS.
	Exclusions exclusion.Result
}

// brief reports whether the details of a resource are left out.
func (in Input) brief(r *coverage.Resource) bool {
	return in.OnlyUnhealthy && r.Type == coverage.ECS && r.Status == coverage.Healthy && r.Covered == r.Compatible && len(r.Issues) == 0
}

// briefDiagnosis reports whether what was read from ECS about a cluster is left out.
func (in Input) briefDiagnosis(d *diagnosis.Diagnosis) bool {
	if !in.OnlyUnhealthy || len(d.Findings) > 0 {
		return false
	}
	r := diagnosis.RowOf(in.View, d.Cluster)
	return r != nil && in.brief(r)
}

// IssueOptions limits the series of the …_issue_info families and, for each
// cluster, of services and of causes.
type IssueOptions struct {
	Text          bool // set the issue label to AWS's text; otherwise it is empty
	MaxPerCluster int  // maximum number of issues, services or causes with series per cluster or instance
}

// Families returns all metric families about GuardDuty coverage. Their names
// and labels are a contract with users. tags are the keys of the cluster tags that
// become labels of guardduty_ecs_cluster_tags_info; no two have the same
// [coverage.TagLabel].
func Families(tags ...string) []Family {
	return slices.Concat(
		totalFamilies(), statisticsFamilies(), ecsFamilies(), diagnosisFamilies(tags), ec2Families(), eksFamilies(),
		detectorFamilies(), accountFamilies(), targetFamilies(), exclusionFamilies(),
	)
}

func totalFamilies() []Family {
	labels := []string{"account_id", "region", "resource_type"}
	return []Family{
		{
			Name:   "guardduty_coverage_percent",
			Help:   "Percentage of resources that are healthy, as of the last successful refresh; absent if there are no resources.",
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
			Name:   "guardduty_coverage_in_scope_percent",
			Help:   "Percentage of resources that are healthy, without the ECS clusters that an exclusion matches, as of the last successful refresh; absent if there are no others.",
			Labels: labels,
			Each: func(in Input, emit Emit) {
				for _, t := range in.inScope() {
					if percent, ok := t.Percent(); ok {
						emit(percent, t.AccountID, t.Region, string(t.ResourceType))
					}
				}
			},
		},
		{
			Name:   "guardduty_coverage_resources",
			Help:   "Number of resources that GuardDuty lists with this coverage status, as of the last successful refresh.",
			Labels: withLabels(labels, "coverage_status"),
			Each: func(in Input, emit Emit) {
				for _, t := range in.View.Totals {
					for _, status := range slices.Sorted(maps.Keys(t.ByStatus)) {
						emit(float64(t.ByStatus[status]), t.AccountID, t.Region, string(t.ResourceType), string(status))
					}
				}
			},
		},
	}
}

func statisticsFamilies() []Family {
	return []Family{
		{
			Name:   "guardduty_coverage_statistics_resources",
			Help:   "Number of resources that GetCoverageStatistics returns for this coverage status, as of the last successful refresh; absent if AWS denies the call.",
			Labels: []string{"target", "region", "resource_type", "coverage_status"},
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					if r.Snapshot == nil {
						continue
					}
					for _, t := range slices.Sorted(maps.Keys(r.Snapshot.Statistics)) {
						counts := r.Snapshot.Statistics[t]
						for _, status := range slices.Sorted(maps.Keys(counts)) {
							emit(float64(counts[status]), r.Target.Name, r.Target.Region, string(t), string(status))
						}
					}
				}
			},
		},
		{
			Name:   "guardduty_coverage_statistics_resources_by_type",
			Help:   "Number of resources of this type that GetCoverageStatistics returns, including types that the target does not list, as of the last successful refresh; absent if AWS denies the call.",
			Labels: []string{"target", "region", "resource_type"},
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					if r.Snapshot == nil {
						continue
					}
					for _, t := range slices.Sorted(maps.Keys(r.Snapshot.StatisticsByType)) {
						emit(float64(r.Snapshot.StatisticsByType[t]), r.Target.Name, r.Target.Region, string(t))
					}
				}
			},
		},
	}
}

func boolToFloat(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	return float64(t.UnixMilli()) / 1000
}
