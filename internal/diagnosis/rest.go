package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// examineRest adds what could not be read, and the tasks and clusters that
// nothing explains.
func (x *examination) examineRest() {
	var actions []string
	for _, r := range x.Refusals {
		x.addRefusal(r)
		if !slices.Contains(actions, r.Action) {
			actions = append(actions, r.Action)
		}
	}
	slices.Sort(actions)
	unexplained := Finding{Cause: UnknownReason, Certainty: NoCertainty}
	if len(actions) > 0 {
		unexplained.Cause = Denied
		unexplained.Evidence = fmt.Sprintf(" The cause is not known, because %s failed or was denied.", strings.Join(actions, ", "))
	}
	explained := len(x.counts) > 0
	for i := range x.tasks {
		t := &x.tasks[i]
		if !t.running || t.explained || t.agent == AgentRunning || t.agent == AgentNotApplicable || t.withoutContainer() && x.settled && t.onFargate() {
			continue
		}
		f := unexplained
		f.Evidence = x.unexplained(t) + f.Evidence
		x.addTask(t, f)
		explained = true
	}
	if explained {
		return
	}
	unexplained.Level = LevelCluster
	if x.Truncated {
		unexplained.Evidence += " Not all tasks were read."
	}
	switch n := x.count(func(*examined) bool { return true }); {
	case x.unhealthy():
		unexplained.Evidence = fmt.Sprintf("GuardDuty reports the cluster as %s, and nothing that was read explains it.", x.Row.Status) + unexplained.Evidence
		x.add(unexplained, n)
	case x.Row == nil && n > 0:
		unexplained.Evidence = "GuardDuty does not list the cluster, and nothing that was read explains it." + unexplained.Evidence
		x.add(unexplained, n)
	}
}

// unexplained returns a sentence on what is known of a task without a working agent.
func (x *examination) unexplained(t *examined) string {
	switch {
	case t.container != nil:
		return fmt.Sprintf("The agent's container has the status %s.", quoteEmpty(t.container.LastStatus))
	case !t.onFargate():
		return fmt.Sprintf("The tasks run without the agent, with the launch type %s.", quoteEmpty(t.LaunchType))
	case x.RuntimeMonitoring.State == Unknown || x.RuntimeMonitoring.UpdatedAt.IsZero():
		return "The tasks run without the agent. When Runtime Monitoring was enabled is not known."
	}
	return "The tasks run without the agent, and nothing that was read explains it."
}

func quoteEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return coverage.Sanitize(s)
}

// addRefusal adds a call that was denied or failed.
func (x *examination) addRefusal(r Refusal) {
	f := Finding{Level: LevelCluster, Cause: Denied, Certainty: NoCertainty}
	if r.Action == "ecs:ListAccountSettings" || !strings.HasPrefix(r.Action, "ecs:") {
		f.Level = LevelAccount
	}
	verb := "failed"
	if r.Denied {
		verb = "was denied"
	}
	f.Evidence = fmt.Sprintf("%s %s", r.Action, verb)
	if r.Reason != "" {
		f.Evidence += fmt.Sprintf(" (%s)", r.Reason)
	}
	f.Evidence += "."
	x.add(f, 0)
}
