package diagnosis

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestUnlisted has a target whose rows are not known before one whose are.
func TestUnlisted(t *testing.T) {
	target := func(name string, s *coverage.Snapshot) coverage.Report {
		return coverage.Report{Target: coverage.TargetID{Name: name, Region: "r"}, AccountID: "1", State: coverage.OK, Snapshot: s}
	}
	listed := coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.ECS, AccountID: "1", Region: "r", Name: "listed-since"}, Status: coverage.Healthy})
	view := coverage.Merge([]coverage.Report{
		target("a", nil), target("b", &coverage.Snapshot{OptionalOnly: true}),
		target("c", &coverage.Snapshot{Types: []coverage.ResourceType{coverage.ECS}, Resources: []coverage.Resource{listed}}),
	})
	cluster := func(name string, change func(*Diagnosis)) Diagnosis {
		d := Diagnosis{
			Cluster: Cluster{AccountID: "1", Region: "r", Name: name}, TasksRead: true,
			Services: []ServiceTasks{{Service: "web", Tasks: map[Agent]int{AgentMissing: 1}}},
		}
		change(&d)
		return d
	}
	unchanged := func(*Diagnosis) {}
	reports := []Report{
		{Target: "a", AccountID: "1", Region: "r", Up: true, Clusters: []Diagnosis{cluster("expired", unchanged)}},
		{Target: "b", AccountID: "1", Region: "r", Up: true, Clusters: []Diagnosis{cluster("unknown", unchanged)}},
		{Target: "c", AccountID: "1", Region: "r", Up: true, Clusters: []Diagnosis{
			cluster("empty", func(d *Diagnosis) { d.Services = nil }),
			cluster("listed", func(d *Diagnosis) { d.Listed = true }),
			cluster("listed-since", unchanged),
			cluster("unlisted", unchanged),
			cluster("unread", func(d *Diagnosis) { d.TasksRead = false }),
		}},
	}
	var got []string
	for c := range Unlisted(view, reports) {
		got = append(got, c.Name)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"unlisted"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRunningTasks(t *testing.T) {
	d := Diagnosis{Services: []ServiceTasks{
		{Tasks: map[Agent]int{AgentRunning: 1, AgentStopped: 2, AgentMissing: 4}},
		{Tasks: map[Agent]int{AgentMissing: 8, AgentNotApplicable: 16}},
	}}
	for want, states := range map[int][]Agent{31: nil, 12: {AgentMissing}, 3: {AgentRunning, AgentStopped}} {
		if got := d.RunningTasks(states...); got != want {
			t.Errorf("%v: got %d, want %d", states, got, want)
		}
	}
	if got := slices.Collect(maps.Keys(Unlisted(&coverage.View{}, nil))); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}
