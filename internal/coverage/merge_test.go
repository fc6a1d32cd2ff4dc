package coverage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	administrator = "111122223333"
	member        = "444455556666"
	region        = "eu-west-1"
)

// cluster returns a row of a cluster that was updated at a minute of the day.
func cluster(account, name string, status coverage.Status, minute int) coverage.Resource {
	return coverage.Resource{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: name},
		Status: status, UpdatedAt: time.Date(2026, 3, 1, 0, minute, 0, 0, time.UTC),
	}
}

// report returns the successful report of a target with the name of its account.
func report(account string, s coverage.Snapshot) coverage.Report {
	return coverage.Report{
		Target:   coverage.TargetID{Name: account, Region: region},
		State:    coverage.OK,
		Snapshot: &s,
	}
}

func total(account string, byStatus map[coverage.Status]int64) coverage.Total {
	return coverage.Total{AccountID: account, Region: region, ResourceType: coverage.ECS, ByStatus: byStatus}
}

func counts(healthy, unhealthy int64) map[coverage.Status]int64 {
	return map[coverage.Status]int64{coverage.Healthy: healthy, coverage.Unhealthy: unhealthy}
}

func TestMerge(t *testing.T) {
	var (
		own    = cluster(administrator, "own", coverage.Healthy, 1)
		shared = cluster(member, "shared", coverage.Healthy, 1)
		newer  = cluster(member, "shared", coverage.Unhealthy, 2)
		worse  = cluster(member, "shared", coverage.Unhealthy, 1)
		odd    = cluster(member, "odd", "DEGRADED", 1)
	)
	for _, tc := range []struct {
		name     string
		reports  []coverage.Report
		clusters []coverage.Resource
		totals   []coverage.Total
	}{
		{name: "nothing"},
		{
			name:    "a target without a snapshot",
			reports: []coverage.Report{{Target: coverage.TargetID{Name: "new", Region: region}, State: coverage.Denied}},
		},
		{
			name:     "an administrator shows its members",
			reports:  []coverage.Report{report(administrator, coverage.Snapshot{Resources: []coverage.Resource{own, shared}, Accounts: []string{administrator}, Types: []coverage.ResourceType{coverage.ECS}})},
			clusters: []coverage.Resource{own, shared},
			totals:   []coverage.Total{total(administrator, counts(1, 0)), total(member, counts(1, 0))},
		},
		{
			name: "administrator and member, the newer row wins",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Resources: []coverage.Resource{own, shared}}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{newer}}),
			},
			clusters: []coverage.Resource{own, newer},
			totals:   []coverage.Total{total(administrator, counts(1, 0)), total(member, counts(0, 1))},
		},
		{
			name: "equally new, the unhealthy row wins",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Resources: []coverage.Resource{worse}}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{shared}}),
			},
			clusters: []coverage.Resource{worse},
			totals:   []coverage.Total{total(member, counts(0, 1))},
		},
		{
			name:     "a status that AWS may add counts as itself",
			reports:  []coverage.Report{report(member, coverage.Snapshot{Resources: []coverage.Resource{odd, shared}})},
			clusters: []coverage.Resource{odd, shared},
			totals: []coverage.Total{
				total(member, map[coverage.Status]int64{coverage.Healthy: 1, coverage.Unhealthy: 0, "DEGRADED": 1}),
			},
		},
		{
			name:    "an account without clusters shows zeros",
			reports: []coverage.Report{report(member, coverage.Snapshot{Resources: []coverage.Resource{}, Accounts: []string{member}, Types: []coverage.ResourceType{coverage.ECS}})},
			totals:  []coverage.Total{total(member, counts(0, 0))},
		},
		{
			name: "narrowed by status: rows and no counts",
			reports: []coverage.Report{report(member, coverage.Snapshot{
				Resources: []coverage.Resource{worse}, Accounts: []string{member}, Types: []coverage.ResourceType{coverage.ECS}, NarrowedByStatus: true,
			})},
			clusters: []coverage.Resource{worse},
		},
		{
			name: "narrowed by status and seen in full too: counted once, by the newest row",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Resources: []coverage.Resource{newer}, NarrowedByStatus: true}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{shared}}),
			},
			clusters: []coverage.Resource{newer},
			totals:   []coverage.Total{total(member, counts(0, 1))},
		},
		{
			name: "narrowed by status beside others of the account: only those are counted",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Resources: []coverage.Resource{worse}, NarrowedByStatus: true}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{odd}}),
			},
			clusters: []coverage.Resource{odd, worse},
			totals: []coverage.Total{
				total(member, map[coverage.Status]int64{coverage.Healthy: 0, coverage.Unhealthy: 0, "DEGRADED": 1}),
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := &coverage.View{Resources: tc.clusters, Totals: tc.totals, Reports: tc.reports}
			if diff := cmp.Diff(want, coverage.Merge(tc.reports)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPercent(t *testing.T) {
	for _, tc := range []struct {
		name     string
		byStatus map[coverage.Status]int64
		want     float64
		defined  bool
	}{
		{"no resources", counts(0, 0), 0, false},
		{"no counts", nil, 0, false},
		{"all healthy", counts(4, 0), 100, true},
		{"none healthy", counts(0, 3), 0, true},
		{"three of four", counts(3, 1), 75, true},
		{"others are not healthy", map[coverage.Status]int64{coverage.Healthy: 1, coverage.Unknown: 1, "DEGRADED": 2}, 25, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, defined := total(member, tc.byStatus).Percent()
			if got != tc.want || defined != tc.defined {
				t.Errorf("%v %v, want %v %v", got, defined, tc.want, tc.defined)
			}
		})
	}
}
