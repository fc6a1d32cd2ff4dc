package coverage_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// randomReport returns a report of a target that shows some of two accounts, each
// with at most one cluster.
func randomReport(r *rand.Rand, target string) coverage.Report {
	report := coverage.Report{
		Target: coverage.TargetID{Name: target, Region: region}, State: coverage.OK, LastSuccess: time.Unix(1, 0),
	}
	if r.IntN(4) == 0 {
		report.State = coverage.Failed
	}
	switch r.IntN(10) {
	case 0:
		report.State, report.LastSuccess = coverage.Failed, time.Unix(r.Int64N(2), 0)
		if report.LastSuccess.Unix() == 0 {
			report.LastSuccess = time.Time{}
		}
		return report // without data
	case 1:
		report.State, report.Snapshot = coverage.Failed, &coverage.Snapshot{OptionalOnly: true}
		return report
	}
	s := &coverage.Snapshot{ReadAt: time.Unix(r.Int64N(5), 0), Types: []coverage.ResourceType{coverage.ECS}, NarrowedByStatus: r.IntN(8) == 0}
	for _, account := range []string{member, "000000000009"} {
		if r.IntN(4) == 0 {
			continue
		}
		s.Accounts = append(s.Accounts, account)
		if r.IntN(5) > 0 {
			s.Resources = append(s.Resources, coverage.Resource{
				Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "web"},
				Status: []coverage.Status{coverage.Unhealthy, coverage.Unhealthy, coverage.Unknown, coverage.Healthy}[r.IntN(4)], UpdatedAt: time.Unix(r.Int64N(6), 0),
			})
		}
	}
	s.Resources = coverage.Dedupe(s.Resources)
	report.Snapshot = s
	return report
}

// mayHave reports whether a cluster that no view has may be unhealthy still.
func mayHave(reports []coverage.Report, k coverage.Key) bool {
	expired := false
	for _, r := range reports {
		switch {
		case r.Snapshot == nil || r.Snapshot.OptionalOnly:
			expired = expired || !r.LastSuccess.IsZero()
		case r.Snapshot.Includes(k.AccountID):
			return false
		}
	}
	return expired
}

// TestUnhealthySinceFollowsTheViews compares the times with those of a model that
// keeps all views: a cluster is unhealthy since its first row of a series of views
// that have it as unhealthy, or cannot know it.
func TestUnhealthySinceFollowsTheViews(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 2_000 {
		known := map[coverage.TargetID]coverage.Report{}
		var since, model map[coverage.Key]time.Time
		model = map[coverage.Key]time.Time{}
		for step := range 8 {
			after := randomReport(r, []string{"a", "b", "c"}[r.IntN(3)])
			before, others := known[after.Target], maps.Clone(known)
			if before.Snapshot != nil && !before.Snapshot.OptionalOnly && r.IntN(3) == 0 {
				after = before // with the same data
				after.State = []coverage.State{coverage.OK, coverage.Failed}[r.IntN(2)]
			}
			delete(others, after.Target)
			known[after.Target] = after
			if r.IntN(8) == 0 {
				after = coverage.Report{Target: after.Target}
				delete(known, after.Target)
			}
			since = coverage.UpdateUnhealthy(since, before, after, slices.Collect(maps.Values(others)))
			reports := slices.Collect(maps.Values(known))
			v := coverage.Merge(reports)
			v.UnhealthySince = since
			for i := range v.Resources {
				row := &v.Resources[i]
				if _, ok := model[row.Key]; row.Status == coverage.Healthy {
					delete(model, row.Key)
				} else if !ok {
					model[row.Key] = row.UpdatedAt
				}
				want, ok := model[row.Key]
				if at, unhealthy := v.UnhealthyAt(row); unhealthy != ok || !at.Equal(want) {
					t.Fatalf("round %d, step %d: %s is unhealthy since %v, want %v", round, step, row.AccountID, at.Unix(), want.Unix())
				}
			}
			for key := range model {
				if coverage.Find(v.Resources, key) == nil && !mayHave(reports, key) {
					delete(model, key)
				}
			}
			for key, at := range since {
				if row := coverage.Find(v.Resources, key); row != nil && (row.Status == coverage.Healthy || row.UpdatedAt.Equal(at)) || !at.Equal(model[key]) {
					t.Fatalf("round %d, step %d: %v is remembered needlessly", round, step, at)
				}
			}
		}
	}
}
