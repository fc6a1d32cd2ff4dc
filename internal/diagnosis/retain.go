package diagnosis

import "slices"

// Gone returns the diagnosis of a cluster that GuardDuty reports and ECS does not
// have any more.
func Gone(c Cluster) Diagnosis {
	return Diagnosis{Cluster: c, Listed: true, Findings: []Finding{{
		Level: LevelCluster, Cause: TaskGone, Certainty: Strong, Who: Nobody,
		Evidence: "ECS does not have the cluster any more, and GuardDuty still reports it.",
	}}}
}

// Lacks reports whether the tasks or tags of the last diagnosis of the same cluster
// could not be read again.
func (d Diagnosis) Lacks(last Diagnosis) bool {
	return !d.TasksRead && last.TasksRead || d.Tags == nil && last.Tags != nil
}

// Retaining returns the diagnosis with the tasks and tags of the last one where it
// lacks them. Findings of tasks that could not be read again are those of the last
// diagnosis too, with the findings on what was refused now.
func (d Diagnosis) Retaining(last Diagnosis) Diagnosis {
	if d.Tags == nil {
		d.Tags = last.Tags
	}
	if d.TasksRead || !last.TasksRead {
		return d
	}
	d.TasksRead, d.Services, d.Truncated = true, last.Services, last.Truncated
	known := slices.DeleteFunc(slices.Clone(last.Findings), Finding.isRefusal)
	now := slices.DeleteFunc(slices.Clone(d.Findings), func(f Finding) bool { return !f.isRefusal() })
	d.Findings = slices.Concat(known, now) // the cause of now is the last one
	return d
}

// isRefusal reports whether the finding is about a call that was refused, and not
// about tasks.
func (f Finding) isRefusal() bool { return f.Cause == Denied && f.Service == "" && f.Tasks == 0 }
