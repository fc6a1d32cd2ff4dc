package check_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/check"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

var thresholds = check.Thresholds{Warning: 95, Critical: 80, MaxUnhealthy: -1}

func covered(account string, healthy, all int64) status.Coverage {
	c := status.Coverage{AccountID: account, Region: "eu-west-1", ResourceType: "ECS", Known: true, Healthy: healthy, Resources: all}
	if all > 0 {
		percent := float64(healthy) / float64(all) * 100
		c.Percent, c.InScopePercent = &percent, &percent
	}
	return c
}

func target(state string) status.Target {
	return status.Target{Target: "org", Kind: "coverage", Region: "eu-west-1", State: state}
}

func TestLevel(t *testing.T) {
	ok := target("ok")
	failed := target("denied")
	failed.LastError = &status.Failure{Error: "ListCoverage: AccessDenied"}
	refused := target("ok")
	refused.Refused = []status.Refused{{Part: "members"}}
	unknown := status.Coverage{AccountID: "111122223333", Region: "eu-west-1", ResourceType: "ECS", Reason: "the member account has not been listed"}
	for name, tc := range map[string]struct {
		coverage []status.Coverage
		targets  []status.Target
		ecs      []status.ECSAccount
		unlisted int
		max      int
		problems []string
		want     check.Level
		first    string // the text of what decides
	}{
		"all covered":          {coverage: []status.Coverage{covered("1", 10, 10)}, want: check.OK},
		"at the warning":       {coverage: []status.Coverage{covered("1", 95, 100)}, want: check.OK},
		"below the warning":    {coverage: []status.Coverage{covered("1", 94, 100)}, want: check.Warning, first: "ECS 1 eu-west-1: 94% covered, 94 of 100, less than 95%"},
		"at critical":          {coverage: []status.Coverage{covered("1", 80, 100)}, want: check.Warning},
		"below critical":       {coverage: []status.Coverage{covered("1", 79, 100)}, want: check.Critical, first: "ECS 1 eu-west-1: 79% covered, 79 of 100, less than 80%"},
		"one of many":          {coverage: []status.Coverage{covered("1", 1000, 1000), covered("2", 1, 2)}, want: check.Critical},
		"one without clusters": {coverage: []status.Coverage{covered("1", 1, 1), covered("2", 0, 0)}, want: check.OK},
		"nothing":              {want: check.Unknown, first: "GuardDuty lists no resources"},
		"no clusters":          {coverage: []status.Coverage{covered("1", 0, 0)}, want: check.Unknown},
		"not known":            {coverage: []status.Coverage{covered("1", 1, 1), unknown}, want: check.Unknown, first: "coverage of ECS 111122223333 eu-west-1 is not known: the member account has not been listed"},
		"failed target":        {coverage: []status.Coverage{covered("1", 1, 1)}, targets: []status.Target{ok, failed}, want: check.Unknown, first: "target org coverage eu-west-1 is not readable: denied: ListCoverage: AccessDenied"},
		"unfinished target":    {coverage: []status.Coverage{covered("1", 1, 1)}, targets: []status.Target{target("")}, want: check.Unknown},
		"part denied":          {coverage: []status.Coverage{covered("1", 1, 1)}, targets: []status.Target{refused}, want: check.Unknown, first: "target org coverage eu-west-1 is not whole, because AWS denies members"},
		"ECS denied":           {coverage: []status.Coverage{covered("1", 1, 1)}, ecs: []status.ECSAccount{{Target: "org"}}, want: check.Unknown},
		"out of time":          {coverage: []status.Coverage{covered("1", 1, 1)}, problems: []string{"not everything was read within 2m0s"}, want: check.Unknown, first: "not everything was read within 2m0s"},
		"critical wins":        {coverage: []status.Coverage{covered("1", 1, 2), unknown}, targets: []status.Target{failed}, want: check.Critical},
		"unknown over warning": {coverage: []status.Coverage{covered("1", 9, 10), unknown}, want: check.Unknown},
		"not listed":           {coverage: []status.Coverage{covered("1", 1, 1)}, unlisted: 1, want: check.Warning, first: "1 cluster with running tasks, which GuardDuty does not list"},
		"as many as allowed":   {coverage: []status.Coverage{covered("1", 98, 100)}, max: 3, want: check.OK},
		"one too many":         {coverage: []status.Coverage{covered("1", 98, 100)}, unlisted: 1, max: 3, want: check.Critical, first: "3 resources not covered, 2 allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &status.Status{Coverage: tc.coverage, Targets: tc.targets, ECSAccounts: tc.ecs}
			s.Summary.UnlistedClusters = tc.unlisted
			for _, c := range tc.coverage {
				s.Summary.UnhealthyClusters += int(c.Resources - c.Healthy)
			}
			limits := thresholds
			limits.MaxUnhealthy = tc.max - 1
			r := check.New(check.Input{Status: s, Thresholds: limits, Problems: tc.problems})
			if r.Level != tc.want {
				t.Errorf("got %v, want %v", r.Level, tc.want)
			}
			problems := r.NotOK()
			if (len(problems) == 0) != (tc.want == check.OK) {
				t.Fatalf("problems: %v", problems)
			}
			if tc.first != "" && problems[0].Text != tc.first {
				t.Errorf("first problem %q, want %q", problems[0].Text, tc.first)
			}
		})
	}
}

// TestExclusions: excluded clusters do not count, and are shown with their exclusion.
func TestExclusions(t *testing.T) {
	key := func(name string) coverage.Key {
		return coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-west-1", Name: name}
	}
	rows := []coverage.Resource{{Key: key("legacy"), Status: coverage.Unhealthy}, {Key: key("shop"), Status: coverage.Healthy}}
	view := coverage.Merge([]coverage.Report{{
		Target: coverage.TargetID{Name: "org", Region: "eu-west-1"}, State: coverage.OK,
		Snapshot: &coverage.Snapshot{Accounts: []string{"111122223333"}, Types: []coverage.ResourceType{coverage.ECS}, Resources: rows},
	}})
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	exclusions := exclusion.Apply(exclusion.Input{Now: now, View: view, Entries: []exclusion.Entry{
		{Name: "old", ClusterName: "legacy", Reason: "is replaced", Until: now},
	}})
	s := status.New(status.Input{Now: now, View: view, Exclusions: exclusions}, status.Query{})
	r := check.New(check.Input{Status: s, Resources: view.Resources, Exclusions: exclusions, Thresholds: check.Thresholds{Warning: 100, Critical: 100}})
	if r.Level != check.OK || r.Uncovered != 0 {
		t.Errorf("%v, %d uncovered: %+v", r.Level, r.Uncovered, r.NotOK())
	}
	for format, want := range map[string]string{
		"plugin":   "GUARDDUTY OK - 1/2 covered | covered=1;;;0;2 uncovered=0;;0;0; worst=100.00%;100:;100:;0;100\n",
		"table":    "legacy   111122223333  eu-west-1         excluded until 2026-11-28: is replaced  \n",
		"csv":      ",legacy,ECS,UNHEALTHY,,,,,,0,0,,old,2026-11-28\n",
		"markdown": "| 111122223333 | eu-west-1 | ECS | 1/2 (1 excluded) | 100% | OK |",
	} {
		if got := write(t, r, format); !strings.Contains(got, want) {
			t.Errorf("%s has no %q:\n%s", format, want, got)
		}
	}
}

// fleet has an account below critical, a failed target and an unhealthy cluster, all with
// characters that formats escape.
func fleet() *check.Result {
	since := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	s := &status.Status{
		SchemaVersion: 1, Verdict: "3 of 5 clusters covered; 1 target not readable",
		Coverage:    []status.Coverage{covered("111122223333", 2, 2), covered("222233334444", 1, 3)},
		Targets:     []status.Target{target("ok"), {Target: "<b>|x", Kind: "coverage", Region: "us-east-1", State: "denied"}},
		ECSAccounts: []status.ECSAccount{},
		UnhealthyClusters: status.List[status.Cluster]{Matched: 2, Rows: []status.Cluster{
			{
				AccountID: "222233334444", Region: "eu-west-1", ClusterName: "=a|<b>", CoverageStatus: "UNHEALTHY", UnhealthySince: &since,
				Issues: []status.Issue{{IssueType: "agent_exited", Issue: "Agent | exited"}},
			},
			{
				AccountID: "222233334444", Region: "eu-west-1", ClusterName: "b", CoverageStatus: "UNHEALTHY",
				Findings: []status.Finding{{Cause: "task_gone", Who: "service owner"}, {Cause: "task_gone", Who: "service owner"}},
			},
		}},
		IssueTypes: []status.IssueType{{IssueType: "agent_exited", Who: "cluster owner"}},
	}
	s.Coverage[1].AccountName = "pay|ments"
	s.Summary.FailedTargets, s.Summary.UnhealthyClusters = 1, 2
	resource := func(account, name string, status coverage.Status, issues ...string) coverage.Resource {
		row := coverage.Row{
			Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: "eu-west-1", Name: name},
			Status: status, ManagementType: "MANUAL", Covered: 1, Compatible: 2, UpdatedAt: since, Issues: issues,
		}
		return coverage.New(row)
	}
	return check.New(check.Input{Status: s, Thresholds: thresholds, Resources: []coverage.Resource{
		resource("111122223333", "shop", coverage.Healthy), resource("222233334444", "=a|<b>", coverage.Unhealthy, "Agent exited", "x, \"y\""),
	}})
}

// TestThresholdsAreExact: coverage that is a threshold is not below it, although
// 57/100*100 is less than 57 in floating point; and 49,999 of 50,000 is not 100 %.
func TestThresholdsAreExact(t *testing.T) {
	result := func(healthy, all int64, warning float64) *check.Result {
		s := &status.Status{Coverage: []status.Coverage{covered("1", healthy, all)}}
		s.Summary.UnhealthyClusters = int(all - healthy)
		return check.New(check.Input{Status: s, Thresholds: check.Thresholds{Warning: warning, MaxUnhealthy: -1}})
	}
	for n := range int64(1001) {
		if r := result(n, 1000, float64(n)/10); r.Level != check.OK {
			t.Errorf("%d of 1000: %v", n, r.Findings[0])
		}
	}
	r := result(49_999, 50_000, 99.999)
	want := "GUARDDUTY WARNING - 49999/50000 covered, worst 99.9% in 1/eu-west-1 | covered=49999;;;0;50000 uncovered=1;;;0; worst=99.99%;99.999:;0:;0;100\n" +
		"WARNING: ECS 1 eu-west-1: 99.9% covered, 49999 of 50000, less than 99.999%\n"
	if got := write(t, r, "plugin"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func write(t *testing.T, r *check.Result, format string) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out, format); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPlugin(t *testing.T) {
	want := `GUARDDUTY CRITICAL - 3/5 covered, 1 target not readable | covered=3;;;0;5 uncovered=2;;;0; worst=33.33%;95:;80:;0;100
CRITICAL: ECS 222233334444 (pay/ments) eu-west-1: 33.3% covered, 1 of 3, less than 80%
UNKNOWN: target <b>/x coverage us-east-1 is not readable: denied
`
	if diff := cmp.Diff(want, write(t, fleet(), "plugin")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPluginLine: the first line has at most 80 characters before the performance data,
// whatever the numbers.
func TestPluginLine(t *testing.T) {
	s := &status.Status{Coverage: []status.Coverage{covered("111122223333", 123456, 1234567)}}
	s.Coverage[0].Region = "ap-southeast-2"
	s.Summary.FailedTargets, s.Summary.UnlistedClusters = 12345, 12345
	line, _, _ := strings.Cut(write(t, check.New(check.Input{Status: s, Thresholds: thresholds}), "plugin"), " |")
	if want := "GUARDDUTY CRITICAL - 123456/1234567 covered, 12345 targets not readable"; line != want {
		t.Errorf("got %q (%d characters), want %q", line, len(line), want)
	}
	s.Summary.FailedTargets = 0
	line, _, _ = strings.Cut(write(t, check.New(check.Input{Status: s, Thresholds: thresholds}), "plugin"), " |")
	if !strings.Contains(line, "12345 not listed") || len(line) > 80 {
		t.Errorf("got %q (%d characters)", line, len(line))
	}
}

func TestTable(t *testing.T) {
	want := `ACCOUNT                   REGION     TYPE  COVERED  PERCENT  LEVEL
111122223333              eu-west-1  ECS   2/2      100%     OK
222233334444 (pay|ments)  eu-west-1  ECS   1/3      33.3%    CRITICAL

CRITICAL: ECS 222233334444 (pay|ments) eu-west-1: 33.3% covered, 1 of 3, less than 80%
UNKNOWN: target <b>|x coverage us-east-1 is not readable: denied

CLUSTER  ACCOUNT       REGION     SINCE                 WHY           WHO
=a|<b>   222233334444  eu-west-1  2026-11-01T02:03:04Z  agent_exited  cluster owner
b        222233334444  eu-west-1                        task_gone     service owner

CRITICAL: 3 of 5 clusters covered; 1 target not readable
`
	if diff := cmp.Diff(want, write(t, fleet(), "table")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMarkdown(t *testing.T) {
	got := write(t, fleet(), "markdown")
	for _, want := range []string{
		"## GuardDuty coverage: CRITICAL\n",
		`| 222233334444 (pay\|ments) | eu-west-1 | ECS | 1/3 | 33.3% | CRITICAL |`,
		`- UNKNOWN: target \<b>\|x coverage us-east-1 is not readable: denied`,
		`| =a\|\<b> | 222233334444 | eu-west-1 | 2026-11-01T02:03:04Z | agent\_exited | cluster owner |`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

// TestCSV: the first columns are those of scripts in use, and no cell is a formula.
func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, fleet(), "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"Account", "Region", "ResourceId", "ResourceType", "CoverageStatus", "Issue", "AccountName", "IssueType", "TaskDefinition", "ManagementType", "Covered", "Compatible", "UpdatedAt", "Exclusion", "ExcludedUntil"},
		{"111122223333", "eu-west-1", "shop", "ECS", "HEALTHY", "", "", "", "", "MANUAL", "1", "2", "2026-11-01T02:03:04Z", "", ""},
		{"222233334444", "eu-west-1", "'=a|<b>", "ECS", "UNHEALTHY", "Agent exited", "pay|ments", "agent_exited", "", "MANUAL", "1", "2", "2026-11-01T02:03:04Z", "", ""},
		{"222233334444", "eu-west-1", "'=a|<b>", "ECS", "UNHEALTHY", `x, "y"`, "pay|ments", "unclassified", "", "MANUAL", "1", "2", "2026-11-01T02:03:04Z", "", ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJUnit(t *testing.T) {
	type testCase struct {
		Name    string    `xml:"name,attr"`
		Failure *struct{} `xml:"failure"`
		Error   *struct{} `xml:"error"`
	}
	var got struct {
		Suites []struct {
			Name     string     `xml:"name,attr"`
			Tests    int        `xml:"tests,attr"`
			Failures int        `xml:"failures,attr"`
			Errors   int        `xml:"errors,attr"`
			Cases    []testCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(write(t, fleet(), "junit")), &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, suite := range got.Suites {
		if suite.Tests != len(suite.Cases) {
			t.Errorf("%s has %d tests, not %d", suite.Name, len(suite.Cases), suite.Tests)
		}
		for _, c := range suite.Cases {
			result := "passed"
			if c.Failure != nil {
				result = "failure"
			} else if c.Error != nil {
				result = "error"
			}
			lines = append(lines, suite.Name+": "+c.Name+": "+result)
		}
	}
	want := []string{
		"coverage: ECS 222233334444 (pay|ments) eu-west-1: failure",
		"coverage: ECS 111122223333 eu-west-1: passed",
		"fleet: uncovered resources: passed",
		"targets: <b>|x coverage us-east-1: error",
		"targets: org coverage eu-west-1: passed",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestJSON: the document is the status.
func TestJSON(t *testing.T) {
	r := fleet()
	var got status.Status
	if err := json.Unmarshal([]byte(write(t, r, "json")), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Status.UnhealthyClusters, got.UnhealthyClusters); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLongLists: formats for people name at most 100 of a list, and count the others.
func TestLongLists(t *testing.T) {
	s := &status.Status{}
	for range 103 {
		s.Coverage = append(s.Coverage, covered("111122223333", 0, 1))
		s.UnhealthyClusters.Rows = append(s.UnhealthyClusters.Rows, status.Cluster{ClusterName: "c"})
	}
	s.UnhealthyClusters.Matched = 103
	r := check.New(check.Input{Status: s, Thresholds: thresholds})
	for format, want := range map[string]int{"plugin": 1, "table": 2, "markdown": 2} {
		if got := write(t, r, format); strings.Count(got, "and 3 more") != want {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := fleet().Write(&bytes.Buffer{}, "yaml"); err == nil {
		t.Error("no error")
	}
}
