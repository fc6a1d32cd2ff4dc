package diagnosis

import (
	"cmp"
	"maps"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Diagnose returns the causes that the evidence supports. It examines the account
// and the cluster, then each task without a working agent, then what GuardDuty
// reports although the agents work, and last what could not be read.
func Diagnose(e Evidence) Diagnosis {
	x := newExamination(&e)
	x.examineAccount()
	for i := range x.tasks {
		x.examineTask(&x.tasks[i])
	}
	x.examineRow()
	x.examineRest()
	if e.Deep != nil {
		for _, r := range e.Deep.Refusals {
			x.addRefusal(r)
		}
	}
	return Diagnosis{
		Cluster:   e.Cluster,
		Listed:    e.Row != nil,
		Findings:  x.findings(),
		Services:  x.serviceTasks(),
		TasksRead: x.tasksRead,
		Tags:      maps.Clone(e.Tags),
		Truncated: e.Truncated,
	}
}

// examination is one call of Diagnose.
type examination struct {
	*Evidence
	tasks     []examined
	services  map[string]*Service // by name
	tasksRead bool                // all running tasks are in tasks
	// settled is set if a cause of the account or the cluster explains why tasks
	// have no agent container.
	settled bool
	// withAgent are the services with a running task that has the agent's container.
	withAgent map[string]bool
	counts    map[Finding]int // tasks by finding, without Tasks and Who
	wanted    Wanted
}

func newExamination(e *Evidence) *examination {
	x := &examination{
		Evidence: e, tasks: make([]examined, 0, len(e.Tasks)),
		services: map[string]*Service{}, withAgent: map[string]bool{}, counts: map[Finding]int{},
		wanted: Wanted{Subnets: map[string]bool{}, Roles: map[string]bool{}},
	}
	x.tasksRead = len(e.Tasks) > 0 || len(e.Refusals) == 0
	for _, r := range e.Refusals {
		if r.Action == "ecs:ListTasks" || r.Action == "ecs:DescribeTasks" {
			x.tasksRead = false
		}
	}
	for i := range e.Services {
		x.services[e.Services[i].Name] = &e.Services[i]
	}
	for i := range e.Tasks {
		t := examine(&e.Tasks[i])
		if t.running && t.container != nil {
			x.withAgent[t.service] = true
		}
		x.tasks = append(x.tasks, t)
	}
	x.dropStopped()
	return x
}

// dropStopped removes the stopped tasks, except for those of a task definition
// that GuardDuty's issues name and no running task has: GuardDuty also reports
// tasks that have stopped recently.
func (x *examination) dropStopped() {
	running, named := map[string]bool{}, map[string]bool{}
	for _, t := range x.tasks {
		if t.running {
			running[t.definition] = true
		}
	}
	for _, issue := range x.issues() {
		if d := definitionIn(issue); d != "" && !running[d] {
			named[d] = true
		}
	}
	x.tasks = slices.DeleteFunc(x.tasks, func(t examined) bool {
		return !t.running && (!named[t.definition] || t.LastStatus != stopped)
	})
}

// issues returns the issues of the cluster's row.
func (x *examination) issues() []coverage.Issue {
	if x.Row == nil {
		return nil
	}
	return x.Row.Issues
}

// unhealthy reports whether GuardDuty lists the cluster as anything but healthy.
func (x *examination) unhealthy() bool { return x.Row != nil && x.Row.Status != coverage.Healthy }

// add adds a finding on n running tasks.
func (x *examination) add(f Finding, n int) {
	x.counts[f] += n
}

// addTask adds a finding on a task. Its level is that of its service unless it
// has one.
func (x *examination) addTask(t *examined, f Finding) {
	if f.Level == "" {
		f.Level, f.Subject = LevelService, t.service
	}
	f.Service = t.service
	n := 0
	if t.running {
		n = 1
	}
	t.explained = true
	x.want(t, f.Cause)
	x.add(f, n)
}

// findings returns the findings in the order of the causes.
func (x *examination) findings() []Finding {
	rank, who := map[Cause]int{}, map[Cause]Who{}
	for i, c := range Causes() {
		rank[c.Cause], who[c.Cause] = i, c.Who
	}
	var findings []Finding
	for f, n := range x.counts {
		f.Tasks, f.Who = n, who[f.Cause]
		findings = append(findings, f)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank[a.Cause], rank[b.Cause]),
			cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Level, b.Level),
			cmp.Compare(a.Certainty, b.Certainty),
			cmp.Compare(a.Evidence, b.Evidence),
		)
	})
	return findings
}

// count returns how many running tasks have a property.
func (x *examination) count(has func(*examined) bool) int {
	n := 0
	for i := range x.tasks {
		if x.tasks[i].running && has(&x.tasks[i]) {
			n++
		}
	}
	return n
}
