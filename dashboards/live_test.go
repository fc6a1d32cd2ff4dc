package dashboards_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// live is the demo, scraped by Prometheus. Since baseline, everything that the
// dashboards show has happened at least once.
type live struct {
	prometheus
	baseline time.Time
}

// TestQueries runs the queries of the dashboards and of the documents on a real
// Prometheus that scrapes the demo.
func TestQueries(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("takes 15 s; make e2e runs it")
	}
	find(t, "prometheus")
	l := startLive(t)
	for file, d := range load(t) {
		t.Run(file, func(t *testing.T) {
			for _, v := range d.Templating.List {
				l.checkVariable(t, d, v)
			}
			for _, p := range d.Panels {
				l.checkPanel(t, d, p)
			}
			for _, a := range d.Annotations.List {
				if _, err := l.instant(t.Context(), l.concrete(d, a.Expr, time.Now()), time.Time{}); err != nil {
					t.Errorf("annotation: %v", err)
				}
			}
			if d.UID != exporterUID {
				l.checkReplicas(t, d)
			}
		})
	}
	t.Run("self metrics", l.checkSelfMetrics)
	t.Run("accounts", l.checkAccounts)
	t.Run("documents", l.checkDocuments)
}

// startLive starts the demo and Prometheus, waits for data, changes, creates and
// deletes a cluster, and waits for the result.
func startLive(t *testing.T) live {
	t.Helper()
	demo := startDemo(t)
	l := live{prometheus: startPrometheus(t, demo.exporter)}
	l.waitForScrape(t, time.Now())
	l.baseline = time.Now()
	l.waitForScrape(t, l.baseline.Add(2*time.Second))

	const where = `"account_id": "111122223333", "region": "us-east-1"`
	demo.change(t, http.MethodDelete, `{`+where+`, "cluster_name": "ci-runners"}`)
	waitFor(t, "the deletion, which the next refresh finds", func() bool {
		found, err := l.instant(t.Context(), `absent(guardduty_ecs_cluster_healthy{account_id="111122223333",region="us-east-1",cluster_name="ci-runners"})`, time.Time{})
		return err == nil && len(found) > 0
	})
	// These send events, which the queries below find for ten seconds.
	demo.change(t, http.MethodPut, `{`+where+`, "cluster_name": "audit-tools", "coverage_status": "UNHEALTHY",
		"management_type": "AUTO_MANAGED", "issues": ["Unidentified issue, for tasks in TaskDefinition - 'audit:1'"]}`)
	demo.change(t, http.MethodPut, `{`+where+`, "cluster_name": "created", "coverage_status": "HEALTHY", "management_type": "AUTO_MANAGED"}`)
	waitFor(t, "the changed clusters", func() bool {
		found, err := l.instant(t.Context(), `count(guardduty_ecs_cluster_healthy{cluster_name="created"}) == 2`, time.Time{})
		return err == nil && len(found) > 0
	})
	waitFor(t, "three scrapes of the transition", func() bool {
		found, err := l.instant(t.Context(), `count(count_over_time(guardduty_coverage_transitions_total[10s]) > 2) >= 2`, time.Time{})
		return err == nil && len(found) > 0
	})
	return l
}

// waitForScrape waits until both replicas were scraped after a time.
func (l live) waitForScrape(t *testing.T, after time.Time) {
	t.Helper()
	waitFor(t, "a scrape", func() bool {
		found, err := l.instant(t.Context(), fmt.Sprintf("count(timestamp(up == 1) > %s) == 2", seconds(after)), time.Time{})
		return err == nil && len(found) > 0
	})
}

// concrete replaces Grafana's variables: all values, and a window since baseline.
func (l live) concrete(d dashboard, expr string, now time.Time) string {
	pairs := []string{"$__rate_interval", "10s", "$__range", fmt.Sprintf("%ds", int(now.Sub(l.baseline).Seconds())), "$__interval", "1s"}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			pairs = append(pairs, "$"+v.Name, v.anyValue())
		}
	}
	return strings.NewReplacer(pairs...).Replace(expr)
}

// query runs a query as its panel does.
func (l live) query(ctx context.Context, d dashboard, q target) ([]result, error) {
	now := time.Now()
	expr := l.concrete(d, q.Expr, now)
	if q.Instant {
		return l.instant(ctx, expr, now)
	}
	return l.between(ctx, expr, l.baseline, now)
}

func (l live) checkVariable(t *testing.T, d dashboard, v variable) {
	t.Helper()
	if v.Type != "query" {
		return
	}
	found, err := l.instant(t.Context(), l.concrete(d, v.expr(), time.Now()), time.Time{})
	if err != nil {
		t.Errorf("variable %s: %v", v.Name, err)
		return
	}
	if !slices.ContainsFunc(found, func(r result) bool { return len(v.option(t, r.Metric)) > 0 }) {
		t.Errorf("variable %s has no values in %v", v.Name, found)
	}
}

// option returns what Grafana shows for a series of the variable's query, or "".
func (v variable) option(t *testing.T, labels map[string]string) string {
	t.Helper()
	if m := labelValues.FindStringSubmatch(v.text()); m != nil {
		return labels[m[2]]
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", name, labels[name]))
	}
	pattern := strings.ReplaceAll(strings.Trim(v.Regex, "/"), "(?<", "(?P<")
	m := regexp.MustCompile(pattern).FindStringSubmatch("{" + strings.Join(pairs, ",") + "} 1 1")
	if m == nil {
		return ""
	}
	return m[1]
}

// TestAccountOptions: accounts are listed by name and number.
func TestAccountOptions(t *testing.T) {
	for file, d := range load(t) {
		for _, v := range d.Templating.List {
			if v.Name != "account_id" {
				continue
			}
			for want, labels := range map[string]map[string]string{
				"shop 1": {"account": "shop 1", "account_id": "1", "account_name": "shop"}, "1": {"account": " 1", "account_id": "1"},
			} {
				if got := v.option(t, labels); got != want {
					t.Errorf("%s: %v is shown as %q", file, labels, got)
				}
			}
		}
	}
}

func (l live) checkPanel(t *testing.T, d dashboard, p panel) {
	t.Helper()
	columns := map[string]bool{"Time": true}
	for _, q := range p.Targets {
		found, err := l.query(t.Context(), d, q)
		if err != nil {
			t.Errorf("panel %q, query %s: %v", p.Title, q.RefID, err)
			continue
		}
		if !slices.ContainsFunc(found, hasNumber) {
			t.Errorf("panel %q, query %s has no data: %s", p.Title, q.RefID, q.Expr)
		}
		for _, series := range found {
			for label := range series.Metric {
				columns[label] = true
			}
		}
		if len(p.Targets) > 1 {
			columns["Value #"+q.RefID] = true
		} else {
			columns["Value"] = true
		}
	}
	if p.Type == "table" {
		checkColumns(t, p, columns)
	}
}

func hasNumber(r result) bool {
	return slices.ContainsFunc(r.numbers(), func(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) })
}

var dataField = regexp.MustCompile(`\$\{__data\.fields\.(\w+)\}`)

// checkColumns requires that the columns which a table configures exist, and that
// every column is placed or hidden.
func checkColumns(t *testing.T, p panel, columns map[string]bool) {
	t.Helper()
	named, titled := make(map[string]bool), make(map[string]bool)
	placed := map[string]bool{"Value": true} // the name of the column while only one query has data
	for _, o := range p.FieldConfig.Overrides {
		named[o.Matcher.Options] = true
		for _, property := range o.Properties {
			titled[o.Matcher.Options] = titled[o.Matcher.Options] || property.ID == "displayName"
		}
	}
	for _, link := range p.dataLinks() {
		for _, m := range dataField.FindAllStringSubmatch(link.URL, -1) {
			named[m[1]] = true
		}
	}
	for _, tr := range p.Transformations {
		for name := range tr.Options.ExcludeByName {
			placed[name] = true
		}
		for name := range tr.Options.IndexByName {
			named[name], placed[name] = true, true
			if !titled[name] && !tr.Options.ExcludeByName[name] {
				t.Errorf("panel %q shows the column %s without a display name", p.Title, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !columns[name] {
			t.Errorf("panel %q has no column %s", p.Title, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if !placed[name] {
			t.Errorf("panel %q neither places nor hides the column %s", p.Title, name)
		}
	}
}

// checkReplicas requires the same result with two replicas as with one.
func (l live) checkReplicas(t *testing.T, d dashboard) {
	t.Helper()
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			both := l.concrete(d, q.Expr, time.Now())
			if diff := l.compareReplicas(t, strings.ReplaceAll(both, "{", `{instance="replica-1", `), both); diff != "" {
				t.Errorf("panel %q, query %s: the result is different with two replicas (-one +two):\n%s", p.Title, q.RefID, diff)
			}
		}
	}
}

// values returns the result of an instant query by labels.
func (l live) values(t *testing.T, expr string, at time.Time) map[string][]float64 {
	t.Helper()
	found, err := l.instant(t.Context(), expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	all := make(map[string][]float64)
	for _, r := range found {
		all[fmt.Sprint(r.Metric)] = r.numbers()
	}
	return all
}

// checkSelfMetrics compares selfMetrics with the metrics of the exporter.
func (l live) checkSelfMetrics(t *testing.T) {
	for name, labels := range selfMetrics() {
		found, err := l.series(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 && name != "guardduty_exporter_aws_request_failures_total" { // nothing has failed
			t.Errorf("the exporter has no %s", name)
		}
		want := append([]string{"__name__", "instance", "job"}, labels...)
		for _, series := range found {
			for label := range series {
				if !slices.Contains(want, label) {
					t.Errorf("%s also has the label %s", name, label)
				}
			}
		}
	}
}

// checkAccounts checks the states and names of the demo's accounts.
func (l live) checkAccounts(t *testing.T) {
	got := make(map[string]float64)
	found, err := l.instant(t.Context(), queryOf(t, overviewFile, accountsPanel), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		if r.Metric["region"] == "eu-west-1" {
			got[strings.Join([]string{r.Metric["account_id"], r.Metric["account_name"], r.Metric["detail"]}, ", ")] = r.numbers()[0]
		}
	}
	want := map[string]float64{
		"111122223333, security, –": 2, "222233334444, payments, –": 2, "333344445555, shop, –": 2,
		"444455556666, data, –": 2, "999988887777, –, –": 2,
		"555566667777, sandbox, no resources":              1,
		"666677778888, playground, RUNTIME_MONITORING off": 0,
		"777788889999, legacy, not an enabled member":      0,
		"888899990000, –, not an enabled member":           0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts of eu-west-1 (-want +got):\n%s", diff)
	}
}
