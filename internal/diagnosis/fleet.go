package diagnosis

import (
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Agents returns the states of an agent.
func Agents() []Agent { return []Agent{AgentRunning, AgentStopped, AgentMissing, AgentNotApplicable} }

// RunningTasks returns the number of running tasks whose agents have one of the
// states; without any, of all.
func (d *Diagnosis) RunningTasks(states ...Agent) (n int) {
	if len(states) == 0 {
		states = Agents()
	}
	for _, s := range d.Services {
		for _, state := range states {
			n += s.Tasks[state]
		}
	}
	return n
}

// Unlisted returns the clusters with running tasks that GuardDuty does not list.
// Only targets whose rows are known count: after they have expired, a cluster that
// ECS lists may be listed.
func Unlisted(v *coverage.View, reports []Report) map[Cluster]bool {
	known := map[coverage.TargetID]bool{}
	for i := range v.Reports {
		r := &v.Reports[i]
		known[r.Target] = r.Snapshot != nil && !r.Snapshot.OptionalOnly
	}
	candidates := map[Cluster]bool{}
	for _, r := range reports {
		if !known[coverage.TargetID{Name: r.Target, Kind: coverage.KindCoverage, Region: r.Region}] {
			continue
		}
		for i := range r.Clusters {
			if d := &r.Clusters[i]; !d.Listed {
				candidates[d.Cluster] = true
			}
		}
	}
	unlisted := map[Cluster]bool{}
	for d := range Clusters(reports) {
		if candidates[d.Cluster] && d.TasksRead && d.RunningTasks() > 0 && RowOf(v, d.Cluster) == nil {
			unlisted[d.Cluster] = true
		}
	}
	return unlisted
}

// RowOf returns GuardDuty's row of a cluster, nil if there is none. Rows are newer
// than what was read from ECS, and may be another target's.
func RowOf(v *coverage.View, c Cluster) *coverage.Resource {
	return coverage.Find(v.Resources, coverage.Key{Type: coverage.ECS, AccountID: c.AccountID, Region: c.Region, Name: c.Name})
}
