package ecs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
)

func TestAccounts(t *testing.T) {
	report := reportOf(row(home, "b", coverage.Healthy, 1), row(home, "a", coverage.Healthy, 1), row(member, "c", coverage.Healthy, 1),
		row("not an account", "d", coverage.Healthy, 1),
		coverage.Row{Key: coverage.Key{Type: coverage.EC2, AccountID: member, Region: region, Name: "i-1"}},
		coverage.Row{Key: coverage.Key{Type: coverage.EKS, AccountID: member, Region: region, Name: "c"}})
	const empty = "777788889999"
	report.Snapshot.Accounts = []string{home, member, empty}
	report.Snapshot.Types = append(report.Snapshot.Types, coverage.EC2)
	report.Snapshot.Features = []coverage.Feature{
		{Name: "RUNTIME_MONITORING", Enabled: true, ManagedBy: "ACCOUNT", UpdatedAt: then}, // of the target's account, before it was known
		{AccountID: home, Name: "RUNTIME_MONITORING", Additional: "ECS_FARGATE_AGENT_MANAGEMENT", ManagedBy: "GUARDDUTY_POLICY"},
		{AccountID: home, Name: "RUNTIME_MONITORING", Additional: "EC2_AGENT_MANAGEMENT", Enabled: true},
		{AccountID: home, Name: "EKS_RUNTIME_MONITORING"},
		{AccountID: "000000000009", Name: "RUNTIME_MONITORING"},
	}
	accounts := ecs.Accounts(report)
	names := map[string][]string{}
	for _, a := range accounts {
		names[a.ID] = []string{}
		for _, r := range a.Rows {
			names[a.ID] = append(names[a.ID], r.Name)
		}
	}
	if diff := cmp.Diff(map[string][]string{home: {"a", "b"}, member: {"c"}, empty: {}}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	instances := map[string]string{"arn:1": "i-1", "arn:2": "i-2"}
	e := diagnosis.Evidence{InstanceIDs: instances}
	accounts[0].Complete(&e)
	if e.RuntimeMonitoring != (diagnosis.Setting{State: diagnosis.On, ManagedBy: "ACCOUNT", UpdatedAt: then}) ||
		e.AgentManagement != (diagnosis.Setting{State: diagnosis.Off, ManagedBy: "GUARDDUTY_POLICY"}) || e.Instances == nil || len(e.Instances) != 0 || e.Administrator != "" {
		t.Errorf("evidence %+v", e)
	}
	e = diagnosis.Evidence{InstanceIDs: instances}
	accounts[1].Complete(&e)
	if e.RuntimeMonitoring.State != diagnosis.Unknown || len(e.Instances) != 1 || e.Instances["i-1"].Name != "i-1" || e.Administrator != home {
		t.Errorf("evidence %+v", e)
	}

	e = diagnosis.Evidence{InstanceIDs: instances}
	ecs.Accounts(reportOf())[0].Complete(&e)
	if e.Instances != nil {
		t.Error("instances that are not listed are not absent")
	}
	report.Snapshot.NarrowedByStatus = true
	ecs.Accounts(report)[1].Complete(&e)
	if e.Instances != nil {
		t.Error("instances whose status is excluded count as not listed")
	}
	report.Snapshot.OptionalOnly = true
	if got := ecs.Accounts(report); got != nil {
		t.Errorf("accounts of a failed refresh: %v", got)
	}
}
