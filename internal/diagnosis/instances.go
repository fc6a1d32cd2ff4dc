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
		x.examineInstance(t)
	}
}

// instanceUncovered reports whether a task is on an EC2 instance that GuardDuty
// reports as not healthy or does not list.
func (x *examination) instanceUncovered(t *examined) bool {
	id := x.InstanceIDs[t.ContainerInstance]
	if t.LaunchType != ec2 || t.agent != AgentNotApplicable || id == "" || x.Instances == nil {
		return false
	}
	row, ok := x.Instances[id]
	return !ok || row.Status != coverage.Healthy
}

func (x *examination) examineInstance(t *examined) {
	id := x.InstanceIDs[t.ContainerInstance]
	f := Finding{Level: LevelInstance, Subject: id, Cause: EC2Task, Certainty: Proof}
	row, listed := x.Instances[id]
	switch {
	case x.instanceUncovered(t) && !listed:
		f.Certainty, f.Evidence = Strong, "The tasks run on an EC2 instance that GuardDuty does not list."
	case x.instanceUncovered(t):
		f.Evidence = fmt.Sprintf("The tasks run on an EC2 instance that GuardDuty reports as %s%s.", row.Status, typesOf(row.Issues))
	case id != "" && x.Instances != nil:
		return // covered
	case x.unhealthy() && x.Row.Covered < x.Row.Compatible:
		f.Level, f.Subject, f.Certainty = LevelService, t.service, Hint
		f.Evidence = fmt.Sprintf("The tasks run on EC2 instances, and GuardDuty reports %d of the cluster's %d container instances as covered.",
			x.Row.Covered, x.Row.Compatible)
	case x.Row == nil || x.unhealthy() && x.Row.Compatible == 0:
		f.Level, f.Subject, f.Certainty = LevelService, t.service, Hint
		f.Evidence = "The tasks run on EC2 instances, where the agent is on the instance, and the coverage of the instances is not known."
	default:
		return
	}
	x.addTask(t, f)
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
