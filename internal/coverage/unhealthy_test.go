package coverage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestUnhealthySince replaces the reports of targets one after the other.
func TestUnhealthySince(t *testing.T) {
	web := coverage.Key{Type: coverage.ECS, AccountID: member, Region: region, Name: "web"}
	at := func(minute int) time.Time { return time.Date(2026, 11, 1, 12, minute, 0, 0, time.UTC) }
	report := func(target string, rows ...coverage.Resource) coverage.Report {
		return coverage.Report{
			Target: coverage.TargetID{Name: target, Region: region}, State: coverage.OK, LastSuccess: at(0),
			Snapshot: &coverage.Snapshot{ReadAt: at(0), Resources: coverage.Dedupe(rows), Accounts: []string{member}, Types: []coverage.ResourceType{coverage.ECS}},
		}
	}
	row := func(status coverage.Status, updated time.Time) coverage.Resource {
		return coverage.Resource{Key: web, Status: status, UpdatedAt: updated}
	}
	failed := func(r coverage.Report) coverage.Report { r.State = coverage.Denied; return r }
	expired := func(target string) coverage.Report {
		r := failed(report(target))
		r.Snapshot = nil
		return r
	}
	optional := func(target string) coverage.Report {
		r := expired(target)
		r.Snapshot = &coverage.Snapshot{OptionalOnly: true}
		return r
	}
	without := func(target string) coverage.Report { // the account has left the organization
		r := report(target)
		r.Snapshot.Accounts = nil
		return r
	}
	later := func(r coverage.Report) coverage.Report { r.Snapshot.ReadAt = at(10); return r }
	instances := func(r coverage.Report) coverage.Report {
		r.Snapshot.Types = []coverage.ResourceType{coverage.EC2}
		return r
	}
	partly := func(r coverage.Report) coverage.Report { // it has another cluster of the account
		other := row(coverage.Healthy, at(1))
		other.Name = "other"
		r.Snapshot.Resources = coverage.Dedupe(append(slices.Clone(r.Snapshot.Resources), other))
		r.Snapshot.Accounts, r.Snapshot.ReadAt = nil, at(10)
		return r
	}
	type step = []coverage.Report
	for name, tc := range map[string]struct {
		steps []step
		want  time.Time // zero for absent
	}{
		"healthy":                   {[]step{{report("a", row(coverage.Healthy, at(1)))}}, time.Time{}},
		"unhealthy":                 {[]step{{report("a", row(coverage.Unhealthy, at(1)))}}, at(1)},
		"without a status":          {[]step{{report("a", row(coverage.Unknown, at(1)))}}, at(1)},
		"stays unhealthy":           {[]step{{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Unhealthy, at(2)))}}, at(1)},
		"unhealthy, then unknown":   {[]step{{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Unknown, at(2)))}}, at(1)},
		"an earlier time is not it": {[]step{{report("a", row(coverage.Unhealthy, at(2)))}, {report("a", row(coverage.Unhealthy, at(1)))}}, at(2)},
		"unhealthy again": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Healthy, at(2)))}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"deleted and created": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {report("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"time becomes known": {[]step{{report("a", row(coverage.Unhealthy, time.Time{}))}, {report("a", row(coverage.Unhealthy, at(2)))}}, at(2)},
		"time unknown":       {[]step{{report("a", row(coverage.Unhealthy, time.Time{}))}}, time.Time{}},
		"failed refresh": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {failed(report("a", row(coverage.Unhealthy, at(1))))}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(1)},
		"data expired meanwhile": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(1)},
		"data expired, then healthy": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {report("a", row(coverage.Healthy, at(3)))},
		}, time.Time{}},
		"another target has the row while data is expired": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a"), report("b", row(coverage.Unhealthy, at(2)))},
		}, at(1)},
		"another target lists the account without the row": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a"), report("b")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"another target lists only instances of the account": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a"), instances(report("b"))}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(1)},
		"the target that is down, and one that does not list the account completely": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))},
			{failed(report("a", row(coverage.Unhealthy, at(1)))), partly(report("b"))},
			{failed(report("a", row(coverage.Unhealthy, at(1)))), partly(report("b", row(coverage.Unhealthy, at(2))))},
		}, at(1)},
		"target dropped": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"absent meanwhile, before a view": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Unhealthy, at(2)))}, {report("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"data expired, then healthy, then unhealthy": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {report("a", row(coverage.Healthy, at(2)))}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"data expired twice": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {expired("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(1)},
		"data expired, then only optional data": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {optional("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(1)},
		"data expired, then the account is not shown": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {without("a")}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"target with a time dropped": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Unhealthy, at(2)))}, {}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"target without data dropped": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {expired("a")}, {}, {report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
		"two targets, healthy in the newest row": {[]step{
			{report("a", row(coverage.Unhealthy, at(1))), report("b", row(coverage.Healthy, at(2)))},
			{report("a", row(coverage.Unhealthy, at(3))), report("b", row(coverage.Healthy, at(2)))},
		}, at(3)},
		"two targets, unhealthy in the newest row": {[]step{
			{report("a", row(coverage.Unhealthy, at(3))), report("b", row(coverage.Healthy, at(2)))},
			{report("a", row(coverage.Unhealthy, at(4))), report("b", row(coverage.Healthy, at(2)))},
		}, at(3)},
		"two targets, healthy meanwhile in one": {[]step{
			{report("a", row(coverage.Unhealthy, at(1))), report("b", row(coverage.Unhealthy, at(1)))},
			{report("a", row(coverage.Unhealthy, at(2))), report("b", row(coverage.Unhealthy, at(2)))},
			{report("a", row(coverage.Unhealthy, at(2))), report("b", row(coverage.Healthy, at(3)))},
			{report("a", row(coverage.Unhealthy, at(4))), report("b", row(coverage.Healthy, at(3)))},
		}, at(4)},
		"second target added": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))}, {report("a", row(coverage.Unhealthy, at(1))), report("b", row(coverage.Unhealthy, at(2)))},
		}, at(1)},
		"one of two targets dropped": {[]step{
			{report("a", row(coverage.Unhealthy, at(2))), report("b", row(coverage.Unhealthy, at(1)))},
			{report("b", row(coverage.Unhealthy, at(1)))},
			{report("b", row(coverage.Unhealthy, at(3)))},
		}, at(2)},
		"healthy in the target that is up": {[]step{
			{report("a", row(coverage.Unhealthy, at(2))), report("b", row(coverage.Healthy, at(1)))},
			{failed(report("a", row(coverage.Unhealthy, at(2)))), report("b", row(coverage.Healthy, at(1)))},
			{report("a", row(coverage.Unhealthy, at(3))), report("b", row(coverage.Healthy, at(1)))},
		}, at(3)},
		"the target that is down is ignored": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))},
			{failed(report("a", row(coverage.Unhealthy, at(1)))), later(report("b"))},
			{failed(report("a", row(coverage.Unhealthy, at(1)))), later(report("b", row(coverage.Unhealthy, at(2))))},
		}, at(2)},
		"target of other kind without data": {[]step{
			{report("a", row(coverage.Unhealthy, at(1)))},
			{{Target: coverage.TargetID{Name: "a", Kind: coverage.KindAccountNames}, LastSuccess: at(0)}},
			{report("a", row(coverage.Unhealthy, at(3)))},
		}, at(3)},
	} {
		var since map[coverage.Key]time.Time
		known := map[coverage.TargetID]coverage.Report{}
		put := func(after coverage.Report) {
			var others []coverage.Report
			for target, r := range known {
				if target != after.Target && target.Region == after.Target.Region {
					others = append(others, r)
				}
			}
			since = coverage.UpdateUnhealthy(since, known[after.Target], after, others)
			known[after.Target] = after
		}
		var v *coverage.View
		for _, reports := range tc.steps {
			v = coverage.Merge(reports)
			for target := range known {
				if !slices.ContainsFunc(reports, func(r coverage.Report) bool { return r.Target == target }) {
					put(coverage.Report{Target: target})
					delete(known, target)
				}
			}
			for _, r := range reports {
				put(r)
			}
			v.UnhealthySince = since
		}
		at, ok := v.UnhealthyAt(coverage.Find(v.Resources, web))
		if !at.Equal(tc.want) || ok == tc.want.IsZero() {
			t.Errorf("%s: got %v, %v, want %v", name, at, ok, tc.want)
		}
		if tc.want.IsZero() && len(since) > 0 {
			t.Errorf("%s: %v is remembered", name, since)
		}
	}
}

// TestUnchangedClustersAreNotRemembered: only clusters whose rows have changed cost
// memory, and only ECS clusters have such a time.
func TestUnchangedClustersAreNotRemembered(t *testing.T) {
	report := func(updated int64) coverage.Report {
		var rows []coverage.Resource
		for _, kind := range []coverage.ResourceType{coverage.EC2, coverage.ECS, coverage.EKS} {
			rows = append(rows, coverage.Resource{
				Key: coverage.Key{Type: kind, AccountID: member, Region: region, Name: "a"}, Status: coverage.Unhealthy, UpdatedAt: time.Unix(updated, 0),
			})
		}
		return coverage.Report{
			Target: coverage.TargetID{Region: region}, State: coverage.OK,
			Snapshot: &coverage.Snapshot{Resources: coverage.Dedupe(rows), Types: []coverage.ResourceType{coverage.EC2, coverage.ECS, coverage.EKS}},
		}
	}
	if since := coverage.UpdateUnhealthy(nil, report(1), report(1), nil); since != nil {
		t.Errorf("unchanged: %v", since)
	}
	if since := coverage.UpdateUnhealthy(nil, report(1), report(2), nil); len(since) != 1 {
		t.Errorf("changed: %v", since)
	}
}
