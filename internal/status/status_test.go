package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 500, time.UTC)

// report returns a report with a healthy cluster, and with a change of it.
func report(change ...func(*coverage.Report)) coverage.Report {
	web := coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "web"}, Status: coverage.Healthy})
	r := coverage.Report{
		Target: coverage.TargetID{Name: "organization", Region: region}, AccountID: account, State: coverage.OK, LastSuccess: now,
		Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{web}, Types: []coverage.ResourceType{coverage.ECS}, Accounts: []string{account}},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func input(t *testing.T, reports ...coverage.Report) status.Input {
	t.Helper()
	g, err := guide.New()
	if err != nil {
		t.Fatal(err)
	}
	return status.Input{Now: now, Ready: true, View: coverage.Merge(reports), Guide: g}
}

// TestUnknownIsNotCovered: the status is green only if all is known and covered.
func TestUnknownIsNotCovered(t *testing.T) {
	unhealthy := func(r *coverage.Report) {
		r.Snapshot.Resources = append(r.Snapshot.Resources, coverage.New(coverage.Row{
			Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "worker"}, Status: coverage.Unhealthy,
		}))
	}
	other := func(s coverage.Status) func(*coverage.Report) {
		return func(r *coverage.Report) {
			r.Snapshot.Types = append(r.Snapshot.Types, coverage.EKS)
			r.Snapshot.Resources = append(r.Snapshot.Resources, coverage.New(coverage.Row{
				Key: coverage.Key{Type: coverage.EKS, AccountID: account, Region: region, Name: "web"}, Status: s,
			}))
		}
	}
	member := func(relationship string) func(*coverage.Report) {
		return func(r *coverage.Report) {
			r.Snapshot.Members = []coverage.Member{{AccountID: "222233334444", Region: region, Relationship: relationship}}
		}
	}
	for name, c := range map[string]struct {
		in      status.Input
		health  status.Health
		verdict string
	}{
		"covered":   {input(t, report()), status.Covered, "1 of 1 clusters covered"},
		"unhealthy": {input(t, report(unhealthy)), status.NotCovered, "1 of 2 clusters covered"},
		"nothing":   {input(t), status.Unknown, "coverage is not known: no cluster is listed"},
		"failed": {
			input(t, report(func(r *coverage.Report) { r.State = coverage.Denied })),
			status.Unknown, "1 of 1 clusters covered; 1 target not readable",
		},
		"withdrawn": {
			input(t, report(func(r *coverage.Report) { r.State, r.Snapshot = coverage.Timeout, nil })),
			status.Unknown, "coverage is not known: no cluster is listed; 1 target not readable; 1 account and Region not known",
		},
		"EKS": {
			input(t, report(other(coverage.Unhealthy))), status.NotCovered, "1 of 1 clusters covered; 1 EC2 instance or EKS cluster not covered",
		},
		"EKS only": {
			input(t, report(other(coverage.Healthy), func(r *coverage.Report) { r.Snapshot.Resources = r.Snapshot.Resources[1:] })),
			status.Covered, "no ECS cluster is listed",
		},
		"member suspended":  {input(t, report(member("disabled"))), status.Unknown, "1 of 1 clusters covered; 1 account and Region not known"},
		"member not listed": {input(t, report(member("enabled"))), status.Unknown, "1 of 1 clusters covered; 1 account and Region not known"},
	} {
		s := status.New(c.in, status.Query{})
		if s.Health != c.health || s.Verdict != c.verdict {
			t.Errorf("%s: %s, %q; want %s, %q", name, s.Health, s.Verdict, c.health, c.verdict)
		}
	}
	partial := input(t, report(func(r *coverage.Report) {
		r.Snapshot.Capabilities = []coverage.Capability{{Name: coverage.MembersCapability}}
	}))
	if s := status.New(partial, status.Query{}); s.Health != status.Unknown {
		t.Errorf("a part is denied: %s, %q", s.Health, s.Verdict)
	}
	noECS := input(t, report())
	noECS.ECS = []diagnosis.Report{{Target: "organization", AccountID: account, Region: region}}
	if s := status.New(noECS, status.Query{}); s.Health != status.Unknown {
		t.Errorf("ECS is not readable: %s, %q", s.Health, s.Verdict)
	}
	queue := input(t, report())
	queue.Queues = []status.Queue{{LastError: &status.Failure{}}}
	if s := status.New(queue, status.Query{}); s.Health != status.Unknown {
		t.Errorf("a queue fails: %s, %q", s.Health, s.Verdict)
	}
	early := input(t, report())
	early.Ready = false
	if s := status.New(early, status.Query{}); s.Health != status.Unknown || !strings.Contains(s.Verdict, "not all targets have been read yet") {
		t.Errorf("%s, %q", s.Health, s.Verdict)
	}
	unlisted := input(t, report())
	unlisted.ECS = []diagnosis.Report{{
		Target: "organization", AccountID: account, Region: region, Up: true, Clusters: []diagnosis.Diagnosis{{
			Cluster: diagnosis.Cluster{AccountID: account, Region: region, Name: "hidden"}, TasksRead: true,
			Services: []diagnosis.ServiceTasks{{Service: "api", Tasks: map[diagnosis.Agent]int{diagnosis.AgentMissing: 1}}},
		}},
	}}
	if s := status.New(unlisted, status.Query{}); s.Health != status.NotCovered || s.UnlistedClusters.Matched != 1 {
		t.Errorf("%s, %q", s.Health, s.Verdict)
	}
}

// TestQueues: a queue fails once a request has failed. Before the first response,
// which takes 20 seconds if no message arrives, nothing is known about it.
func TestQueues(t *testing.T) {
	in := input(t, report())
	in.Queues = []status.Queue{status.NewQueue("first", false, time.Time{}, nil)}
	if s := status.New(in, status.Query{}); s.Verdict != "1 of 1 clusters covered" || s.Summary.FailedQueues != 0 {
		t.Errorf("first request: %q, %d failed", s.Verdict, s.Summary.FailedQueues)
	}
	in.Queues = append(in.Queues, status.NewQueue("failed", false, now, &coverage.Failure{At: now, Text: "no"}))
	if s := status.New(in, status.Query{}); s.Verdict != "1 of 1 clusters covered; 1 event queue failing" || s.Summary.FailedQueues != 1 {
		t.Errorf("failed request: %q, %d failed", s.Verdict, s.Summary.FailedQueues)
	}
}

// TestCoverageHasReasons: a total of a target that failed is marked as old, and an
// account without totals has a reason.
func TestCoverageHasReasons(t *testing.T) {
	failed := report(func(r *coverage.Report) { r.State = coverage.RegionDisabled })
	failed.Snapshot.Features = []coverage.Feature{{AccountID: "222233334444", Region: region, Name: "RUNTIME_MONITORING"}}
	failed.Snapshot.Accounts = append(failed.Snapshot.Accounts, "222233334444")
	names := coverage.Report{
		Target: coverage.TargetID{Name: "organization", Kind: coverage.KindAccountNames}, State: coverage.OK,
		Snapshot: &coverage.Snapshot{AccountNames: []coverage.AccountName{{AccountID: "333344445555", Name: "new"}}},
	}
	full := 100.0
	want := []status.Coverage{
		{
			AccountID: account, Region: region, ResourceType: "ECS", Known: true, Healthy: 1, Resources: 1, Percent: &full, InScopePercent: &full,
			Reason: "as of the last success of target organization, which is region disabled now",
		},
		{AccountID: "222233334444", Region: region, ResourceType: "ECS", Reason: "Runtime Monitoring is off"},
		{AccountID: "333344445555", AccountName: "new", ResourceType: "ECS", Reason: "no target shows this account of the organization"},
	}
	if diff := cmp.Diff(want, status.New(input(t, failed, names), status.Query{}).Coverage); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTargets: those that failed come first, with what AWS denies; a target without
// report has not been read; the last error stays after a success.
func TestTargets(t *testing.T) {
	at := now.Add(-time.Hour)
	partial := report(func(r *coverage.Report) {
		r.LastFailure = &coverage.Failure{At: at, Operation: "ListCoverage", Text: "it was throttled"}
		r.Snapshot.Capabilities = []coverage.Capability{{Name: coverage.StatisticsCapability}, {Name: coverage.DetectorCapability, OK: true}}
	})
	denied := coverage.Report{
		Target: coverage.TargetID{Name: "z", Region: region}, State: coverage.Denied,
		LastFailure: &coverage.Failure{At: at, Operation: "AssumeRole", Text: "no"},
	}
	in := input(t, partial, denied)
	in.Next = map[coverage.TargetID]time.Time{{Name: "a", Region: region}: {}, denied.Target: now.Add(time.Minute)}
	in.Statement = func(target, operation string) string { return target + " " + operation }
	var got []string
	for _, target := range status.New(in, status.Query{}).Targets {
		line := target.Target + " " + target.State
		for _, r := range target.Refused {
			line += " " + r.Part + ": " + r.Statement
		}
		if e := target.LastError; e != nil {
			line += " " + e.At.Format(time.TimeOnly) + " " + e.Operation + " " + e.Error
		}
		if target.NextRefresh != nil {
			line += " next " + target.NextRefresh.Format(time.TimeOnly)
		}
		got = append(got, line)
	}
	want := []string{
		"z denied AssumeRole: z AssumeRole 11:00:00 AssumeRole no next 12:01:00",
		"organization ok statistics: organization GetCoverageStatistics 11:00:00 ListCoverage it was throttled",
		"a ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestExclusions: an excluded cluster is shown as it is, apart from the others and with the reason.
func TestExclusions(t *testing.T) {
	in := input(t, report(func(r *coverage.Report) {
		r.Snapshot.Resources = append(r.Snapshot.Resources, coverage.New(coverage.Row{
			Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "worker"}, Status: coverage.Unhealthy,
		}))
	}))
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	in.Exclusions = exclusion.Apply(exclusion.Input{
		Now: now, View: in.View, Targets: []coverage.TargetID{{Name: "organization", Region: region}},
		Entries: []exclusion.Entry{
			{Name: "batch", AccountID: account, ClusterName: "work*", Reason: "AWS Batch", Until: day, Owner: "data", Ticket: "SEC-1"},
			{Name: "ended", ClusterName: "web", Reason: "migration", Until: day.AddDate(0, 0, -1)},
		},
	})
	s := status.New(in, status.Query{})
	one := 1
	want := []status.Exclusion{
		{Exclusion: "batch", AccountID: account, ClusterName: "work*", Reason: "AWS Batch", Until: "2026-11-28", Matches: &one, Owner: "data", Ticket: "SEC-1"},
		{Exclusion: "ended", ClusterName: "web", Reason: "migration", Until: "2026-11-27", Ended: true},
	}
	if diff := cmp.Diff(want, s.Exclusions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	excluded := &status.Excluded{Exclusion: "batch", Reason: "AWS Batch", Until: "2026-11-28", Owner: "data"}
	if diff := cmp.Diff(excluded, s.ExcludedClusters.Rows[0].Excluded); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c := s.Coverage[0]; c.Excluded != 1 || *c.Percent != 50 || *c.InScopePercent != 100 {
		t.Errorf("coverage %+v", c)
	}
	const verdict = "1 of 2 clusters covered; 1 uncovered cluster excluded; 1 exclusion ends within 14 days"
	if s.Health != status.Covered || s.Verdict != verdict || s.Summary.ExcludedClusters != 1 || s.Summary.UnhealthyClusters != 0 {
		t.Errorf("%s, %q", s.Health, s.Verdict)
	}
}
