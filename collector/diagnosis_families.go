package collector

import (
	"cmp"
	"iter"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// diagnosisFamilies returns the families of what is read from ECS, which have
// samples only if the configuration enables it.
func diagnosisFamilies(tags []string) []Family {
	labels := []string{"account_id", "region", "cluster_name"}
	return append(serviceFamilies(labels), clusterTasksFamily(labels), clusterListedFamily(labels), tagsFamily(labels, tags),
		ecsAccountFamily("guardduty_ecs_account_up",
			"Whether the last read of the account's ECS clusters was complete (1) or not (0).",
			func(r diagnosis.Report) (float64, bool) { return boolToFloat(r.Up), true }),
		ecsAccountFamily("guardduty_ecs_account_last_success_timestamp_seconds",
			"Time when the last complete read of the account's ECS clusters began, in seconds since the epoch; absent before the first one.",
			func(r diagnosis.Report) (float64, bool) { return seconds(r.LastSuccess), !r.LastSuccess.IsZero() }))
}

func serviceFamilies(labels []string) []Family {
	return []Family{
		{
			Name:   "guardduty_ecs_service_tasks",
			Help:   "Number of running tasks of the service by the state of their GuardDuty agent, as of the last successful read of ECS; standalone tasks are under family: and their family.",
			Labels: withLabels(labels, "service_name", "agent"),
			Each: func(in Input, emit Emit) {
				for d, key := range diagnosesOf(in) {
					for _, s := range in.Issues.services(d) {
						for _, agent := range diagnosis.Agents() {
							emit(float64(s.Tasks[agent]), append(key, s.Service, string(agent))...)
						}
					}
				}
			},
		},
		{
			Name:   "guardduty_ecs_service_cause_info",
			Help:   "Always 1; labeled with why tasks of the service have no reporting GuardDuty agent, how certain that is and who can act, as of the last read of ECS; service_name is empty for all tasks of the cluster.",
			Labels: withLabels(labels, "service_name", "cause", "certainty", "who"),
			Each: func(in Input, emit Emit) {
				for d, key := range diagnosesOf(in) {
					for _, c := range in.Issues.causes(d) {
						emit(1, append(key, c.service, string(c.cause), string(c.certainty), string(c.who))...)
					}
				}
			},
		},
	}
}

func clusterTasksFamily(labels []string) Family {
	return Family{
		Name:   "guardduty_ecs_cluster_tasks",
		Help:   "Number of running tasks of the cluster by the state of their GuardDuty agent, as of the last successful read of ECS; absent if the tasks could not be read.",
		Labels: withLabels(labels, "agent"),
		Each: func(in Input, emit Emit) {
			for d, key := range diagnosesOf(in) {
				if !d.TasksRead {
					continue
				}
				for _, agent := range diagnosis.Agents() {
					emit(float64(d.RunningTasks(agent)), append(key, string(agent))...)
				}
			}
		},
	}
}

func clusterListedFamily(labels []string) Family {
	return Family{
		Name:   "guardduty_ecs_cluster_listed",
		Help:   "Whether GuardDuty lists the cluster (1) or not although it has running tasks (0), as of the last successful read of ECS; absent after the data of GuardDuty has expired.",
		Labels: labels,
		Each: func(in Input, emit Emit) {
			unlisted := diagnosis.Unlisted(in.View, in.ECS)
			for d, key := range diagnosesOf(in) {
				switch {
				case diagnosis.RowOf(in.View, d.Cluster) != nil:
					emit(1, key...)
				case unlisted[d.Cluster]:
					emit(0, key...)
				}
			}
		},
	}
}

// tagsFamily has a label for each tag key, so that all of its samples have the
// same labels.
func tagsFamily(labels, tags []string) Family {
	for _, key := range tags {
		labels = withLabels(labels, coverage.TagLabel(key))
	}
	return Family{
		Name:   "guardduty_ecs_cluster_tags_info",
		Help:   "Always 1; labeled with the configured tags of the cluster, empty if it does not have them, as of the last successful read of ECS.",
		Labels: labels,
		Each: func(in Input, emit Emit) {
			if len(tags) == 0 {
				return
			}
			for d, values := range diagnosesOf(in) {
				if d.Tags == nil {
					continue // unknown
				}
				for _, key := range tags {
					values = append(values, d.Tags[key])
				}
				emit(1, values...)
			}
		},
	}
}

func ecsAccountFamily(name, help string, value func(diagnosis.Report) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: []string{"target", "account_id", "region"}, Each: func(in Input, emit Emit) {
		for _, r := range in.ECS {
			if v, ok := value(r); ok {
				emit(v, r.Target, r.AccountID, r.Region)
			}
		}
	}}
}

// diagnosesOf yields one diagnosis of each cluster, see [diagnosis.Clusters], except
// those whose details are left out, with its key label values. The slice is reused: append to it, do not keep it.
func diagnosesOf(in Input) iter.Seq2[*diagnosis.Diagnosis, []string] {
	return func(yield func(*diagnosis.Diagnosis, []string) bool) {
		key := make([]string, 3, 8)
		for d := range diagnosis.Clusters(in.ECS) {
			if in.briefDiagnosis(d) {
				continue
			}
			key[0], key[1], key[2] = d.Cluster.AccountID, d.Cluster.Region, d.Cluster.Name
			if !yield(d, key) {
				return
			}
		}
	}
}

// services returns the services that get series: first those with tasks that
// should have an agent and have none that runs.
func (o IssueOptions) services(d *diagnosis.Diagnosis) []diagnosis.ServiceTasks {
	if !d.TasksRead {
		return nil
	}
	if len(d.Services) <= o.MaxPerCluster {
		return d.Services
	}
	uncovered := func(s diagnosis.ServiceTasks) bool {
		return s.Tasks[diagnosis.AgentMissing]+s.Tasks[diagnosis.AgentStopped] > 0
	}
	services := slices.SortedStableFunc(slices.Values(d.Services), func(a, b diagnosis.ServiceTasks) int {
		return -cmp.Compare(boolToFloat(uncovered(a)), boolToFloat(uncovered(b)))
	})
	return services[:o.MaxPerCluster]
}

// cause is a series of causes.
type cause struct {
	service   string
	cause     diagnosis.Cause
	certainty diagnosis.Certainty
	who       diagnosis.Who
}

// causes returns the causes that get a series, in the order of the findings and
// without duplicates.
func (o IssueOptions) causes(d *diagnosis.Diagnosis) []cause {
	var causes []cause
	for _, f := range d.Findings {
		if len(causes) >= o.MaxPerCluster {
			break
		}
		c := cause{f.Service, f.Cause, f.Certainty, f.Who}
		if !slices.Contains(causes, c) {
			causes = append(causes, c)
		}
	}
	return causes
}
