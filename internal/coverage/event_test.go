package coverage_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestCompareTo(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	row := func(status coverage.Status, at time.Time) *coverage.Resource {
		return &coverage.Resource{Status: status, UpdatedAt: at}
	}
	for _, tc := range []struct {
		name  string
		known *coverage.Resource
		at    time.Time // of the change to UNHEALTHY
		want  coverage.Outcome
	}{
		{"no row", nil, noon, coverage.Behind},
		{"no row, no time", nil, time.Time{}, coverage.Behind},
		{"an older row", row(coverage.Healthy, noon.Add(-time.Second)), noon, coverage.Behind},
		{"an older row of the same status", row(coverage.Unhealthy, noon.Add(-time.Minute)), noon, coverage.Behind},
		{"the row itself", row(coverage.Unhealthy, noon), noon, coverage.Duplicate},
		{"the row itself with a coarser time", row(coverage.Unhealthy, noon), noon.Add(897 * time.Millisecond), coverage.Duplicate},
		{"the row itself with a finer time", row(coverage.Unhealthy, noon.Add(897*time.Millisecond)), noon, coverage.Duplicate},
		{"another status of the same second", row(coverage.Healthy, noon), noon, coverage.Behind},
		{"a newer row", row(coverage.Healthy, noon.Add(time.Second)), noon, coverage.Outdated},
		{"a newer row of the same status", row(coverage.Unhealthy, noon.Add(time.Hour)), noon, coverage.Outdated},
		{"no time, the same status", row(coverage.Unhealthy, noon), time.Time{}, coverage.Duplicate},
		{"no time, another status", row(coverage.Healthy, noon), time.Time{}, coverage.Behind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := coverage.Event{Status: coverage.Unhealthy, UpdatedAt: tc.at}
			if got := c.CompareTo(tc.known); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestWithUpdates(t *testing.T) {
	var (
		a      = cluster(member, "a", coverage.Healthy, 1)
		b      = cluster(member, "b", coverage.Healthy, 3)
		newerB = cluster(member, "b", coverage.Unhealthy, 4)
		sameB  = cluster(member, "b", coverage.Unhealthy, 3)
		olderB = cluster(member, "b", coverage.Unhealthy, 2)
		c      = cluster(member, "c", coverage.Unhealthy, 1)
	)
	for _, tc := range []struct {
		name               string
		known, found, want []coverage.Resource
		gone               []coverage.Key
	}{
		{"into nothing", nil, []coverage.Resource{c, a}, []coverage.Resource{a, c}, []coverage.Key{a.Key, c.Key}},
		{"a newer row", []coverage.Resource{a, b, c}, []coverage.Resource{newerB}, []coverage.Resource{a, newerB, c}, []coverage.Key{b.Key}},
		{"a row of the same time, read later", []coverage.Resource{b}, []coverage.Resource{sameB}, []coverage.Resource{sameB}, []coverage.Key{b.Key}},
		{"an older row", []coverage.Resource{a, b}, []coverage.Resource{olderB}, []coverage.Resource{a, b}, []coverage.Key{b.Key}},
		{"a row that is gone", []coverage.Resource{a, b, c}, nil, []coverage.Resource{a, c}, []coverage.Key{b.Key}},
		{"gone and never known", []coverage.Resource{a}, nil, []coverage.Resource{a}, []coverage.Key{b.Key}},
		{"before, between and after", []coverage.Resource{b}, []coverage.Resource{c, a, newerB}, []coverage.Resource{a, newerB, c}, []coverage.Key{a.Key, b.Key, c.Key}},
		{"two rows of one resource", []coverage.Resource{a}, []coverage.Resource{olderB, newerB, b}, []coverage.Resource{a, newerB}, []coverage.Key{b.Key}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			known := slices.Clone(tc.known)
			s := &coverage.Snapshot{Resources: known, Accounts: []string{member}}
			got := s.WithUpdates(tc.gone, tc.found, time.Unix(9, 0))
			if diff := cmp.Diff(tc.want, got.Resources); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tc.known, known); diff != "" {
				t.Errorf("the snapshot itself has changed:\n%s", diff)
			}
			for _, r := range got.Resources {
				if found := got.Lookup(r.Key); found == nil || found.Key != r.Key {
					t.Errorf("%v is not found", r.Key)
				}
			}
			if len(got.Accounts) != 1 {
				t.Error("the accounts are lost")
			}
		})
	}
}

// TestWithUpdatesIsSorted updates random snapshots with random resources.
func TestWithUpdatesIsSorted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for range 2_000 {
		some := func() (rows []coverage.Resource) {
			for _, name := range names {
				if random.IntN(2) == 0 {
					rows = append(rows, cluster(member, name, coverage.Healthy, random.IntN(3)))
				}
			}
			return rows
		}
		s := &coverage.Snapshot{Resources: some()}
		found := some()
		var gone []coverage.Key
		for _, name := range names {
			gone = append(gone, cluster(member, name, "", 0).Key)
		}
		random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		got := s.WithUpdates(gone, found, time.Unix(9, 0))
		if len(got.Resources) != len(found) || !slices.IsSortedFunc(got.Resources, func(a, b coverage.Resource) int { return compareKeys(a.Key, b.Key) }) {
			t.Fatalf("of %d rows that were found came %+v", len(found), got.Resources)
		}
	}
}

func TestIncludes(t *testing.T) {
	ec2 := func(account string) coverage.Resource {
		r := cluster(account, "i-1", coverage.Healthy, 1)
		r.Type = coverage.EC2
		return r
	}
	for _, tc := range []struct {
		name          string
		s             coverage.Snapshot
		shows, others bool // the member; others than the administrator
	}{
		{"nothing", coverage.Snapshot{}, false, false},
		{"its own row", coverage.Snapshot{Resources: []coverage.Resource{cluster(administrator, "a", coverage.Healthy, 1)}, Accounts: []string{administrator}}, false, false},
		{"a row", coverage.Snapshot{Resources: []coverage.Resource{cluster(administrator, "a", coverage.Healthy, 1), cluster(member, "a", coverage.Healthy, 1)}}, true, true},
		{"a row of another type", coverage.Snapshot{Resources: []coverage.Resource{ec2(member), cluster(administrator, "a", coverage.Healthy, 1)}}, true, true},
		{"the account alone", coverage.Snapshot{Accounts: []string{administrator, member}}, true, true},
		{"a third account", coverage.Snapshot{Resources: []coverage.Resource{cluster("777788889999", "a", coverage.Healthy, 1)}}, false, true},
		{"members", coverage.Snapshot{Members: []coverage.Member{{AccountID: "777788889999"}}}, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if shows, others := tc.s.Includes(member), tc.s.IncludesOthers(administrator); shows != tc.shows || others != tc.others {
				t.Errorf("%v and %v, want %v and %v", shows, others, tc.shows, tc.others)
			}
		})
	}
}

func TestAccountsOf(t *testing.T) {
	ec2 := cluster(administrator, "i-1", coverage.Healthy, 1)
	ec2.Type = coverage.EC2
	s := &coverage.Snapshot{
		Resources: coverage.Dedupe([]coverage.Resource{
			ec2, cluster(member, "a", coverage.Healthy, 1), cluster(member, "b", coverage.Healthy, 1), cluster("777788889999", "a", coverage.Healthy, 1),
		}),
		Types: []coverage.ResourceType{coverage.ECS}, Accounts: []string{member, "222233334444"},
	}
	for of, want := range map[coverage.ResourceType][]string{
		coverage.ECS: {"222233334444", member, "777788889999"}, coverage.EC2: {administrator}, coverage.EKS: nil,
	} {
		if got := s.AccountsOf(of); !slices.Equal(got, want) {
			t.Errorf("accounts of %s: %v, want %v", of, got, want)
		}
	}
}

func TestTransitions(t *testing.T) {
	snapshot := func(rows ...coverage.Resource) *coverage.Snapshot { return &coverage.Snapshot{Resources: rows} }
	var (
		healthy   = cluster(member, "web", coverage.Healthy, 1)
		unhealthy = cluster(member, "web", coverage.Unhealthy, 2)
		newest    = cluster(member, "web", coverage.Unhealthy, 3)
		other     = cluster(member, "api", coverage.Healthy, 1)
		node      = coverage.Resource{Key: coverage.Key{Type: coverage.EKS, AccountID: member, Region: region, Name: "web"}, Status: coverage.Healthy}
		sickNode  = coverage.Resource{Key: node.Key, Status: coverage.Unhealthy}
		fell      = []coverage.Transition{{AccountID: member, Region: region, Status: coverage.Unhealthy}}
	)
	for _, tc := range []struct {
		name          string
		before, after *coverage.Snapshot
		others        []*coverage.Snapshot
		want          []coverage.Transition
	}{
		{"the first snapshot", nil, snapshot(unhealthy), nil, nil},
		{"the last one", snapshot(unhealthy), nil, nil, nil},
		{"nothing new", snapshot(other, healthy), snapshot(other, healthy), nil, nil},
		{"a new cluster and one that is gone", snapshot(other), snapshot(unhealthy), nil, nil},
		{"a change among others", snapshot(other, healthy), snapshot(other, unhealthy), nil, fell},
		{"not of an ECS cluster", snapshot(node), snapshot(sickNode), nil, nil},
		{"a target that has not seen it", snapshot(healthy), snapshot(unhealthy), []*coverage.Snapshot{snapshot(other)}, fell},
		{"a target that shows it as it was", snapshot(healthy), snapshot(unhealthy), []*coverage.Snapshot{snapshot(other, healthy)}, fell},
		{"a target that has shown it before", snapshot(healthy), snapshot(unhealthy), []*coverage.Snapshot{snapshot(unhealthy)}, nil},
		{"a target that shows something newer", snapshot(healthy), snapshot(unhealthy), []*coverage.Snapshot{snapshot(newest)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			up := func(s *coverage.Snapshot) coverage.Report { return coverage.Report{State: coverage.OK, Snapshot: s} }
			var others []coverage.Report
			for _, s := range tc.others {
				others = append(others, up(s))
			}
			if diff := cmp.Diff(tc.want, coverage.Transitions(up(tc.before), up(tc.after), others)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
