package coverage_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"guardduty_coverage_exporter/internal/coverage"
)

// randomReports makes reports of distinct targets whose clusters often meet,
// with few names, times and statuses to choose from.
func randomReports(r *rand.Rand) []coverage.Report {
	accounts := []string{administrator, member, "777788889999"}
	statuses := []coverage.Status{coverage.Healthy, coverage.Unhealthy, coverage.Unknown, "DEGRADED"}
	var reports []coverage.Report
	for i := range r.IntN(7) {
		one := coverage.Report{Target: coverage.Target{Name: fmt.Sprint("target-", i/2), Region: []string{region, "us-east-1"}[i%2]}}
		if r.IntN(5) > 0 {
			one.Snapshot = &coverage.Snapshot{NarrowedByStatus: r.IntN(3) == 0}
			for range r.IntN(12) {
				c := cluster(accounts[r.IntN(3)], fmt.Sprint("cluster-", r.IntN(4)), statuses[r.IntN(4)], r.IntN(3))
				c.Region = one.Target.Region
				c.Covered, c.Compatible = r.Int64N(2), r.Int64N(2)
				for range r.IntN(3) {
					c.Issues = append(c.Issues, coverage.Issue{Type: coverage.IssueTypes()[r.IntN(2)]})
				}
				one.Snapshot.Clusters = append(one.Snapshot.Clusters, c)
			}
			one.Snapshot.Clusters = coverage.Distinct(one.Snapshot.Clusters)
			for range r.IntN(3) {
				one.Snapshot.Accounts = append(one.Snapshot.Accounts, accounts[r.IntN(3)])
			}
		}
		reports = append(reports, one)
	}
	return reports
}

func TestMergeIsFreeOfOrder(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		reports := randomReports(r)
		want := coverage.Merge(reports)
		checkView(t, reports, want)
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

// checkView checks what holds for every view.
func checkView(t *testing.T, reports []coverage.Report, v *coverage.View) {
	t.Helper()
	newest, counted := map[coverage.Key]coverage.Cluster{}, map[coverage.Key]bool{}
	for _, report := range reports {
		if report.Snapshot == nil {
			continue
		}
		for _, c := range report.Snapshot.Clusters {
			if known, ok := newest[c.Key]; !ok || known.UpdatedAt.Before(c.UpdatedAt) {
				newest[c.Key] = c
			}
			counted[c.Key] = counted[c.Key] || !report.Snapshot.NarrowedByStatus
		}
	}
	if len(v.Clusters) != len(newest) {
		t.Errorf("there are %d rows of %d clusters", len(v.Clusters), len(newest))
	}
	var wantAll, all int64
	for i, c := range v.Clusters {
		if i > 0 && compareKeys(v.Clusters[i-1].Key, c.Key) >= 0 {
			t.Errorf("%v stands before %v", v.Clusters[i-1].Key, c.Key)
		}
		if !c.UpdatedAt.Equal(newest[c.Key].UpdatedAt) {
			t.Errorf("the row of %v is of %v, the newest of %v", c.Key, c.UpdatedAt, newest[c.Key].UpdatedAt)
		}
		if counted[c.Key] {
			wantAll++
		}
	}
	for i, of := range v.Totals {
		if i > 0 && compareKeys(keyOf(v.Totals[i-1]), keyOf(of)) >= 0 {
			t.Errorf("the total of %v stands before that of %v", keyOf(v.Totals[i-1]), keyOf(of))
		}
		if percent, ok := of.Percent(); ok != (of.All() > 0) || percent < 0 || percent > 100 {
			t.Errorf("the percent of %v is %v, %v", of, percent, ok)
		}
		all += of.All()
	}
	if all != wantAll {
		t.Errorf("the totals count %d clusters, want %d", all, wantAll)
	}
	if len(v.Reports) != len(reports) {
		t.Errorf("there are %d reports, want %d", len(v.Reports), len(reports))
	}
}

func keyOf(of coverage.Total) coverage.Key {
	return coverage.Key{AccountID: of.AccountID, Region: of.Region}
}

func compareKeys(a, b coverage.Key) int {
	return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
}
