package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// examineLaunchType examines a task that GuardDuty adds no container to.
func (x *examination) examineLaunchType(t *examined) {
	if !t.running {
		return // it does not matter any more
	}
	switch t.LaunchType {
	case managedInstances:
		x.addTask(t, Finding{Cause: ManagedInstances, Certainty: Proof, Evidence: "The tasks have the launch type MANAGED_INSTANCES."})
	case external:
		x.addTask(t, Finding{Cause: ECSAnywhere, Certainty: Proof, Evidence: "The tasks have the launch type EXTERNAL."})
	case ec2:
		if f, ok := x.instanceFinding(t); ok {
			x.addTask(t, f)
		}
	}
}

// instanceFinding returns what is known of the EC2 instance that a task is on. It
// reports whether the instance is not covered or may not be.
func (x *examination) instanceFinding(t *examined) (f Finding, ok bool) {
	if t.LaunchType != ec2 || t.agent != AgentNotApplicable {
		return Finding{}, false
	}
	id := x.InstanceIDs[t.ContainerInstance]
	row, listed := x.Instances[id]
	f = Finding{Level: LevelInstance, Subject: id, Cause: EC2Task, Certainty: Proof}
	switch known := id != "" && x.Instances != nil; {
	case known && !listed:
		f.Certainty, f.Evidence = Strong, "The tasks run on an EC2 instance that GuardDuty does not list."
		return f, true
	case known:
		f.Evidence = fmt.Sprintf("The tasks run on an EC2 instance that GuardDuty reports as %s%s.", row.Status, typesOf(row.Issues))
		return f, row.Status != coverage.Healthy
	}
	f.Level, f.Subject, f.Certainty = LevelService, t.service, Hint
	switch {
	case x.unhealthy() && x.Row.Covered < x.Row.Compatible:
		f.Evidence = fmt.Sprintf("The tasks run on EC2 instances, and GuardDuty reports %d of the cluster's %d container instances as covered.",
			x.Row.Covered, x.Row.Compatible)
		return f, true
	case x.Row == nil || x.unhealthy() && x.Row.Compatible == 0:
		f.Evidence = "The tasks run on EC2 instances, where the agent is on the instance, and the coverage of the instances is not known."
		return f, true
	}
	return Finding{}, false
}

// typesOf returns the types of issues after a colon, "" if there are none.
func typesOf(issues []coverage.Issue) string {
	var types []string
	for _, i := range issues {
		types = append(types, string(i.Type()))
	}
	if len(types) == 0 {
		return ""
	}
	return ": " + strings.Join(slices.Compact(types), ", ")
}
