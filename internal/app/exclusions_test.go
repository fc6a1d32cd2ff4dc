package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// TestExclusions has an exclusion, one that has ended and one that matches nothing; then all are removed.
func TestExclusions(t *testing.T) {
	t.Parallel()
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	yaml := twoTargets + fmt.Sprintf(`
exclusions:
  - {name: active, account_id: "222233334444", cluster_name: pay*, reason: replaced next year, until: %s, owner: payments}
  - {name: ended, cluster_name: checkout, reason: replaced last year, until: %s}
  - {name: unused, cluster_name: nowhere, reason: replaced last year, until: %s}
`, day(2), day(-1), day(400))
	e := start(t, administratorWorld(), yaml)
	e.untilReady()
	const excluded = `guardduty_ecs_cluster_excluded{account_id="222233334444",cluster_name="payments",exclusion="active",region="us-east-1"} 1`
	for _, sample := range []string{
		excluded,
		`guardduty_ecs_cluster_healthy{account_id="222233334444",cluster_name="payments",region="us-east-1"} 0`,
		`guardduty_coverage_percent{account_id="222233334444",region="us-east-1",resource_type="ECS"} 33.33333333333333`,
		`guardduty_coverage_in_scope_percent{account_id="222233334444",region="us-east-1",resource_type="ECS"} 50`,
		`guardduty_exclusion_info{exclusion="active",issue_type="",owner="payments",ticket=""} 1`,
		`guardduty_exclusion_matches{exclusion="active"} 1`,
		`guardduty_exclusion_matches{exclusion="unused"} 0`,
	} {
		e.untilMetric(sample)
	}
	page := e.metrics()
	if strings.Count(page, "\nguardduty_ecs_cluster_excluded{") != 1 || strings.Contains(page, `guardduty_exclusion_matches{exclusion="ended"}`) {
		t.Errorf("an exclusion that has ended is applied:\n%s", page)
	}
	for path, want := range map[string]string{
		"/api/v1/status": `"excluded_clusters": 1,`, "/": "excluded until " + day(2) + ": replaced next year",
	} {
		if status, body := e.request(http.MethodGet, path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %s:\n%s", path, status, want, body)
		}
	}
	e.setConfig(strings.Replace(yaml, "pay*", "pays", 1))
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	if page := e.metrics(); strings.Contains(page, excluded) || !strings.Contains(page, "\n"+`guardduty_exclusion_matches{exclusion="active"} 0`+"\n") {
		t.Errorf("the new pattern is not applied:\n%s", page)
	}
	if n := strings.Count(e.log.String(), "exclusion has ended"); n != 1 {
		t.Errorf("the end is logged %d times", n)
	}
	e.setConfig(twoTargets)
	e.request(http.MethodPost, "/-/reload")
	if page := e.metrics(); strings.Contains(page, "\nguardduty_exclusion_") {
		t.Errorf("removed exclusions are exported:\n%s", page)
	}
}

// TestPageExpiresWithAnExclusion: a page is not served after the end of an exclusion that it shows.
func TestPageExpiresWithAnExclusion(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2027, 3, day, 0, 0, 0, 0, time.UTC) }
	entry := func(day int, ended bool) exclusion.Status {
		return exclusion.Status{Entry: &exclusion.Entry{Until: at(day)}, Ended: ended}
	}
	if got := nextEnd(exclusion.Result{Entries: []exclusion.Status{entry(1, true), entry(9, false), entry(5, false)}}); !got.Equal(at(6)) {
		t.Errorf("the next end is %s, want %s", got, at(6))
	}
	never := time.Time{}
	for _, tc := range []struct{ a, b, want time.Time }{
		{never, never, never},
		{at(1), never, at(1)},
		{never, at(1), at(1)},
		{at(1), at(2), at(1)},
		{at(2), at(1), at(1)},
	} {
		if got := earliest(tc.a, tc.b); !got.Equal(tc.want) {
			t.Errorf("the earlier of %s and %s is %s", tc.a, tc.b, got)
		}
	}
}
