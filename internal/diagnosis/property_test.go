package diagnosis

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// forRandom calls check with random evidence and its diagnosis.
func forRandom(t *testing.T, check func(*testing.T, Evidence, Diagnosis)) {
	t.Helper()
	r := random{rand.New(rand.NewPCG(20261128, 13))}
	for n := range 2_000 {
		e := r.evidence()
		check(t, e, Diagnose(e))
		if t.Failed() {
			t.Fatalf("evidence %d:\n%+v", n, e)
		}
	}
}

// aboutAgents are the causes of missing agents.
func aboutAgents(c Cause) bool {
	return !slices.Contains([]Cause{TooEarly, TelemetryDenied, VPCEndpoint, SharedVPC, TaskGone, UnknownReason, Denied}, c)
}

func TestNoFindingContradictsItsEvidence(t *testing.T) {
	t.Parallel()
	found := map[Cause]int{}
	forRandom(t, func(t *testing.T, e Evidence, d Diagnosis) {
		for _, f := range d.Findings {
			found[f.Cause]++
			if why := contradiction(e, f); why != "" {
				t.Errorf("%+v: %s", f, why)
			}
		}
	})
	for _, c := range Causes() {
		if found[c.Cause] == 0 {
			t.Errorf("%s was not found", c.Cause)
		}
	}
}

func TestNoMissingAgentIfAgentsRunInEveryTask(t *testing.T) {
	t.Parallel()
	forRandom(t, func(t *testing.T, e Evidence, _ Diagnosis) {
		for i := range e.Tasks {
			e.Tasks[i].LastStatus = running
			e.Tasks[i].Containers = append(slices.Clone(e.Tasks[i].Containers), runningAgent())
		}
		for _, f := range Diagnose(e).Findings {
			if len(e.Tasks) > 0 && aboutAgents(f.Cause) {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestEveryGapHasAFinding(t *testing.T) {
	t.Parallel()
	forRandom(t, func(t *testing.T, e Evidence, d Diagnosis) {
		if e.Row != nil && e.Row.Status != coverage.Healthy && len(d.Findings) == 0 {
			t.Error("an unhealthy cluster has no finding")
		}
		for _, s := range d.Services {
			uncovered := s.Tasks[AgentMissing] + s.Tasks[AgentStopped]
			explained := slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Service == s.Service || f.Service == "" && f.Cause != Denied })
			if uncovered > 0 && !explained {
				t.Errorf("%s has %d tasks without agent and no finding", s.Service, uncovered)
			}
		}
		refusals := slices.Clone(e.Refusals)
		if e.Deep != nil {
			refusals = append(refusals, e.Deep.Refusals...)
		}
		for _, r := range refusals {
			if !slices.ContainsFunc(d.Findings, func(f Finding) bool {
				return f.Cause == Denied && f.Service == "" && strings.HasPrefix(f.Evidence, r.Action+" ")
			}) {
				t.Errorf("%+v has no finding", r)
			}
			if r.Action == "ecs:DescribeTasks" && d.TasksRead {
				t.Error("tasks were not read")
			}
		}
	})
}

func TestServicesCountTheRunningTasks(t *testing.T) {
	t.Parallel()
	forRandom(t, func(t *testing.T, e Evidence, d Diagnosis) {
		want := map[Agent]int{}
		for _, task := range e.Tasks {
			switch {
			case task.LastStatus != running:
			case len(agents(task, running)) > 0:
				want[AgentRunning]++
			case len(agents(task, stopped)) > 0:
				want[AgentStopped]++
			case missing(task) && slices.Contains([]string{"EC2", "EXTERNAL", "MANAGED_INSTANCES"}, task.LaunchType):
				want[AgentNotApplicable]++
			default:
				want[AgentMissing]++
			}
		}
		got := map[Agent]int{}
		for _, s := range d.Services {
			for agent, n := range s.Tasks {
				got[agent] += n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if !slices.IsSortedFunc(d.Services, func(a, b ServiceTasks) int { return strings.Compare(a.Service, b.Service) }) {
			t.Errorf("not sorted: %+v", d.Services)
		}
	})
}

func TestOrderOfTheEvidenceDoesNotMatter(t *testing.T) {
	t.Parallel()
	forRandom(t, func(t *testing.T, e Evidence, d Diagnosis) {
		slices.Reverse(e.Tasks)
		for i := range e.Tasks {
			slices.Reverse(e.Tasks[i].Containers)
		}
		slices.Reverse(e.Services)
		slices.Reverse(e.Refusals)
		if e.Deep != nil {
			slices.Reverse(e.Deep.VPCs["vpc-1"].Endpoints)
		}
		if diff := cmp.Diff(d, Diagnose(e)); diff != "" {
			t.Errorf("-before +after:\n%s", diff)
		}
	})
}

func TestDiagnoseDoesNotModifyTheEvidence(t *testing.T) {
	t.Parallel()
	r, same := random{rand.New(rand.NewPCG(1, 1))}, random{rand.New(rand.NewPCG(1, 1))}
	for range 1_000 {
		e, before := r.evidence(), same.evidence()
		d := Diagnose(e)
		if d.Tags != nil {
			d.Tags["other"] = "x" // the diagnosis shares no memory with the evidence
		}
		if diff := cmp.Diff(before, e, cmpopts.EquateComparable(coverage.Issue{})); diff != "" {
			t.Fatalf("-before +after:\n%s", diff)
		}
	}
}

func TestFindingsOfACauseAreDistinct(t *testing.T) {
	t.Parallel()
	forRandom(t, func(t *testing.T, _ Evidence, d Diagnosis) {
		seen := map[Finding]bool{}
		last := 0
		for _, f := range d.Findings {
			rank := slices.IndexFunc(Causes(), func(c CauseInfo) bool { return c.Cause == f.Cause })
			if rank < last || f.Who != Causes()[rank].Who {
				t.Errorf("%+v", f)
			}
			last = rank
			f.Tasks = 0
			if seen[f] {
				t.Errorf("twice: %+v", f)
			}
			seen[f] = true
		}
	})
}
