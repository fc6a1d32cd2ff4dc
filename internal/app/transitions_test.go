package app

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// transitions returns the counters as account/Region/status value.
func transitions(t *testing.T, reg *prometheus.Registry) (counters []string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			l := m.GetLabel() // sorted by name
			counters = append(counters, fmt.Sprintf("%s/%s/%s %v", l[0].GetValue(), l[2].GetValue(), l[1].GetValue(), m.GetCounter().GetValue()))
		}
	}
	slices.Sort(counters)
	return counters
}

func TestTransitionCountersExistWhileATargetReportsTheAccount(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newTransitionMetrics(reg)
	report := func(name string, rows ...string) coverage.Report {
		s := &coverage.Snapshot{Accounts: []string{"1"}, Types: []coverage.ResourceType{coverage.ECS}}
		for _, account := range rows {
			s.Resources = append(s.Resources, coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: "r", Name: "web"}}))
		}
		return coverage.Report{Target: coverage.TargetID{Name: name, Region: "r"}, Snapshot: s}
	}
	check := func(when string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, transitions(t, reg)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	m.observe(coverage.Report{Target: coverage.TargetID{Name: "a", Region: "r"}, State: coverage.Denied}, nil)
	check("without a snapshot")

	m.observe(report("a", "2", "2"), nil)
	check("first snapshot", "1/r/HEALTHY 0", "1/r/UNHEALTHY 0", "2/r/HEALTHY 0", "2/r/UNHEALTHY 0")

	m.observe(report("a", "2"), []coverage.Transition{
		{AccountID: "2", Region: "r", Status: coverage.Healthy},
		{AccountID: "2", Region: "r", Status: "DEGRADED"},
		{AccountID: "2", Region: "r", Status: coverage.Unknown},
	})
	changed := []string{"1/r/HEALTHY 0", "1/r/UNHEALTHY 0", "2/r/HEALTHY 1", "2/r/UNHEALTHY 0", "2/r/other 2"}
	check("transitions", changed...)

	other := report("b", "2")
	other.AccountID = "9"
	m.observe(other, nil)
	m.observe(coverage.Report{Target: coverage.TargetID{Name: "a", Region: "r"}}, nil) // expired
	check("expired", changed...)

	m.observe(report("a"), nil)
	check("another target still reports the account", changed...)
	m.drop(coverage.TargetID{Name: "b", Region: "r"})
	check("no target reports the account", "1/r/HEALTHY 0", "1/r/UNHEALTHY 0")
	m.drop(coverage.TargetID{Name: "a", Region: "r"})
	check("no targets")
}

// TestTransitionCountersAreOfECSClusters has no counters for other resources.
func TestTransitionCountersAreOfECSClusters(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newTransitionMetrics(reg)
	m.observe(coverage.Report{Target: coverage.TargetID{Name: "a", Region: "r"}, Snapshot: &coverage.Snapshot{
		Accounts: []string{"1"}, Types: []coverage.ResourceType{coverage.EKS},
		Resources: []coverage.Resource{coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.EKS, AccountID: "2", Region: "r", Name: "k8s"}})},
	}}, nil)
	if got := transitions(t, reg); len(got) != 0 {
		t.Errorf("counters %q", got)
	}
}
