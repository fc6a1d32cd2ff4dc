package dashboards_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const variableUID = "${datasource}"

func checkDatasourceVariable(d dashboard) []string {
	for _, v := range d.Templating.List {
		if v.Type == "datasource" && v.Name == "datasource" && v.Label == "Data source" && v.text() == "prometheus" {
			return nil
		}
	}
	return []string{"no variable datasource of type prometheus with label Data source"}
}

// checkScrapeVariable checks the variable job or instance. dashboard-linter wants
// .+ for all, which would match Prometheus itself; without a value for all, Grafana
// takes the values that the query of the variable finds.
func checkScrapeVariable(d dashboard, name string) []string {
	for _, v := range d.Templating.List {
		if v.Name == name && strings.EqualFold(v.Label, name) && v.Type == "query" && v.Multi && v.IncludeAll && v.AllValue == "" {
			return nil
		}
	}
	return []string{"no multi-value variable " + name + " with its own values for all"}
}

func checkVariableQueries(d dashboard) []string {
	var wrong []string
	for _, v := range d.Templating.List {
		named := queryResult.MatchString(v.text()) && namedGroups.MatchString(v.Regex)
		if v.Type == "query" && !labelValues.MatchString(v.text()) && !named {
			wrong = append(wrong, v.Name+" is not label_values(selector, label), nor query_result(query) with a text and a value")
		}
	}
	return wrong
}

var (
	queryResult = regexp.MustCompile(`^query_result\((.+)\)$`)
	namedGroups = regexp.MustCompile(`^/.*\(\?<text>.+\(\?<value>.+/$`)
)

func checkVariableReload(d dashboard) []string {
	var wrong []string
	for _, v := range d.Templating.List {
		if v.Type == "query" && v.Refresh != 2 {
			wrong = append(wrong, v.Name+" is not refreshed when the time range changes")
		}
	}
	return wrong
}

// checkVariables requires that variables are complete and chained: the query of
// each is filtered by those before it.
func checkVariables(d dashboard) []string {
	var wrong []string
	chains := map[string][]string{
		"region": {"account_id"}, "resource_type": {"account_id", "region"}, "cluster_name": {"account_id", "region"}, "instance": {"job"},
	}
	seen := make(map[string]bool)
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			needsAll := d.UID != clusterUID || v.Name != "cluster_name"
			ownValues := v.Name == "job" || v.Name == "instance"
			if !v.Multi || v.IncludeAll != needsAll || (v.AllValue == ".*") != (needsAll && !ownValues) || v.Label == "" || v.Definition != v.text() {
				wrong = append(wrong, v.Name+" is not complete")
			}
			for _, before := range chains[v.Name] {
				if seen[before] && !strings.Contains(v.text(), fmt.Sprintf("%s=~\"$%s\"", before, before)) {
					wrong = append(wrong, v.Name+" is not filtered by "+before)
				}
			}
		}
		seen[v.Name] = true
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			for _, name := range variableName.FindAllStringSubmatch(t.Expr, -1) {
				if !seen[name[1]] && !slices.Contains([]string{"__rate_interval", "__range", "__interval"}, name[1]) {
					wrong = append(wrong, fmt.Sprintf("panel %q uses the unknown variable $%s", p.Title, name[1]))
				}
			}
		}
	}
	return wrong
}

var variableName = regexp.MustCompile(`\$([a-zA-Z_]\w*)`)

func checkDatasources(d dashboard) []string {
	want := datasource{Type: "prometheus", UID: variableUID}
	var wrong []string
	for _, p := range d.Panels {
		if p.Type != "row" && p.Datasource != want {
			wrong = append(wrong, fmt.Sprintf("panel %q", p.Title))
		}
		for _, t := range p.Targets {
			if t.Datasource != want {
				wrong = append(wrong, fmt.Sprintf("panel %q, query %s", p.Title, t.RefID))
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" && v.Datasource != want {
			wrong = append(wrong, "variable "+v.Name)
		}
	}
	return wrong
}

func checkTexts(p panel) string {
	if p.Title == "" || p.Description == "" {
		return "title or description is missing"
	}
	return ""
}

// checkUnit allows the units that the dashboards need, without short, which shows
// 1640 as 1.64 K. Source: Grafana's
// packages/grafana-data/src/valueFormats/categories.ts.
func checkUnit(p panel) string {
	units := []string{"none", "locale", "percent", "s", "bytes", "reqps", "dateTimeFromNow", "dateTimeAsIso"}
	if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
		return fmt.Sprintf("%q is not a unit", p.FieldConfig.Defaults.Unit)
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" && !slices.Contains(units, strings.Trim(string(property.Value), `"`)) {
				return string(property.Value) + " is no unit"
			}
		}
	}
	return ""
}

func checkTargets(p panel) string {
	seen := make(map[string]bool)
	for _, t := range p.Targets {
		if t.RefID == "" || seen[t.RefID] || t.Expr == "" || t.Instant == t.Range {
			return "a query without refId or expr, or neither instant nor range"
		}
		seen[t.RefID] = true
	}
	if len(p.Targets) == 0 {
		return "no queries"
	}
	return ""
}

func checkSettings(d dashboard) []string {
	if d.Editable == nil || *d.Editable || d.Refresh == "" || d.Time.From == "" || d.Time.To != "now" ||
		d.Timezone == "" || d.SchemaVersion != 37 || d.Description == "" || d.Title == "" {
		return []string{"it is editable, or refresh, time range, time zone, title, description or the schema version of Grafana 9.3 is missing"}
	}
	return nil
}

// checkGrid requires that panels are within the 24 columns and do not overlap.
func checkGrid(d dashboard) []string {
	var wrong []string
	for i, p := range d.Panels {
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
			wrong = append(wrong, fmt.Sprintf("panel %q is outside the grid", p.Title))
		}
		for _, other := range d.Panels[:i] {
			o := other.GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				wrong = append(wrong, fmt.Sprintf("panel %q overlaps %q", p.Title, other.Title))
			}
		}
		if len(p.Panels) > 0 {
			wrong = append(wrong, fmt.Sprintf("row %q hides panels", p.Title))
		}
	}
	return wrong
}

func checkIDs(d dashboard) []string {
	var wrong []string
	if d.ID != nil {
		wrong = append(wrong, "id is not null")
	}
	seen := make(map[int]bool)
	for _, p := range d.Panels {
		if p.ID <= 0 || seen[p.ID] {
			wrong = append(wrong, fmt.Sprintf("panel %q has the duplicate or zero id %d", p.Title, p.ID))
		}
		seen[p.ID] = true
	}
	return wrong
}

func checkType(p panel) string {
	if !slices.Contains([]string{"stat", "gauge", "bargauge", "timeseries", "state-timeline", "table"}, p.Type) {
		return p.Type + " is not one of the types in use"
	}
	if instant := p.Type != "timeseries" && p.Type != "state-timeline"; slices.ContainsFunc(p.Targets, func(t target) bool {
		return t.Instant != instant || (p.Type == "table") != (t.Format == "table")
	}) {
		return "a query's kind does not suit the panel's type"
	}
	return ""
}

// checkLinks requires a link to the other dashboards by their tag, and data links
// to a dashboard or a document.
func checkLinks(d dashboard) []string {
	const tag, docs = "guardduty-coverage", "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/"
	var wrong []string
	if !slices.Contains(d.Tags, tag) || !slices.ContainsFunc(d.Links, func(l dashboardLink) bool {
		return l.Type == "dashboards" && slices.Contains(l.Tags, tag) && l.IncludeVars && l.KeepTime
	}) {
		wrong = append(wrong, "no link to the dashboards with the tag "+tag)
	}
	for _, p := range d.Panels {
		for _, l := range p.dataLinks() {
			cluster := strings.HasPrefix(l.URL, "/d/"+clusterUID+"?${datasource:queryparam}&") && strings.HasSuffix(l.URL, "&${__url_time_range}")
			exporter := strings.HasPrefix(l.URL, "/d/"+exporterUID+"?${datasource:queryparam}&") && strings.HasSuffix(l.URL, "&${__url_time_range}")
			if l.Title == "" || !cluster && !exporter && !strings.HasPrefix(l.URL, docs) {
				wrong = append(wrong, fmt.Sprintf("panel %q: unexpected link %q", p.Title, l.URL))
			}
		}
	}
	return wrong
}
