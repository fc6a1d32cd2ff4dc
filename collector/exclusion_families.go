package collector

import (
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// inScope returns the totals without the excluded clusters.
func (in Input) inScope() []coverage.Total {
	if len(in.Exclusions.Clusters) == 0 {
		return in.View.Totals
	}
	return in.View.InScope(func(k coverage.Key) bool { return in.Exclusions.Of(k) != nil })
}

// exclusionFamilies returns the families of the exclusions of the configuration.
func exclusionFamilies() []Family {
	return []Family{
		{
			Name:   "guardduty_ecs_cluster_excluded",
			Help:   "Always 1; labeled with the exclusion in the configuration because of which the cluster need not be covered, as of the last successful refresh; absent for other clusters.",
			Labels: []string{"account_id", "region", "cluster_name", "exclusion"},
			Each: func(in Input, emit Emit) {
				for _, c := range in.Exclusions.Clusters {
					emit(1, c.Cluster.AccountID, c.Cluster.Region, c.Cluster.Name, c.Entry.Name)
				}
			},
		},
		{
			Name:   "guardduty_exclusion_info",
			Help:   "Always 1; labeled with the owner, the ticket and the issue type of an exclusion in the configuration that was loaded last.",
			Labels: []string{"exclusion", "issue_type", "owner", "ticket"},
			Each: func(in Input, emit Emit) {
				for _, e := range in.Exclusions.Entries {
					emit(1, e.Name, string(e.IssueType), e.Owner, e.Ticket)
				}
			},
		},
		exclusionFamily("guardduty_exclusion_expiry_timestamp_seconds",
			"Time when the exclusion ends, in seconds since the epoch: the end of its last day in UTC.",
			func(e exclusion.Status) (float64, bool) { return seconds(e.End()), true }),
		exclusionFamily("guardduty_exclusion_matches",
			"Number of ECS clusters that the exclusion matches, as of the last successful refresh; absent after its end, and while not all clusters that it may match are known.",
			func(e exclusion.Status) (float64, bool) {
				if e.Matches == nil {
					return 0, false
				}
				return float64(*e.Matches), true
			}),
	}
}

func exclusionFamily(name, help string, value func(exclusion.Status) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: []string{"exclusion"}, Each: func(in Input, emit Emit) {
		for _, e := range in.Exclusions.Entries {
			if v, ok := value(e); ok {
				emit(v, e.Name)
			}
		}
	}}
}
