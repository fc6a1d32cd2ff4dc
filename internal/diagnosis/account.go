package diagnosis

import "fmt"

// The tag of a cluster that includes it in or excludes it from automated agent
// configuration. Key and value are case-sensitive.
const (
	managedTag = "GuardDutyManaged"
	included   = "true"
	excluded   = "false"
)

// byPolicy is [Setting.ManagedBy] if an Organizations policy decides.
const byPolicy = "GUARDDUTY_POLICY"

// examineAccount adds what keeps GuardDuty from adding its container to any task.
// It says nothing of tasks that have one, and agents outlive what is switched off
// later.
func (x *examination) examineAccount() {
	containerless := x.count((*examined).withoutContainer)
	uncovered := x.count(func(t *examined) bool {
		_, ok := x.instanceFinding(t)
		return ok
	})
	known := x.count(func(*examined) bool { return true })
	if containerless+uncovered == 0 && (known > 0 || !x.unhealthy()) {
		return
	}
	if x.examineRuntimeMonitoring(containerless + uncovered) {
		x.settled = true
	}
	if containerless == 0 && known > 0 {
		return // the rest is about Fargate
	}
	if x.examineAgentManagement(containerless) {
		x.settled = true
	}
	if x.Tags[managedTag] == excluded {
		f := Finding{
			Level: LevelCluster, Cause: ClusterExcluded, Certainty: Proof,
			Evidence: "The cluster has the tag GuardDutyManaged=false.",
		}
		if containerless > 0 {
			f.Certainty = Strong // when it was tagged is not known
		}
		x.add(f, containerless)
		x.settled = true
	}
}

func (x *examination) examineRuntimeMonitoring(tasks int) bool {
	f := Finding{Level: LevelAccount, Cause: RuntimeMonitoringOff, Certainty: Proof}
	switch feature, setting := x.RuntimeMonitoring.State, x.AccountSetting; {
	case feature == Off && setting == On:
		f.Certainty, f.Evidence = Strong, "GuardDuty's feature RUNTIME_MONITORING is disabled, although the ECS account setting guardDutyActivate is on."
	case feature == On && setting == Off:
		f.Certainty, f.Evidence = Strong, "The ECS account setting guardDutyActivate is off, although GuardDuty's feature RUNTIME_MONITORING is enabled."
	case feature == Off:
		f.Evidence = "GuardDuty's feature RUNTIME_MONITORING is disabled."
	case setting == Off:
		f.Evidence = "The ECS account setting guardDutyActivate is off."
	default:
		return false
	}
	x.addSetting(f, x.RuntimeMonitoring, tasks)
	return true
}

func (x *examination) examineAgentManagement(tasks int) bool {
	if x.AgentManagement.State != Off || x.Tags[managedTag] == included {
		return false
	}
	f := Finding{
		Level: LevelAccount, Cause: AgentManagementOff, Certainty: Proof,
		Evidence: "ECS_FARGATE_AGENT_MANAGEMENT is disabled, and the cluster does not have the tag GuardDutyManaged=true.",
	}
	if x.Tags == nil {
		f.Certainty, f.Evidence = Strong, "ECS_FARGATE_AGENT_MANAGEMENT is disabled; the cluster's tags are not known."
	}
	x.addSetting(f, x.AgentManagement, tasks)
	return true
}

func (x *examination) addSetting(f Finding, s Setting, tasks int) {
	if s.ManagedBy == byPolicy {
		f.ByPolicy = true
		f.Evidence += fmt.Sprintf(" It is managed by %s.", byPolicy)
	}
	f.Administrator = x.Administrator
	x.add(f, tasks)
}
