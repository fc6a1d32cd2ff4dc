package exclusion_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

const (
	account = "111122223333"
	other   = "444455556666"
	region  = "us-east-1"
)

func now() time.Time { return time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC) }

func key(accountID, name string) coverage.Key {
	return coverage.Key{Type: coverage.ECS, AccountID: accountID, Region: region, Name: name}
}

func cluster(accountID, name string, issues ...string) coverage.Row {
	return coverage.Row{Key: key(accountID, name), Status: coverage.Unhealthy, Issues: issues}
}

// entry returns an entry that has not ended.
func entry(change func(*exclusion.Entry)) exclusion.Entry {
	e := exclusion.Entry{Name: "e", Until: now().Truncate(24 * time.Hour)}
	change(&e)
	return e
}

func report(target coverage.TargetID, rows ...coverage.Row) coverage.Report {
	s := &coverage.Snapshot{Types: []coverage.ResourceType{coverage.ECS, coverage.EC2}, Accounts: []string{account, other}}
	for _, row := range rows {
		s.Resources = append(s.Resources, coverage.New(row))
	}
	s.Resources = coverage.Dedupe(s.Resources)
	return coverage.Report{Target: target, AccountID: account, State: coverage.OK, LastSuccess: now(), Snapshot: s}
}

var target = coverage.TargetID{Name: "default", Region: region}

func TestMatch(t *testing.T) {
	const unsupported, exited = "Agent not provisioned: Unsupported invocation by AWS Batch", "Agent exited: ExitCode: 1"
	instance := coverage.Row{
		Key:    coverage.Key{Type: coverage.EC2, AccountID: account, Region: region, Name: "i-1"},
		Status: coverage.Unhealthy, Issues: []string{exited},
		Instance: coverage.Instance{ClusterARN: "arn:aws:ecs:us-east-1:111122223333:cluster/instances"},
	}
	onInstances := cluster(account, "instances", unsupported)
	onInstances.Compatible = 1
	view := coverage.Merge([]coverage.Report{report(
		target,
		cluster(account, "legacy-batch", unsupported), cluster(account, "legacy-web", unsupported, exited),
		cluster(account, "shop"), cluster(other, "shop"), onInstances, instance,
	)})
	unlisted := diagnosis.Cluster{AccountID: account, Region: region, Name: "legacy-unlisted"}
	reports := []diagnosis.Report{{Target: "default", AccountID: account, Region: region, LastSuccess: now(), Clusters: []diagnosis.Diagnosis{
		{Cluster: unlisted}, {Cluster: diagnosis.Cluster{AccountID: account, Region: region, Name: "shop"}},
	}}}
	for name, tc := range map[string]struct {
		entry exclusion.Entry
		want  []string
	}{
		"account": {
			entry(func(e *exclusion.Entry) { e.AccountID = account }),
			[]string{"instances", "legacy-batch", "legacy-web", "shop", "legacy-unlisted"},
		},
		"name in any account": {entry(func(e *exclusion.Entry) { e.ClusterName = "shop" }), []string{"shop", "shop of another account"}},
		"pattern":             {entry(func(e *exclusion.Entry) { e.ClusterName = "legacy-*" }), []string{"legacy-batch", "legacy-web", "legacy-unlisted"}},
		"one character":       {entry(func(e *exclusion.Entry) { e.ClusterName = "legacy-we?" }), []string{"legacy-web"}},
		"a part of the name":  {entry(func(e *exclusion.Entry) { e.ClusterName = "legacy" }), nil},
		"account and name":    {entry(func(e *exclusion.Entry) { e.AccountID, e.ClusterName = other, "s*" }), []string{"shop of another account"}},
		"another Region":      {entry(func(e *exclusion.Entry) { e.AccountID, e.Region = account, "eu-west-1" }), nil},
		"Region":              {entry(func(e *exclusion.Entry) { e.ClusterName, e.Region = "shop", region }), []string{"shop", "shop of another account"}},
		// A second issue of another type is not expected, nor one of an instance. What has no issue has not this one.
		"issue type": {entry(func(e *exclusion.Entry) { e.AccountID, e.IssueType = account, coverage.UnsupportedService }), []string{"legacy-batch"}},
		"on its last day": {entry(func(e *exclusion.Entry) {
			e.ClusterName, e.Until = "legacy-web", time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
		}), []string{"legacy-web"}},
		"after its last day": {entry(func(e *exclusion.Entry) {
			e.ClusterName, e.Until = "legacy-web", time.Date(2026, 11, 14, 0, 0, 0, 0, time.UTC)
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := exclusion.Apply(exclusion.Input{
				Now: now(), Entries: []exclusion.Entry{tc.entry}, View: view, ECS: reports, Targets: []coverage.TargetID{target},
			})
			var got []string
			for _, c := range r.Clusters {
				name := c.Cluster.Name
				if c.Cluster.AccountID == other {
					name += " of another account"
				}
				got = append(got, name)
				if r.Of(c.Cluster) == nil || c.Entry.Name != "e" {
					t.Errorf("%s is excluded by %v, and Of returns %v", name, c.Entry, r.Of(c.Cluster))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			e := r.Entries[0]
			if ended := name == "after its last day"; e.Ended != ended || (e.Matches == nil) != ended || !ended && *e.Matches != len(tc.want) {
				t.Errorf("ended %v with %v matches", e.Ended, e.Matches)
			}
		})
	}
}

func TestEnd(t *testing.T) {
	e := exclusion.Entry{Until: time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)}
	end := time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)
	berlin := time.FixedZone("CET", 3600)
	if !e.End().Equal(end) || e.LastDay() != "2028-02-29" {
		t.Errorf("%s ends at %s", e.LastDay(), e.End())
	}
	for at, want := range map[time.Time]bool{
		end.Add(-time.Nanosecond): false, end: true, end.Add(-time.Second).In(berlin): false, end.In(berlin): true,
	} {
		if got := e.Ended(at); got != want {
			t.Errorf("at %s: ended %v", at, got)
		}
	}
}

// TestMatchesAreUnknown has reasons for which an entry without matches may not be unused.
func TestMatchesAreUnknown(t *testing.T) {
	second := coverage.TargetID{Name: "second", Region: "eu-west-1"}
	regions := coverage.TargetID{Name: "second", Kind: coverage.KindRegions}
	names := coverage.TargetID{Name: "default", Kind: coverage.KindAccountNames}
	failed := func(id coverage.TargetID, state coverage.State) coverage.Report {
		return coverage.Report{Target: id, State: state}
	}
	optional := report(second)
	optional.Snapshot.OptionalOnly, optional.State = true, coverage.Denied
	stale := report(second)
	stale.State = coverage.Timeout
	listed := coverage.Report{Target: regions, State: coverage.Denied, LastSuccess: now()}
	for name, tc := range map[string]struct {
		targets []coverage.TargetID
		reports []coverage.Report
		ecs     []diagnosis.Report
		region  string
		known   bool
	}{
		"all read":                     {targets: []coverage.TargetID{target, names}, known: true},
		"not read yet":                 {targets: []coverage.TargetID{target, second}},
		"not read yet, another Region": {targets: []coverage.TargetID{target, second}, region: region, known: true},
		"failed":                       {targets: []coverage.TargetID{target, second}, reports: []coverage.Report{failed(second, coverage.Denied)}},
		"only optional data":           {targets: []coverage.TargetID{target, second}, reports: []coverage.Report{optional}},
		"last good data":               {targets: []coverage.TargetID{target, second}, reports: []coverage.Report{stale}, known: true},
		"no detector":                  {targets: []coverage.TargetID{target, second}, reports: []coverage.Report{failed(second, coverage.NoDetector)}, known: true},
		"disabled Region":              {targets: []coverage.TargetID{target, second}, reports: []coverage.Report{failed(second, coverage.RegionDisabled)}, known: true},
		"unknown Regions":              {targets: []coverage.TargetID{target, regions}, reports: []coverage.Report{failed(regions, coverage.Denied)}, region: region},
		"known Regions":                {targets: []coverage.TargetID{target, regions}, reports: []coverage.Report{listed}, known: true},
		"ECS not read":                 {targets: []coverage.TargetID{target}, ecs: []diagnosis.Report{{AccountID: account, Region: region}}},
		"ECS of another Region":        {targets: []coverage.TargetID{target}, ecs: []diagnosis.Report{{AccountID: account, Region: "eu-west-1"}}, region: region, known: true},
	} {
		r := exclusion.Apply(exclusion.Input{
			Now: now(), Targets: tc.targets, ECS: tc.ecs,
			Entries: []exclusion.Entry{entry(func(e *exclusion.Entry) { e.ClusterName, e.Region = "gone", tc.region })},
			View:    coverage.Merge(append(tc.reports, report(target, cluster(account, "shop")))),
		})
		if matches := r.Entries[0].Matches; (matches != nil) != tc.known || tc.known && *matches != 0 {
			t.Errorf("%s: %v matches, want them known: %v", name, matches, tc.known)
		}
	}
}

// TestSeveralEntries has a cluster that two entries exclude.
func TestSeveralEntries(t *testing.T) {
	first := entry(func(e *exclusion.Entry) { e.Name, e.ClusterName = "first", "sh*" })
	second := entry(func(e *exclusion.Entry) { e.Name, e.AccountID = "second", account })
	r := exclusion.Apply(exclusion.Input{
		Now: now(), Entries: []exclusion.Entry{first, second}, Targets: []coverage.TargetID{target},
		View: coverage.Merge([]coverage.Report{report(target, cluster(account, "shop"), cluster(account, "web"))}),
	})
	var got []string
	for _, c := range r.Clusters {
		got = append(got, c.Cluster.Name+" "+c.Entry.Name)
	}
	if diff := cmp.Diff([]string{"shop first", "shop second", "web second"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e := r.Of(key(account, "shop")); e == nil || e.Name != "first" || r.Of(key(other, "shop")) != nil {
		t.Errorf("excluded by %v", e)
	}
}

// BenchmarkApply has 50,000 clusters and 100 entries, all but one of them without a match.
func BenchmarkApply(b *testing.B) {
	var rows []coverage.Row
	for i := range 50_000 {
		rows = append(rows, cluster(fmt.Sprintf("%012d", i%500), fmt.Sprintf("cluster-%05d", i)))
	}
	in := exclusion.Input{Now: now(), View: coverage.Merge([]coverage.Report{report(target, rows...)}), Targets: []coverage.TargetID{target}}
	for i := range 100 {
		in.Entries = append(in.Entries, entry(func(e *exclusion.Entry) { e.Name, e.ClusterName = fmt.Sprint(i), fmt.Sprintf("legacy-%d-*", i) }))
	}
	in.Entries[50].ClusterName = "cluster-00*"
	for b.Loop() {
		if r := exclusion.Apply(in); len(r.Clusters) != 1000 {
			b.Fatalf("%d clusters", len(r.Clusters))
		}
	}
}
