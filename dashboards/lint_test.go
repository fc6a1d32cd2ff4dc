package dashboards_test

import (
	"bytes"
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
	return append([]rule{
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
	}, designRules()...)
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

// violation is a change of a dashboard that violates a rule.
type violation struct{ file, old, broken string }

// violations returns at least one violation of each rule.
func violations() map[string][]violation {
	const exporter, overview, cluster = "exporter.json", overviewFile, "cluster.json"
	return map[string][]violation{
		"template-datasource-rule":            {{exporter, `"label": "Data source"`, `"label": "Source"`}},
		"template-job-rule":                   {{exporter, `"label": "Job"`, `"label": "Task"`}, {exporter, `"allValue": "",`, `"allValue": ".+",`}},
		"template-instance-rule":              {{exporter, `"name": "instance"`, `"name": "pod"`}},
		"template-label-promql-rule":          {{exporter, `"query": "label_values(`, `"query": "values(`}, {overview, `(?<text>`, `(?<name>`}},
		"template-on-time-change-reload-rule": {{exporter, `"refresh": 2`, `"refresh": 1`}},
		"panel-datasource-rule":               {{exporter, `"uid": "${datasource}"`, `"uid": "prometheus"`}},
		"panel-title-description-rule":        {{exporter, `"title": "Memory"`, `"title": ""`}},
		"panel-units-rule":                    {{exporter, `"unit": "reqps"`, `"unit": "requests"`}, {overview, `"unit": "locale"`, `"unit": "short"`}},
		"panel-no-targets-rule":               {{exporter, `"refId": "A"`, `"refId": ""`}},
		"target-rate-interval-rule":           {{exporter, `rate(process_cpu_seconds_total{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]`, `rate(process_cpu_seconds_total{job=~\"$job\", instance=~\"$instance\"}[5m]`}},
		"target-counter-agg-rule":             {{exporter, `rate(process_cpu_seconds_total`, `delta(process_cpu_seconds_total`}},
		"target-job-rule":                     {{exporter, `up{job=~\"$job\"`, `up{job=\"guardduty\"`}},
		"target-instance-rule":                {{exporter, `, instance=~\"$instance\"`, ``}},
		"uneditable-dashboard-rule":           {{exporter, `"editable": false`, `"editable": true`}},
		"grid":                                {{exporter, `"x": 12`, `"x": 11`}},
		"identity":                            {{exporter, `"id": 7,`, `"id": 8,`}},
		"panel-types":                         {{exporter, `"type": "timeseries"`, `"type": "graph"`}},
		"links":                               {{exporter, `"keepTime": true`, `"keepTime": false`}, {overview, `/d/` + exporterUID, `/d/other`}},
		"variables":                           {{exporter, `"allValue": ".*"`, `"allValue": ""`}, {cluster, `"includeAll": false,`, `"includeAll": true,`}},
		"replicas":                            {{overview, `max by (account_id, region, cluster_name) (guardduty_ecs`, `sum by (account_id, region, cluster_name) (guardduty_ecs`}},
		"resource-types":                      {{overview, `sum by (resource_type) (`, `sum(`}},
		"no-data":                             {{overview, `"match": "null+nan"`, `"match": "nan"`}, {overview, `"displayName": "${__field.labels.cause}"`, `"noValue": "No causes"`}},
		"palette":                             {{overview, `"color": "orange"`, `"color": "#EAB839"`}, {exporter, `"text": "no_detector",`, `"text": "denied",`}},
		"meanings": {
			{exporter, `"options": "denied"`, `"options": "denial"`},
			{overview, `"fixedColor": "red"`, `"fixedColor": "green"`},
			{overview, `"color": "orange"`, `"color": "green"`},
			{overview, `{{cluster_name}} {{region}} {{account_id}}`, `{{issue_type}}`},
		},
		"too-many-series":    {{cluster, `topk(20, 1 - min`, `(1 - min`}, {exporter, `topk(20, time()`, `(time()`}},
		"bars":               {{overview, `"displayName": "${__field.labels.who}"`, `"unit": "none"`}, {overview, `bottomk(9, `, `bottomk(25, `}, {overview, `topk(9, `, `(`}},
		"columns":            {{overview, `\"owner\", \"–\"`, `\"owner\", \"\"`}, {exporter, ` or on (target, kind, account_id, region) NaN`, ` or NaN`}},
		"widths":             {{overview, `"value": 410`, `"value": 210`}, {overview, `"value": 410`, `"value": 610`}},
		"ages":               {{overview, `"value": 1200`, `"value": 1800`}, {overview, `"value": 3000`, `"value": 3600`}},
		"whole-numbers":      {{exporter, `round(sum(increase(guardduty_exporter_events_received_total`, `(sum(increase(guardduty_exporter_events_received_total`}},
		"legends":            {{exporter, `"placement": "right"`, `"placement": "bottom"`}},
		"alerts":             {{exporter, `"enable": true`, `"enable": false`}},
		"tiles":              {{overview, `"title": "Exporter"`, `"title": "Process"`}, {cluster, `/d/` + exporterUID, `/d/` + overviewUID}},
		"overview-variables": {{overview, `"name": "resource_type"`, `"name": "cluster_name"`}},
	}
}

// TestRulesFindViolations changes dashboards so that they violate each rule.
func TestRulesFindViolations(t *testing.T) {
	for name, list := range violations() {
		i := slices.IndexFunc(rules(), func(r rule) bool { return r.name == name })
		if i < 0 {
			t.Errorf("no rule %s", name)
			continue
		}
		for _, v := range list {
			whole, err := os.ReadFile(v.file)
			if err != nil {
				t.Fatal(err)
			}
			found := false // by a change of one of the occurrences
			for from := 0; !found; {
				at := bytes.Index(whole[from:], []byte(v.old))
				if at < 0 {
					break
				}
				from += at
				broken := slices.Concat(whole[:from], []byte(v.broken), whole[from+len(v.old):])
				found = len(rules()[i].check(parse(t, broken))) > 0
				from += len(v.old)
			}
			if !found {
				t.Errorf("%s does not report %s in the place of any %s of %s", name, v.broken, v.old, v.file)
			}
		}
	}
	for _, r := range rules() {
		if len(violations()[r.name]) == 0 {
			t.Errorf("%s has no violation", r.name)
		}
	}
}

// TestOnePalette: a text or a series of one name has one colour in all dashboards.
func TestOnePalette(t *testing.T) {
	var whole dashboard
	for _, d := range load(t) {
		whole.Panels = append(whole.Panels, d.Panels...)
	}
	for _, wrong := range checkPalette(whole) {
		t.Error(wrong)
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

// checkCounter also allows last_over_time, with which a query finds out what exists.
func checkCounter(s selector) string {
	if counterName.MatchString(s.metric) && !slices.Contains([]string{"rate", "irate", "increase", "last_over_time"}, s.function) {
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

// checkReplicas requires that each metric is aggregated with max by (…) or min by
// (…), which drop job and instance.
func checkReplicas(t target) string {
	flat := aggregated.ReplaceAllString(t.Expr, "")
	if left := read(flat).selectors; len(left) > 0 {
		return left[0].metric + " is not aggregated with max by (…)"
	}
	return ""
}

var aggregated = regexp.MustCompile(`(?:max|min) by \([\w, ]+\) \((?:\w+\()?\w*\{[^}]*\}(?:\[\$\w+\])?(?: @ end\(\))?\)?(?: offset \$__range)?\)`)

// checkResourceTypes requires that resources of different types are never added
// up, and that percentages are computed from sums.
func checkResourceTypes(t target) string {
	counts := slices.ContainsFunc(read(t.Expr).selectors, func(s selector) bool {
		return s.metric == "guardduty_coverage_resources" && !slices.ContainsFunc(s.matchers, oneType.MatchString)
	})
	for _, m := range added.FindAllStringSubmatch(countedRows.ReplaceAllString(t.Expr, ""), -1) {
		if counts && !strings.Contains(m[1], "resource_type") {
			return "adds up resources of different types"
		}
	}
	if averaged.MatchString(t.Expr) || strings.Contains(t.Expr, "(guardduty_coverage_percent") && added.MatchString(t.Expr) {
		return "averages or adds up percentages"
	}
	return ""
}

var (
	countedRows = regexp.MustCompile(`^sum\(\(.*\) == bool \d\)$`) // of accounts, not of resources
	oneType     = regexp.MustCompile(`^resource_type="\w+"$`)
	averaged    = regexp.MustCompile(`\bavg\b|avg_over_time\(guardduty_coverage_`)
	added       = regexp.MustCompile(`\b(?:sum|count)\b(?: by \(([\w, ]+)\))?`)
)
