package coverage_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// randomReports returns reports of different targets with few names, times and states, so that many of their resources,
// detectors, members and names are the same.
func randomReports(r *rand.Rand) []coverage.Report {
	var reports []coverage.Report
	for i := range r.IntN(7) {
		one := coverage.Report{
			Target: coverage.TargetID{Name: fmt.Sprint("target-", i/2), Region: []string{region, "us-east-1"}[i%2]},
			State:  []coverage.State{coverage.OK, coverage.OK, coverage.Denied}[r.IntN(3)],
		}
		if r.IntN(5) > 0 {
			one.Snapshot = randomSnapshot(r, one.Target.Region)
		}
		reports = append(reports, one)
	}
	return reports
}

// few has the accounts of random reports.
var few = []string{administrator, member, "777788889999"}

func randomSnapshot(r *rand.Rand, region string) *coverage.Snapshot {
	s := &coverage.Snapshot{NarrowedByStatus: r.IntN(3) == 0, ReadAt: time.Unix(r.Int64N(3), 0)}
	for range r.IntN(16) {
		s.Resources = append(s.Resources, randomResource(r, region))
	}
	s.Resources = coverage.Dedupe(s.Resources)
	for range r.IntN(3) {
		s.Accounts = append(s.Accounts, few[r.IntN(3)])
		s.Types = append(s.Types, anyType(r))
	}
	for range r.IntN(4) {
		minute := time.Date(2026, 3, 1, 0, r.IntN(2), 0, 0, time.UTC)
		s.Detectors = append(s.Detectors, coverage.Detector{AccountID: few[r.IntN(3)], Region: region, Enabled: r.IntN(2) == 0})
		s.Features = append(s.Features, coverage.Feature{
			AccountID: few[r.IntN(3)], Region: region, Name: fmt.Sprint("feature-", r.IntN(2)), Additional: []string{"", "more"}[r.IntN(2)],
			Enabled: r.IntN(2) == 0, UpdatedAt: minute,
		})
		s.Members = append(s.Members, coverage.Member{
			AccountID: few[r.IntN(3)], Region: region, Relationship: []string{coverage.RelationshipEnabled, "removed", "other"}[r.IntN(3)],
		})
		s.AccountNames = append(s.AccountNames, coverage.AccountName{AccountID: few[r.IntN(3)], Name: fmt.Sprint("name-", r.IntN(3))})
	}
	return s
}

func randomResource(r *rand.Rand, region string) coverage.Resource {
	statuses := []coverage.Status{coverage.Healthy, coverage.Unhealthy, coverage.Unknown, "DEGRADED"}
	c := resource(anyType(r), few[r.IntN(3)], fmt.Sprint("name-", r.IntN(2)), statuses[r.IntN(4)], r.IntN(3))
	c.Region = region
	c.Covered, c.Compatible = r.Int32N(2), r.Int32N(2)
	if c.Instance != nil {
		*c.Instance = coverage.Instance{Type: fmt.Sprint(r.IntN(2)), AgentVersion: fmt.Sprint(r.IntN(2)), ClusterARN: fmt.Sprint(r.IntN(2))}
	}
	if c.Addon != nil {
		*c.Addon = coverage.Addon{Version: fmt.Sprint(r.IntN(2)), Status: fmt.Sprint(r.IntN(2))}
	}
	var issues []coverage.Issue
	for range r.IntN(3) {
		issues = append(issues, coverage.NewIssue(coverage.IssueTypes()[r.IntN(2)], "", ""))
	}
	c.Issues = issues
	return c
}

func anyType(r *rand.Rand) coverage.ResourceType {
	return []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS}[r.IntN(3)]
}

func TestMergeIgnoresOrder(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		reports := randomReports(r)
		want := coverage.Merge(reports)
		checkView(t, reports, want)
		checkAccounts(t, reports, want)
		for range 4 {
			r.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
			if diff := gocmp.Diff(want, coverage.Merge(reports)); diff != "" {
				t.Fatalf("seed %d: the same reports in another order, -want +got:\n%s", seed, diff)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// precedes reports whether a row of one target has precedence over a row of
// another target.
func precedes(a coverage.Report, x coverage.Resource, b coverage.Report, y coverage.Resource) bool {
	switch upA, upB := a.State == coverage.OK, b.State == coverage.OK; {
	case upA != upB:
		return upA
	case !x.UpdatedAt.Equal(y.UpdatedAt):
		return x.UpdatedAt.After(y.UpdatedAt)
	}
	return a.Snapshot.ReadAt.After(b.Snapshot.ReadAt)
}

// isHidden reports whether a target is down and another one has listed the
// account of a resource since.
func isHidden(reports []coverage.Report, report coverage.Report, k coverage.Key) bool {
	return report.State != coverage.OK && slices.ContainsFunc(reports, func(r coverage.Report) bool {
		s := r.Snapshot
		return r.State == coverage.OK && s != nil && !s.NarrowedByStatus && r.Target.Region == k.Region &&
			slices.Contains(s.Accounts, k.AccountID) && slices.Contains(s.Types, k.Type) && s.ReadAt.After(report.Snapshot.ReadAt)
	})
}

// checkView checks the invariants of every view.
func checkView(t *testing.T, reports []coverage.Report, v *coverage.View) {
	t.Helper()
	newest, counted := map[coverage.Key]coverage.Resource{}, map[coverage.Key]bool{}
	from := map[coverage.Key]coverage.Report{}                         // of the newest
	places, totals := map[coverage.Key]bool{}, map[coverage.Key]bool{} // of totals, zeros included
	for _, report := range reports {
		if report.Snapshot == nil {
			continue
		}
		if !report.Snapshot.NarrowedByStatus {
			for _, account := range report.Snapshot.Accounts {
				for _, of := range report.Snapshot.Types {
					places[coverage.Key{Type: of, AccountID: account, Region: report.Target.Region}] = true
				}
			}
		}
		for _, c := range report.Snapshot.Resources {
			if isHidden(reports, report, c.Key) {
				continue
			}
			if _, ok := newest[c.Key]; !ok || precedes(report, c, from[c.Key], newest[c.Key]) {
				newest[c.Key], from[c.Key] = c, report
			}
			counted[c.Key] = counted[c.Key] || !report.Snapshot.NarrowedByStatus
		}
	}
	if len(v.Resources) != len(newest) {
		t.Errorf("there are %d rows of %d resources", len(v.Resources), len(newest))
	}
	var wantAll, all int64
	for i, c := range v.Resources {
		if i > 0 && compareKeys(v.Resources[i-1].Key, c.Key) >= 0 {
			t.Errorf("%v stands before %v", v.Resources[i-1].Key, c.Key)
		}
		if !c.UpdatedAt.Equal(newest[c.Key].UpdatedAt) {
			t.Errorf("the row of %v is of %v, want that of %v", c.Key, c.UpdatedAt, newest[c.Key].UpdatedAt)
		}
		if !slices.ContainsFunc(reports, func(r coverage.Report) bool {
			row := r.Snapshot.Lookup(c.Key)
			return row != nil && gocmp.Equal(*row, c) && !precedes(from[c.Key], newest[c.Key], r, *row)
		}) {
			t.Errorf("the row of %v is that of a target without precedence", c.Key)
		}
		if counted[c.Key] {
			wantAll++
			places[coverage.Key{Type: c.Type, AccountID: c.AccountID, Region: c.Region}] = true
		}
	}
	for i, of := range v.Totals {
		if i > 0 && compareKeys(keyOf(v.Totals[i-1]), keyOf(of)) >= 0 {
			t.Errorf("the total of %v stands before that of %v", keyOf(v.Totals[i-1]), keyOf(of))
		}
		if percent, ok := of.Percent(); ok != (of.ByStatus.Sum() > 0) || percent < 0 || percent > 100 {
			t.Errorf("the percent of %v is %v, %v", of, percent, ok)
		}
		all += of.ByStatus.Sum()
		totals[keyOf(of)] = true
	}
	if diff := gocmp.Diff(places, totals); diff != "" {
		t.Errorf("what there are totals of, -want +got:\n%s", diff)
	}
	if all != wantAll {
		t.Errorf("the totals count %d resources, want %d", all, wantAll)
	}
	var byType []coverage.Resource
	for _, of := range []coverage.ResourceType{coverage.EC2, coverage.ECS, coverage.EKS} {
		byType = append(byType, v.OfType(of)...)
	}
	if diff := gocmp.Diff(v.Resources, byType); diff != "" {
		t.Errorf("the resources, -all +type by type:\n%s", diff)
	}
	if len(v.Reports) != len(reports) {
		t.Errorf("there are %d reports, want %d", len(v.Reports), len(reports))
	}
}

// checkAccounts checks the invariants of a view's detectors, features, members and names: they are sorted, each key is
// there once, and its item is the newest or else the worse of those of all targets.
func checkAccounts(t *testing.T, reports []coverage.Report, v *coverage.View) {
	t.Helper()
	type accounts struct {
		detectors, members map[coverage.Key]bool
		features           map[coverage.Key]coverage.Feature
		names              map[coverage.Key]string
	}
	of := func(up bool) accounts {
		a := accounts{map[coverage.Key]bool{}, map[coverage.Key]bool{}, map[coverage.Key]coverage.Feature{}, map[coverage.Key]string{}}
		for _, report := range reports {
			if report.Snapshot == nil || (report.State == coverage.OK) != up {
				continue
			}
			for _, d := range report.Snapshot.Detectors {
				k := coverage.Key{AccountID: d.AccountID, Region: d.Region}
				enabled, ok := a.detectors[k]
				a.detectors[k] = d.Enabled && (enabled || !ok)
			}
			for _, m := range report.Snapshot.Members {
				k := coverage.Key{AccountID: m.AccountID, Region: m.Region}
				a.members[k] = a.members[k] || m.Relationship == coverage.RelationshipEnabled
			}
			for _, f := range report.Snapshot.Features {
				k := keyOfFeature(f)
				known, ok := a.features[k]
				if !ok || f.UpdatedAt.After(known.UpdatedAt) || f.UpdatedAt.Equal(known.UpdatedAt) && !f.Enabled {
					a.features[k] = f
				}
			}
			for _, n := range report.Snapshot.AccountNames {
				k := coverage.Key{AccountID: n.AccountID}
				if known, ok := a.names[k]; !ok || n.Name < known {
					a.names[k] = n.Name
				}
			}
		}
		return a
	}
	// What targets that are down say counts only where no other target says anything.
	want, up := of(false), of(true)
	maps.Copy(want.detectors, up.detectors)
	maps.Copy(want.members, up.members)
	maps.Copy(want.features, up.features)
	maps.Copy(want.names, up.names)
	gotDetectors, gotMembers := map[coverage.Key]bool{}, map[coverage.Key]bool{}
	gotFeatures, gotNames := map[coverage.Key]coverage.Feature{}, map[coverage.Key]string{}
	var order [4][]coverage.Key
	for _, d := range v.Detectors {
		k := coverage.Key{AccountID: d.AccountID, Region: d.Region}
		gotDetectors[k], order[0] = d.Enabled, append(order[0], k)
	}
	for _, m := range v.Members {
		k := coverage.Key{AccountID: m.AccountID, Region: m.Region}
		gotMembers[k], order[1] = m.Relationship == coverage.RelationshipEnabled, append(order[1], k)
	}
	for _, f := range v.Features {
		k := keyOfFeature(f)
		gotFeatures[k], order[2] = f, append(order[2], k)
	}
	for _, n := range v.AccountNames {
		k := coverage.Key{AccountID: n.AccountID}
		gotNames[k], order[3] = n.Name, append(order[3], k)
	}
	for what, diff := range map[string]string{
		"detectors": gocmp.Diff(want.detectors, gotDetectors), "members": gocmp.Diff(want.members, gotMembers),
		"features": gocmp.Diff(want.features, gotFeatures), "names": gocmp.Diff(want.names, gotNames),
	} {
		if diff != "" {
			t.Errorf("the %s, -want +got:\n%s", what, diff)
		}
	}
	for _, keys := range order {
		for i := 1; i < len(keys); i++ {
			if compareKeys(keys[i-1], keys[i]) >= 0 {
				t.Errorf("%v stands before %v", keys[i-1], keys[i])
			}
		}
	}
}

func keyOfFeature(f coverage.Feature) coverage.Key {
	return coverage.Key{AccountID: f.AccountID, Region: f.Region, Name: f.Name + "/" + f.Additional}
}

func keyOf(of coverage.Total) coverage.Key {
	return coverage.Key{Type: of.ResourceType, AccountID: of.AccountID, Region: of.Region}
}

func compareKeys(a, b coverage.Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
}
