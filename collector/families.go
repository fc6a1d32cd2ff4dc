// Package collector turns what the store knows into metric families.
// [Families] is the table of them; the documentation, the dashboards and the
// alert rules are held against it.
//
// The table asks no network and no clock.
package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
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

// Emit takes one sample. It does not keep labelValues.
type Emit func(value float64, labelValues ...string)

// Input is everything that the samples are made of.
type Input struct {
	View   *coverage.View
	Issues IssueOptions
}

// IssueOptions says how much of the issues' texts is shown.
type IssueOptions struct {
	Text          bool // whether the label issue carries AWS's text, or nothing
	MaxPerCluster int  // at most so many series of an …_issue_info for one cluster or instance
}

// Families returns the table of all domain metrics: what /metrics shows of
// GuardDuty coverage. Their names and labels are a contract with those who use
// them.
func Families() []Family {
	return slices.Concat(
		totalFamilies(), ecsFamilies(), ec2Families(), eksFamilies(), accountFamilies(), targetFamilies(),
	)
}

func totalFamilies() []Family {
	labels := []string{"account_id", "region", "resource_type"}
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
			Labels: with(labels, "coverage_status"),
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
					for _, t := range slices.Sorted(maps.Keys(r.Snapshot.Statistics)) {
						counts := r.Snapshot.Statistics[t]
						for _, status := range slices.Sorted(maps.Keys(counts)) {
							emit(float64(counts[status]), r.Target.Name, r.Target.Region, string(t), string(status))
						}
					}
				}
			},
		},
	}
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
