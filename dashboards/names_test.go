package dashboards_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// selfMetrics returns the exporter's own metrics and those of its scrape that the
// dashboards may use, with their labels. TestQueries compares them with a running
// exporter.
func selfMetrics() map[string][]string {
	call := []string{"aws_service", "operation", "region"}
	return map[string][]string{
		"guardduty_exporter_aws_requests_total":                           call,
		"guardduty_exporter_aws_request_failures_total":                   append(slices.Clone(call), "reason"),
		"guardduty_exporter_aws_request_duration_seconds_bucket":          append(slices.Clone(call), "le"),
		"guardduty_exporter_build_info":                                   {"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
		"guardduty_exporter_config_last_reload_successful":                {},
		"guardduty_exporter_web_config_last_reload_successful":            {},
		"guardduty_exporter_config_last_reload_success_timestamp_seconds": {},
		"guardduty_exporter_unclassified_issues_total":                    {},
		"guardduty_exporter_log_lines_dropped_total":                      {},
		"guardduty_exporter_events_received_total":                        {},
		"guardduty_exporter_events_applied_total":                         {},
		"guardduty_exporter_events_discarded_total":                       {"reason"},
		"guardduty_exporter_event_lag_seconds_bucket":                     {"le"},
		"guardduty_event_queue_up":                                        {"queue"},
		"guardduty_coverage_transitions_total":                            {"account_id", "region", "coverage_status"},
		"go_goroutines":                                                   {},
		"go_memstats_heap_alloc_bytes":                                    {},
		"process_cpu_seconds_total":                                       {},
		"process_resident_memory_bytes":                                   {},
		"promhttp_metric_handler_requests_total":                          {"code"},
		"up":                                                              {},
	}
}

// metrics returns every metric that the dashboards may use, with its labels in
// Prometheus.
func metrics() map[string][]string {
	all := selfMetrics()
	for _, family := range collector.Families("team") { // the tag that the dashboards call owner
		all[family.Name] = family.Labels
	}
	for name, labels := range all {
		all[name] = append(slices.Clone(labels), "job", "instance")
	}
	return all
}

// unknownNames returns the unknown metrics and labels of a query.
func unknownNames(expr string) []string {
	known, q := metrics(), read(expr)
	var wrong []string
	labels := slices.Clone(q.made)
	for _, s := range q.selectors {
		has, ok := known[s.metric]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("unknown metric %s", s.metric))
		}
		labels = append(labels, has...)
		for _, label := range s.labels() {
			if ok && !slices.Contains(has, label) {
				wrong = append(wrong, fmt.Sprintf("%s has no label %s", s.metric, label))
			}
		}
	}
	for _, label := range q.grouping {
		if !slices.Contains(labels, label) {
			wrong = append(wrong, fmt.Sprintf("no metric in the query has the label %s", label))
		}
	}
	return wrong
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

func TestNamesExist(t *testing.T) {
	for file, d := range load(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				for _, wrong := range append(unknownNames(target.Expr), unknownLegend(p, target)...) {
					t.Errorf("%s: panel %q, query %s: %s", file, p.Title, target.RefID, wrong)
				}
			}
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			for _, wrong := range unknownNames(v.expr()) {
				t.Errorf("%s: variable %s: %s", file, v.Name, wrong)
			}
		}
	}
}

// expr returns a query with the values of the variable.
func (v variable) expr() string {
	if m := queryResult.FindStringSubmatch(v.text()); m != nil {
		return m[1]
	}
	m := labelValues.FindStringSubmatch(v.text())
	return fmt.Sprintf("count by (%s) (%s)", m[2], m[1])
}

var shownLabel = regexp.MustCompile(`\{\{(\w+)\}\}|\$\{__field\.labels\.(\w+)\}`)

// unknownLegend returns the labels that the legend of a query, or the links of
// its panel's fields, use although the query's aggregations drop them.
func unknownLegend(p panel, q target) []string {
	text := q.LegendFormat
	for _, link := range p.FieldConfig.Defaults.Links {
		text += link.URL
	}
	parts := read(q.Expr)
	has := slices.Concat(parts.grouping, parts.made)
	if len(has) == 0 { // no aggregation
		for _, s := range parts.selectors {
			has = append(has, metrics()[s.metric]...)
		}
	}
	var wrong []string
	for _, m := range shownLabel.FindAllStringSubmatch(text, -1) {
		if label := m[1] + m[2]; !slices.Contains(has, label) {
			wrong = append(wrong, fmt.Sprintf("the legend or a link uses the label %s, which the query drops", label))
		}
	}
	return wrong
}

func TestUnknownLegend(t *testing.T) {
	for legend, want := range map[string]int{
		"": 0, "{{region}}": 0, "{{region}} {{job}}": 1, "${__field.labels.issue_type}": 1,
	} {
		q := target{Expr: `max by (region) (guardduty_target_up)`, LegendFormat: legend}
		if got := unknownLegend(panel{}, q); len(got) != want {
			t.Errorf("%s: %q, want %d", legend, got, want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for expr, want := range map[string]int{
		`guardduty_target_up{region="a"}`:                           0,
		`guardduty_target_ip{region="a"}`:                           1,
		`guardduty_target_up{cluster_name="a"}`:                     1,
		`max by (target, cluster_name) (guardduty_target_up)`:       1,
		`guardduty_target_up and on (state) guardduty_target_state`: 0,
	} {
		if got := unknownNames(expr); len(got) != want {
			t.Errorf("%s: %q, want %d", expr, got, want)
		}
	}
}

// longestStep is how many characters of a step a column shows.
const longestStep = 50

var stepText = regexp.MustCompile(`"(\w+)": \{\s*"index": \d+,\s*"text": "([^"]*)"`)

// TestRecommendedSteps: the issue tables have a step for every issue type, and
// their links exist in the runbook.
func TestRecommendedSteps(t *testing.T) {
	// Three tables on the overview, two on the cluster dashboard.
	checkSteps(t, "recommended_step", "issues.md", coverage.IssueTypes(), 5)
}

// TestFixes: the tables of causes have a fix for every cause, with a link.
func TestFixes(t *testing.T) {
	var causes []diagnosis.Cause
	for _, c := range diagnosis.Causes() {
		causes = append(causes, c.Cause)
	}
	checkSteps(t, "fix", "causes.md", causes, 2)
}

// checkSteps checks that a column of so many tables has a text for each name, and
// links to the document, which has a section for each. Texts for other names need an
// anchor there.
func checkSteps[S ~string](t *testing.T, column, document string, names []S, tables int) {
	t.Helper()
	text, err := os.ReadFile("../docs/" + document)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.Contains(string(text), fmt.Sprintf("\n## %s\n", name)) {
			t.Errorf("docs/%s has no section %s", document, name)
		}
	}
	found := 0
	for file, d := range load(t) {
		for _, p := range d.Panels {
			for _, o := range p.FieldConfig.Overrides {
				if o.Matcher.Options != column {
					continue
				}
				found++
				properties := make(map[string]string)
				for _, property := range o.Properties {
					properties[property.ID] = string(property.Value)
				}
				if !strings.Contains(properties["links"], "/docs/"+document+"#${__value.raw}") {
					t.Errorf("%s: panel %q: %s does not link to %s", file, p.Title, column, document)
				}
				has := make(map[S]bool)
				for _, m := range stepText.FindAllStringSubmatch(properties["mappings"], -1) {
					has[S(m[1])] = true
					if len(m[2]) > longestStep {
						t.Errorf("%s: panel %q cuts %q, which has %d characters, more than %d", file, p.Title, m[2], len(m[2]), longestStep)
					}
					if !slices.Contains(names, S(m[1])) && !strings.Contains(string(text), `<a id="`+m[1]+`">`) {
						t.Errorf("%s: panel %q links to #%s, which %s does not have", file, p.Title, m[1], document)
					}
				}
				for _, name := range names {
					if !has[name] {
						t.Errorf("%s: panel %q: %s has no text for %s", file, p.Title, column, name)
					}
				}
			}
		}
	}
	if found != tables {
		t.Errorf("%d tables have the column %s, want %d", found, column, tables)
	}
}

// TestAllMetricsAreShown: every metric is used in a dashboard.
func TestAllMetricsAreShown(t *testing.T) {
	used := make(map[string]bool)
	for _, d := range load(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				for _, s := range read(target.Expr).selectors {
					used[s.metric] = true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(metrics())) {
		if !used[name] {
			t.Errorf("%s is in no panel", name)
		}
	}
}
