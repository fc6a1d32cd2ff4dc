package coverage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// resource returns a row of a resource of any type.
func resource(of coverage.ResourceType, account, name string, status coverage.Status, minute int) coverage.Resource {
	r := cluster(account, name, status, minute)
	r.Type = of
	switch of {
	case coverage.EC2:
		r.Instance = &coverage.Instance{}
	case coverage.EKS:
		r.Addon = &coverage.Addon{}
	}
	return r
}

func totalOf(of coverage.ResourceType, account string, healthy, unhealthy int64) coverage.Total {
	return coverage.Total{AccountID: account, Region: region, ResourceType: of, ByStatus: counts(healthy, unhealthy)}
}

func TestMergeOfSeveralTypes(t *testing.T) {
	var (
		ec2   = resource(coverage.EC2, member, "web", coverage.Healthy, 3)
		ecs   = resource(coverage.ECS, member, "web", coverage.Unhealthy, 2)
		eks   = resource(coverage.EKS, member, "web", coverage.Healthy, 1)
		newer = resource(coverage.EKS, member, "web", coverage.Unhealthy, 2)
		all   = []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS}
	)
	for _, tc := range []struct {
		name      string
		reports   []coverage.Report
		resources []coverage.Resource
		totals    []coverage.Total
	}{
		{
			name: "one name, three resources",
			reports: []coverage.Report{report(member, coverage.Snapshot{
				Resources: []coverage.Resource{ec2, ecs, eks}, Accounts: []string{member}, Types: all,
			})},
			resources: []coverage.Resource{ec2, ecs, eks},
			totals: []coverage.Total{
				totalOf(coverage.EC2, member, 1, 0), totalOf(coverage.ECS, member, 0, 1), totalOf(coverage.EKS, member, 1, 0),
			},
		},
		{
			name: "the newer row of one type leaves the others alone",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Resources: []coverage.Resource{newer}}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{ec2, ecs, eks}}),
			},
			resources: []coverage.Resource{ec2, ecs, newer},
			totals: []coverage.Total{
				totalOf(coverage.EC2, member, 1, 0), totalOf(coverage.ECS, member, 0, 1), totalOf(coverage.EKS, member, 0, 1),
			},
		},
		{
			name: "zeros of each listed type and account",
			reports: []coverage.Report{
				report(administrator, coverage.Snapshot{Accounts: []string{administrator, member}, Types: []coverage.ResourceType{coverage.EKS, coverage.ECS}}),
				report(member, coverage.Snapshot{Resources: []coverage.Resource{ec2}, Accounts: []string{member}, Types: []coverage.ResourceType{coverage.EC2}}),
			},
			resources: []coverage.Resource{ec2},
			totals: []coverage.Total{
				totalOf(coverage.EC2, member, 1, 0),
				totalOf(coverage.ECS, administrator, 0, 0), totalOf(coverage.ECS, member, 0, 0),
				totalOf(coverage.EKS, administrator, 0, 0), totalOf(coverage.EKS, member, 0, 0),
			},
		},
		{
			name:    "no type was listed: no zeros",
			reports: []coverage.Report{report(member, coverage.Snapshot{Accounts: []string{member}})},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := &coverage.View{Resources: tc.resources, Totals: tc.totals, Reports: tc.reports}
			if diff := cmp.Diff(want, coverage.Merge(tc.reports)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestMergeOfAccounts merges detectors, members and names. A filter on the coverage status does not exclude them.
func TestMergeOfAccounts(t *testing.T) {
	const elsewhere = "us-east-1"
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	feature := func(name, additional string, enabled bool, updated time.Time) coverage.Feature {
		return coverage.Feature{AccountID: member, Region: region, Name: name, Additional: additional, Enabled: enabled, UpdatedAt: updated}
	}
	detector := func(account, region string, enabled bool) coverage.Detector {
		return coverage.Detector{AccountID: account, Region: region, Enabled: enabled}
	}
	under := func(account, region, relationship string) coverage.Member {
		return coverage.Member{AccountID: account, Region: region, Relationship: relationship}
	}
	for _, tc := range []struct {
		name      string
		one, two  coverage.Snapshot
		detectors []coverage.Detector
		features  []coverage.Feature
		members   []coverage.Member
		names     []coverage.AccountName
	}{
		{name: "nothing"},
		{
			name:      "detectors by account and Region",
			one:       coverage.Snapshot{Detectors: []coverage.Detector{detector(member, region, true)}},
			two:       coverage.Snapshot{Detectors: []coverage.Detector{detector(member, elsewhere, false), detector(administrator, region, true)}, NarrowedByStatus: true},
			detectors: []coverage.Detector{detector(administrator, region, true), detector(member, region, true), detector(member, elsewhere, false)},
		},
		{
			name:      "a suspended detector before an enabled one",
			one:       coverage.Snapshot{Detectors: []coverage.Detector{detector(member, region, true)}},
			two:       coverage.Snapshot{Detectors: []coverage.Detector{detector(member, region, false)}},
			detectors: []coverage.Detector{detector(member, region, false)},
		},
		{
			name: "features by name and additional configuration",
			one: coverage.Snapshot{Features: []coverage.Feature{
				feature("RUNTIME_MONITORING", "EC2_AGENT_MANAGEMENT", false, at(2)), feature("RUNTIME_MONITORING", "", true, at(1)),
			}},
			two: coverage.Snapshot{Features: []coverage.Feature{
				feature("EKS_AUDIT_LOGS", "", true, at(3)), feature("RUNTIME_MONITORING", "", true, at(1)),
			}},
			features: []coverage.Feature{
				feature("EKS_AUDIT_LOGS", "", true, at(3)), feature("RUNTIME_MONITORING", "", true, at(1)),
				feature("RUNTIME_MONITORING", "EC2_AGENT_MANAGEMENT", false, at(2)),
			},
		},
		{
			name:     "the newer feature, though it is the better",
			one:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", false, at(1))}},
			two:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", true, at(2))}},
			features: []coverage.Feature{feature("RUNTIME_MONITORING", "", true, at(2))},
		},
		{
			name:     "a feature with a time rather than one without",
			one:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", false, time.Time{})}},
			two:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", true, at(1))}},
			features: []coverage.Feature{feature("RUNTIME_MONITORING", "", true, at(1))},
		},
		{
			name:     "of equally new features the one that is off",
			one:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", true, at(1))}},
			two:      coverage.Snapshot{Features: []coverage.Feature{feature("RUNTIME_MONITORING", "", false, at(1))}},
			features: []coverage.Feature{feature("RUNTIME_MONITORING", "", false, at(1))},
		},
		{
			name:    "members by account and Region",
			one:     coverage.Snapshot{Members: []coverage.Member{under(member, elsewhere, "enabled"), under(member, region, "enabled")}},
			two:     coverage.Snapshot{Members: []coverage.Member{under("222233334444", region, "invited")}, NarrowedByStatus: true},
			members: []coverage.Member{under("222233334444", region, "invited"), under(member, region, "enabled"), under(member, elsewhere, "enabled")},
		},
		{
			name:    "a member of one administrator, though it left another",
			one:     coverage.Snapshot{Members: []coverage.Member{under(member, region, coverage.RelationshipEnabled)}},
			two:     coverage.Snapshot{Members: []coverage.Member{under(member, region, "removed")}},
			members: []coverage.Member{under(member, region, coverage.RelationshipEnabled)},
		},
		{
			name:    "of two that are not enabled always the same",
			one:     coverage.Snapshot{Members: []coverage.Member{under(member, region, "resigned")}},
			two:     coverage.Snapshot{Members: []coverage.Member{under(member, region, "other")}},
			members: []coverage.Member{under(member, region, "other")},
		},
		{
			name:  "names by account, of two always the same",
			one:   coverage.Snapshot{AccountNames: []coverage.AccountName{{AccountID: member, Name: "shop"}, {AccountID: administrator, Name: "security"}}},
			two:   coverage.Snapshot{AccountNames: []coverage.AccountName{{AccountID: member, Name: "data"}}},
			names: []coverage.AccountName{{AccountID: administrator, Name: "security"}, {AccountID: member, Name: "data"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reports := []coverage.Report{report("a", tc.one), report("b", tc.two)}
			want := &coverage.View{Detectors: tc.detectors, Features: tc.features, Members: tc.members, AccountNames: tc.names, Reports: reports}
			reversed := []coverage.Report{reports[1], reports[0]}
			for _, have := range [][]coverage.Report{reports, reversed} {
				if diff := cmp.Diff(want, coverage.Merge(have)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			swapped := coverage.Merge([]coverage.Report{report("a", tc.two), report("b", tc.one)})
			swapped.Reports = reports
			if diff := cmp.Diff(want, swapped); diff != "" {
				t.Errorf("the targets swapped, -want +got:\n%s", diff)
			}
		})
	}
}

func TestMergeDoesNotModifySnapshots(t *testing.T) {
	snapshot := func() coverage.Snapshot {
		return coverage.Snapshot{
			Resources:    []coverage.Resource{cluster(member, "web", coverage.Healthy, 1), cluster(member, "api", coverage.Healthy, 1)},
			Detectors:    []coverage.Detector{{AccountID: member, Region: region, Enabled: true}, {AccountID: administrator, Region: region}},
			Features:     []coverage.Feature{{AccountID: member, Name: "b"}, {AccountID: member, Name: "a"}},
			Members:      []coverage.Member{{AccountID: member}, {AccountID: administrator}},
			AccountNames: []coverage.AccountName{{AccountID: member, Name: "b"}, {AccountID: administrator, Name: "a"}},
		}
	}
	want := []coverage.Report{report(member, snapshot()), report(administrator, snapshot())}
	reports := []coverage.Report{report(member, snapshot()), report(administrator, snapshot())}
	coverage.Merge(slices.Clone(reports))
	coverage.Merge(reports)
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Errorf("the reports, -before +after:\n%s", diff)
	}
}
