package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// reportDelay is how long GuardDuty has taken to report a new task as covered
// (read November 2026).
const reportDelay = 15 * time.Minute

// examineRow looks for why GuardDuty does not report a cluster as healthy although
// agents run, and for issues about tasks that do not exist any more.
func (x *examination) examineRow() {
	healthy := x.Row != nil && !x.unhealthy()
	for i := range x.tasks {
		if t := &x.tasks[i]; t.running && t.container != nil && (!healthy || t.agent == AgentMissing) {
			x.examineRunningAgent(t)
		}
	}
	if !x.unhealthy() || !x.tasksRead || x.Truncated {
		return
	}
	known := map[string]bool{}
	for i := range x.Tasks {
		known[Revision(x.Tasks[i].TaskDefinition)] = true
	}
	for _, issue := range x.issues() {
		if d := definitionIn(issue); d != "" && !known[d] {
			x.add(Finding{
				Level: LevelTaskDefinition, Subject: d, Cause: TaskGone, Certainty: Strong,
				Evidence: "GuardDuty reports an issue about this task definition, and no running or recently stopped task has it.",
			}, 0)
		}
	}
}

// examineRunningAgent examines a task whose agent starts, or runs while GuardDuty
// does not report the cluster as healthy.
func (x *examination) examineRunningAgent(t *examined) {
	if t.agent == AgentStopped {
		return
	}
	if age := x.ReadAt.Sub(t.CreatedAt); !t.CreatedAt.IsZero() && !x.ReadAt.IsZero() && age >= 0 && age < reportDelay {
		x.addTask(t, Finding{
			Cause: TooEarly, Certainty: Strong,
			Evidence: "The tasks have the agent and are younger than 15 minutes; GuardDuty reports them later.",
		})
		return
	}
	if t.agent != AgentRunning {
		return
	}
	p := x.pathOf(t)
	if issue, c, ok := x.issueOf(t, coverage.VPCEndpoint); ok {
		f := Finding{Cause: VPCEndpoint, Certainty: Hint}
		f.Evidence = fmt.Sprintf("The agent runs, and GuardDuty's issue %s is %s: %s", issue.Type(), about(c), issue.Text())
		if c == Proof && x.needsEndpoint(t) {
			f.Certainty = Strong
		}
		if strings.Contains(strings.ToLower(issue.Text()), "shared vpc") {
			f.Cause, f.Certainty = SharedVPC, Hint
		}
		x.addTask(t, p.support(f, x.needsEndpoint(t)))
	}
	if issue, c, ok := x.issueOf(t, coverage.AgentNotReporting); ok {
		found := fmt.Sprintf("The agent runs, and GuardDuty's issue %s is %s.", issue.Type(), about(c))
		x.addTask(t, Finding{Cause: TelemetryDenied, Certainty: Hint, Evidence: found + x.boundaryOf(t)})
		if x.needsEndpoint(t) {
			found += " This agent needs GuardDuty's VPC endpoint."
		}
		f := Finding{Cause: VPCEndpoint, Certainty: Hint, Evidence: found}
		x.addTask(t, p.support(f, x.needsEndpoint(t)))
	}
}

// needsEndpoint reports whether the agent of a task is known to need a VPC
// endpoint. Since version 1.17.1 it has a link-local path too, except in China
// (read November 2026).
func (x *examination) needsEndpoint(t *examined) bool {
	v, ok := agentVersion(t.container)
	return ok && v.before(version{1, 17, 1}) || strings.HasPrefix(x.Cluster.Region, "cn-")
}
