package collector

import (
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func ecsFamilies() []Family {
	labels := []string{"account_id", "region", "cluster_name"}
	return []Family{
		healthFamily(coverage.ECS, "guardduty_ecs_cluster_healthy", labels,
			"Whether the cluster's coverage status is HEALTHY (1) or not (0), as of the last successful refresh."),
		resourceFamily(coverage.ECS, "guardduty_ecs_cluster_container_instances_covered", labels,
			"Number of container instances in the cluster with a reporting GuardDuty agent, as of the last successful refresh; 0 if the cluster has only Fargate tasks.", covered),
		resourceFamily(coverage.ECS, "guardduty_ecs_cluster_container_instances_compatible", labels,
			"Number of container instances in the cluster, as of the last successful refresh; 0 if the cluster has only Fargate tasks.", compatible),
		resourceFamily(coverage.ECS, "guardduty_ecs_cluster_updated_timestamp_seconds", labels,
			"Time when the cluster's coverage status last changed or a task was last created in it, in seconds since the epoch, as of the last successful refresh.", updated),
		{
			Name:   "guardduty_ecs_cluster_unhealthy_since_timestamp_seconds",
			Help:   "Time since which the cluster has not been HEALTHY, in seconds since the epoch, as of the last successful refresh: the update time when the exporter first saw it so, thus at the latest; absent while it is HEALTHY.",
			Labels: labels,
			Each: func(in Input, emit Emit) {
				for r, key := range resourcesOf(in, coverage.ECS) {
					if at, ok := in.View.UnhealthyAt(r); ok {
						emit(seconds(at), key...)
					}
				}
			},
		},
		infoFamily(coverage.ECS, "guardduty_ecs_cluster_info", withLabels(labels, "management_type"),
			"Always 1; labeled with how the GuardDuty agent of the cluster is managed (AUTO_MANAGED, MANUAL or DISABLED), as of the last successful refresh.",
			func(r *coverage.Resource, key []string) []string { return append(key, r.ManagementType) }),
		{
			Name:   "guardduty_ecs_cluster_issues",
			Help:   "Number of coverage issues of this type in the cluster, including those of its container instances if some are not covered, as of the last successful refresh; absent if there are none.",
			Labels: withLabels(labels, "issue_type"),
			Each:   eachIssueType,
		},
		{
			Name:   "guardduty_ecs_cluster_issue_info",
			Help:   "Always 1; labeled with the text of one coverage issue of the cluster, as of the last successful refresh.",
			Labels: withLabels(labels, "issue_type", "task_definition", "issue"),
			Each: func(in Input, emit Emit) {
				for r, key := range resourcesOf(in, coverage.ECS) {
					for i := range in.Issues.selected(r) {
						emit(1, append(key, string(i.Type()), i.TaskDefinition(), i.Text())...)
					}
				}
			},
		},
	}
}

// eachIssueType emits the number of issues of each type in a cluster. Issues of
// container instances are included if some of them are not covered.
func eachIssueType(in Input, emit Emit) {
	instances := in.View.InstanceIssues()
	var types []coverage.IssueType
	for r, key := range resourcesOf(in, coverage.ECS) {
		types = r.AppendIssueTypes(types[:0], instances)
		for first := 0; first < len(types); {
			next := first
			for next < len(types) && types[next] == types[first] {
				next++
			}
			emit(float64(next-first), append(key, string(types[first]))...)
			first = next
		}
	}
}
