package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// examineStart looks in how and when a task was started for why it has no agent
// container.
func (x *examination) examineStart(t *examined) {
	if issue, c, ok := x.issueOf(t, coverage.ExclusionTag); ok && x.Tags[managedTag] != excluded {
		x.addTask(t, Finding{
			Cause: ClusterWasExcluded, Certainty: Hint,
			Evidence: fmt.Sprintf("GuardDuty's issue %s is %s, and the cluster does not have the tag GuardDutyManaged=false now.", issue.Type(), about(c)),
		})
	}
	x.examineAge(t)
	if issue, c, ok := x.issueOf(t, coverage.UnsupportedService); ok {
		x.addTask(t, Finding{
			Cause: UnsupportedInvoker, Certainty: c,
			Evidence: fmt.Sprintf("GuardDuty's issue %s is %s: %s", issue.Type(), about(c), issue.Text()),
		})
	}
	if x.hasNoNetwork(t) {
		x.addTask(t, Finding{
			Cause: NoNetworkConfiguration, Certainty: Strong,
			Evidence: "The tasks have no elastic network interface, or their service has no subnets.",
		})
	}
	if !t.explained && x.Tags[managedTag] == included {
		x.addTask(t, Finding{
			Cause: ClusterWasExcluded, Certainty: Hint,
			Evidence: "The cluster has the tag GuardDutyManaged=true, and nothing else explains the missing agent: the tag may be newer than the tasks.",
		})
	}
}

// issueOf returns the first issue of a type that GuardDuty reports of a task's
// task definition, which is proof that GuardDuty says so, or of none, which is a
// hint.
func (x *examination) issueOf(t *examined, types ...coverage.IssueType) (issue coverage.Issue, c Certainty, ok bool) {
	for _, i := range x.issues() {
		for _, issueType := range types {
			switch d := definitionIn(i); {
			case i.Type() != issueType:
			case d != "" && d == t.definition:
				return i, Proof, true
			case d == "" && !ok:
				issue, c, ok = i, Hint, true
			}
		}
	}
	return issue, c, ok
}

// definitionIn returns the family:revision that an issue names, also by its ARN, ""
// if it names none. A name in another form, such as one that is cut, could not be
// compared.
func definitionIn(i coverage.Issue) string {
	d := Revision(i.TaskDefinition())
	family, number, _ := strings.Cut(d, ":")
	if family == "" || number == "" || strings.Trim(number, "0123456789") != "" {
		return ""
	}
	return d
}

// about returns what an issue that issueOf returned is about.
func about(c Certainty) string {
	if c == Proof {
		return "about their task definition"
	}
	return "about the cluster"
}

// hasNoNetwork reports whether GuardDuty finds no network to connect the agent to.
func (x *examination) hasNoNetwork(t *examined) bool {
	service, ok := x.services[t.service]
	return t.NetworkInterface == Off || t.NetworkInterface == Unknown && ok && service.Subnets == Off
}

// enabledAt returns when the agent was last enabled, and zero if it is unknown. A
// cluster with the tag GuardDutyManaged=true does not need the agent's management.
func (x *examination) enabledAt() time.Time {
	if x.RuntimeMonitoring.State != On || x.RuntimeMonitoring.UpdatedAt.IsZero() {
		return time.Time{}
	}
	at := x.RuntimeMonitoring.UpdatedAt
	if m := x.AgentManagement; m.State == On && m.UpdatedAt.After(at) && x.Tags[managedTag] != included {
		at = m.UpdatedAt
	}
	return at
}

// examineAge compares when a task and its deployment were created with when the
// agent was enabled. The deployment decides: a task that an older one starts later
// gets no agent either.
func (x *examination) examineAge(t *examined) {
	enabled := x.enabledAt()
	if enabled.IsZero() {
		return
	}
	since := "the agent's settings were last changed at " + enabled.UTC().Format(time.RFC3339) + "."
	service, known := x.services[t.service]
	if known && !service.Deployed.IsZero() && service.Deployed.Before(enabled) && !x.withAgent[t.service] {
		f := Finding{Certainty: Strong}
		created := " was created at " + service.Deployed.UTC().Format(time.RFC3339) + "; "
		switch service.Controller {
		case "", "ECS":
			f.Cause, f.Evidence = DeploymentTooOld, "The service's deployment"+created+since
		case "CODE_DEPLOY", "EXTERNAL":
			f.Cause, f.Evidence = TaskSetTooOld, "The service's task set"+created+since
		}
		if f.Cause != "" {
			x.addTask(t, f)
			return
		}
	}
	if !t.CreatedAt.IsZero() && t.CreatedAt.Before(enabled) {
		x.addTask(t, Finding{Cause: TaskTooOld, Certainty: Strong, Evidence: "The tasks are older: " + since})
	}
}
