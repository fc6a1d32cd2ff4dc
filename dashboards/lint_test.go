package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is a check of a dashboard that returns the violations.
type rule struct {
	name  string
	check func(d dashboard) []string
}

// rules returns the rules of dashboard-linter, under its names, followed by
// those of Grafana and our own. target-logql-rule does not apply because there is
// no Loki; TestQueries covers target-promql-rule.
func rules() []rule {
	return []rule{
		{"template-datasource-rule", checkDatasourceVariable},
		{"template-job-rule", func(d dashboard) []string { return checkScrapeVariable(d, "job") }},
		{"template-instance-rule", func(d dashboard) []string { return checkScrapeVariable(d, "instance") }},
		{"template-label-promql-rule", checkVariableQueries},
		{"template-on-time-change-reload-rule", checkVariableReload},
		{"panel-datasource-rule", checkDatasources},
		{"panel-title-description-rule", eachPanel(checkTexts)},
		{"panel-units-rule", eachPanel(checkUnit)},
		{"panel-no-targets-rule", eachPanel(checkTargets)},
		{"target-rate-interval-rule", eachSelector(checkRateInterval)},
		{"target-counter-agg-rule", eachSelector(checkCounter)},
		{"target-job-rule", eachSelector(func(s selector) string { return checkMatcher(s, "job") })},
		{"target-instance-rule", eachSelector(func(s selector) string { return checkMatcher(s, "instance") })},
		{"uneditable-dashboard-rule", checkSettings},
		{"grid", checkGrid},
		{"identity", checkIDs},
		{"panel-types", eachPanel(checkType)},
		{"links", checkLinks},
		{"variables", checkVariables},
		{"replicas", eachTarget(checkReplicas)},
		{"resource-types", eachTarget(checkResourceTypes)},
	}
}

// excluded returns the rules that do not apply to a dashboard, with the reason.
func excluded() map[string]map[string]string {
	const clusters = "the queries take the maximum over job and instance"
	domain := map[string]string{
		"template-job-rule": clusters, "template-instance-rule": clusters,
		"target-job-rule": clusters, "target-instance-rule": clusters,
	}
	return map[string]map[string]string{
		overviewUID: domain,
		clusterUID:  domain,
		exporterUID: {"replicas": "requests and memory of replicas add up; queries about targets take the maximum"},
	}
}

func TestRules(t *testing.T) {
	for file, d := range load(t) {
		for _, r := range rules() {
			wrong := r.check(d)
			if reason, ok := excluded()[d.UID][r.name]; ok {
				if len(wrong) == 0 {
					t.Errorf("%s: %s is not violated and need not be excluded (%s)", file, r.name, reason)
				}
				continue
			}
			for _, w := range wrong {
				t.Errorf("%s: %s: %s", file, r.name, w)
			}
		}
	}
}

// TestRulesFindViolations changes a dashboard so that it violates each rule.
func TestRulesFindViolations(t *testing.T) {
	whole, err := os.ReadFile("exporter.json")
	if err != nil {
		t.Fatal(err)
	}
	overview, err := os.ReadFile("coverage-overview.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ old, broken string }{
		"template-datasource-rule":            {`"label": "Data source"`, `"label": "Source"`},
		"template-job-rule":                   {`"label": "Job"`, `"label": "Task"`},
		"template-instance-rule":              {`"name": "instance"`, `"name": "pod"`},
		"template-label-promql-rule":          {`"query": "label_values(`, `"query": "values(`},
		"template-on-time-change-reload-rule": {`"refresh": 2`, `"refresh": 1`},
		"panel-datasource-rule":               {`"uid": "${datasource}"`, `"uid": "prometheus"`},
		"panel-title-description-rule":        {`"title": "Memory"`, `"title": ""`},
		"panel-units-rule":                    {`"unit": "reqps"`, `"unit": "requests"`},
		"panel-no-targets-rule":               {`"refId": "A"`, `"refId": ""`},
		"target-rate-interval-rule":           {`[$__rate_interval]`, `[5m]`},
		"target-counter-agg-rule":             {`rate(process_cpu_seconds_total`, `delta(process_cpu_seconds_total`},
		"target-job-rule":                     {`up{job=~\"$job\"`, `up{job=\"guardduty\"`},
		"target-instance-rule":                {`, instance=~\"$instance\"`, ``},
		"uneditable-dashboard-rule":           {`"editable": false`, `"editable": true`},
		"grid":                                {`"x": 12`, `"x": 11`},
		"identity":                            {`"id": 7,`, `"id": 8,`},
		"panel-types":                         {`"type": "timeseries"`, `"type": "graph"`},
		"links":                               {`"keepTime": true`, `"keepTime": false`},
		"variables":                           {`"allValue": ".*"`, `"allValue": ""`},
		"replicas":                            {`max by (account_id, region, cluster_name) (guardduty_ecs`, `sum by (account_id, region, cluster_name) (guardduty_ecs`},
		"resource-types":                      {`sum by (resource_type) (`, `sum(`},
	} {
		from := whole
		if name == "replicas" || name == "resource-types" {
			from = overview
		}
		text := bytes.Replace(from, []byte(tc.old), []byte(tc.broken), 1)
		if bytes.Equal(text, from) {
			t.Errorf("%s: %s not found", name, tc.old)
			continue
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == name })
		if len(rules()[i].check(d)) == 0 {
			t.Errorf("%s does not report %s", name, tc.broken)
		}
	}
	if len(rules()) != 21 {
		t.Errorf("%d rules, want 21; add a case for each rule", len(rules()))
	}
}

func eachPanel(check func(p panel) string) func(d dashboard) []string {
	return func(d dashboard) []string {
		var wrong []string
		for _, p := range d.Panels {
			if w := check(p); w != "" && p.Type != "row" {
				wrong = append(wrong, fmt.Sprintf("panel %q: %s", p.Title, w))
			}
		}
		return wrong
	}
}

func eachTarget(check func(t target) string) func(d dashboard) []string {
	return eachPanel(func(p panel) string {
		var wrong []string
		for _, t := range p.Targets {
			if w := check(t); w != "" {
				wrong = append(wrong, t.RefID+": "+w)
			}
		}
		return strings.Join(wrong, "; ")
	})
}

func eachSelector(check func(s selector) string) func(d dashboard) []string {
	return eachTarget(func(t target) string {
		var wrong []string
		for _, s := range read(t.Expr).selectors {
			if w := check(s); w != "" {
				wrong = append(wrong, s.metric+" "+w)
			}
		}
		return strings.Join(wrong, "; ")
	})
}

func checkRateInterval(s selector) string {
	if slices.Contains([]string{"rate", "irate"}, s.function) && s.window != "$__rate_interval" {
		return "has a rate over " + s.window
	}
	return ""
}

var counterName = regexp.MustCompile(`_(total|bucket|sum|count)$`)

func checkCounter(s selector) string {
	if counterName.MatchString(s.metric) && !slices.Contains([]string{"rate", "irate", "increase"}, s.function) {
		return "is a counter without rate or increase"
	}
	return ""
}

func checkMatcher(s selector, name string) string {
	if want := fmt.Sprintf("%s=~\"$%s\"", name, name); !slices.Contains(s.matchers, want) {
		return "has no matcher " + want
	}
	return ""
}

// checkReplicas requires that each metric is aggregated with max by (…), which
// drops job and instance.
func checkReplicas(t target) string {
	flat := aggregated.ReplaceAllString(t.Expr, "")
	if left := read(flat).selectors; len(left) > 0 {
		return left[0].metric + " is not aggregated with max by (…)"
	}
	return ""
}

var aggregated = regexp.MustCompile(`max by \([\w, ]+\) \((?:changes\()?\w*\{[^}]*\}(?:\[\$\w+\])?\)?(?: offset \$window)?\)`)

// checkResourceTypes requires that resources of different types are never added
// up, and that percentages are computed from sums.
func checkResourceTypes(t target) string {
	counts := slices.ContainsFunc(read(t.Expr).selectors, func(s selector) bool {
		return s.metric == "guardduty_coverage_resources" && !slices.ContainsFunc(s.matchers, oneType.MatchString)
	})
	for _, m := range added.FindAllStringSubmatch(t.Expr, -1) {
		if counts && !strings.Contains(m[1], "resource_type") {
			return "adds up resources of different types"
		}
	}
	if strings.Contains(t.Expr, "avg") || strings.Contains(t.Expr, "(guardduty_coverage_percent") && added.MatchString(t.Expr) {
		return "averages or adds up percentages"
	}
	return ""
}

var (
	oneType = regexp.MustCompile(`^resource_type="\w+"$`)
	added   = regexp.MustCompile(`\b(?:sum|count)\b(?: by \(([\w, ]+)\))?`)
)
