package dashboards_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// designRules returns rules against dashboards that mislead: each keeps a kind of
// mistake from coming back.
func designRules() []rule {
	return []rule{
		{"no-data", eachPanel(checkNoData)},
		{"palette", checkPalette},
		{"meanings", eachPanel(checkMeanings)},
		{"too-many-series", eachPanel(checkTooMany)},
		{"bars", eachPanel(checkBars)},
		{"columns", eachPanel(checkEmptyColumns)},
		{"widths", eachPanel(checkWidths)},
		{"ages", eachPanel(checkAges)},
		{"whole-numbers", eachTarget(checkWhole)},
		{"legends", eachPanel(checkLegends)},
		{"alerts", checkAlerts},
		{"tiles", checkTiles},
		{"overview-variables", checkOverviewVariables},
	}
}

// checkNoData requires that a panel shows the absence of data without a colour,
// and with no text that may be wrong.
func checkNoData(p panel) string {
	if p.FieldConfig.Defaults.NoValue != "" {
		return fmt.Sprintf("shows %q without knowing it", p.FieldConfig.Defaults.NoValue)
	}
	for _, m := range p.FieldConfig.Defaults.Mappings {
		var special struct {
			Match  string `json:"match"`
			Result text   `json:"result"`
		}
		if m.Type == "special" && json.Unmarshal(m.Options, &special) == nil && special.Match == "null+nan" && special.Result.Color == unknownColour {
			return ""
		}
	}
	if slices.Contains([]string{"stat", "gauge", "bargauge", "table"}, p.Type) {
		return "has no mapping for the absence of data"
	}
	return ""
}

const (
	goodColour    = "green"
	unknownColour = "text"
)

// colours returns the palette. Red and its shades are bad, orange and its shade
// ask for attention, blue and its shades are neither.
func colours() []string {
	return []string{
		goodColour, unknownColour, "orange", "dark-orange", "purple",
		"red", "dark-red", "semi-dark-red", "light-red", "super-light-red",
		"blue", "dark-blue", "light-blue", "super-light-blue",
	}
}

// named returns the colours of the texts and series of a panel by their name.
func (p panel) named() map[string][]string {
	all := make(map[string][]string)
	add := func(mappings []mapping) {
		for _, m := range mappings {
			var byValue map[string]text
			if m.Type != "value" || json.Unmarshal(m.Options, &byValue) != nil {
				continue
			}
			for _, t := range byValue {
				if t.Color != "" {
					all[t.Text] = append(all[t.Text], t.Color)
				}
			}
		}
	}
	add(p.FieldConfig.Defaults.Mappings)
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			var mappings []mapping
			var c color
			switch {
			case property.ID == "mappings" && json.Unmarshal(property.Value, &mappings) == nil:
				add(mappings)
			case property.ID == "color" && json.Unmarshal(property.Value, &c) == nil:
				name := strings.Trim(o.Matcher.Options, "/ $")
				all[name] = append(all[name], c.FixedColor)
			}
		}
	}
	return all
}

var colourName = regexp.MustCompile(`"(?:color|fixedColor|iconColor)":"([^"]+)"`)

// checkPalette requires that all colours are of the palette, and that a text or
// a series of one name has one colour.
func checkPalette(d dashboard) []string {
	var wrong []string
	one := make(map[string]string)
	for _, p := range d.Panels {
		used, err := json.Marshal(p)
		if err != nil {
			return []string{err.Error()}
		}
		for _, m := range colourName.FindAllStringSubmatch(string(used), -1) {
			if !slices.Contains(colours(), m[1]) {
				wrong = append(wrong, fmt.Sprintf("panel %q has the colour %s", p.Title, m[1]))
			}
		}
		for name, list := range p.named() {
			for _, c := range list {
				if one[name] != "" && one[name] != c {
					wrong = append(wrong, fmt.Sprintf("panel %q: %s is %s, elsewhere %s", p.Title, name, c, one[name]))
				}
				one[name] = c
			}
		}
	}
	return wrong
}

// names are labels whose values are neither good nor bad.
var names = []string{"account", "account_id", "region", "cluster_name", "target", "reads", "instance", "aws_service", "operation", "resource_type"}

// meanings returns the values of labels that are good or bad, and the label's
// values that are good.
func meanings() map[string]struct{ values, good []string } {
	var states, reasons []string
	for _, s := range coverage.States() {
		if states = append(states, string(s)); s != "ok" {
			reasons = append(reasons, string(s))
		}
	}
	return map[string]struct{ values, good []string }{
		"state":           {states, []string{"ok"}},
		"reason":          {reasons, nil},
		"agent":           {[]string{"running", "missing", "stopped", "not_applicable"}, []string{"running"}},
		"coverage_status": {[]string{"HEALTHY", "UNHEALTHY"}, []string{"HEALTHY"}},
		"code":            {[]string{"200", "500", "503"}, []string{"200"}},
	}
}

// checkMeanings requires fixed colours for series that are good or bad, of which
// only the good ones are green, and no green for issues and causes.
func checkMeanings(p panel) string {
	if p.Type == "table" {
		return ""
	}
	fixed := p.named()
	for _, t := range p.Targets {
		for _, m := range shownLabel.FindAllStringSubmatch(t.LegendFormat, -1) {
			label := m[1]
			meaning, known := meanings()[label]
			switch {
			case slices.Contains([]string{"issue_type", "cause", "who"}, label):
				if p.FieldConfig.Defaults.Color.Mode == "palette-classic" || slices.ContainsFunc(p.FieldConfig.Defaults.Thresholds.Steps, isGreen) {
					return label + " may be green"
				}
			case label == "reason" && len(fixed["malformed"]) > 0: // of events
			case p.Type == "timeseries" && known:
				for _, value := range meaning.values {
					if len(fixed[value]) == 0 || slices.Contains(fixed[value], goodColour) != slices.Contains(meaning.good, value) {
						return fmt.Sprintf("%s %s has the colour %v", label, value, fixed[value])
					}
				}
			case p.Type == "timeseries" && !slices.Contains(names, label):
				return "the colours of " + label + " have no meaning"
			}
			if known && p.FieldConfig.Defaults.Color.Mode == "palette-classic" {
				return label + " has colours by alphabet"
			}
		}
	}
	return ""
}

func isGreen(s step) bool { return s.Color == goodColour }

var ranked = regexp.MustCompile(`\b(?:topk|bottomk)(?: by \([\w, ]+\))? ?\((\d+),`)

// checkTooMany requires that panels with a series for each cluster, target, queue
// or operation show a limited number of them.
func checkTooMany(p panel) string {
	if p.Type == "table" {
		return ""
	}
	for _, t := range p.Targets {
		many := slices.ContainsFunc(shownLabel.FindAllStringSubmatch(t.LegendFormat, -1), func(m []string) bool {
			return slices.Contains([]string{"cluster_name", "target", "name", "operation", "account", "issue_type", "cause"}, m[1])
		})
		if many && !ranked.MatchString(t.Expr) {
			return "draws a series for each " + t.LegendFormat
		}
	}
	return ""
}

// checkBars requires that a single bar keeps its name, and that all bars fit: each
// unit of height has room for one.
func checkBars(p panel) string {
	if p.Type != "bargauge" {
		return ""
	}
	if p.FieldConfig.Defaults.DisplayName == "" {
		return "a single bar loses its name"
	}
	bars := 0
	for _, t := range p.Targets {
		m := ranked.FindStringSubmatch(t.Expr)
		if m == nil {
			return "has any number of bars"
		}
		n, _ := strconv.Atoi(m[1]) // digits
		bars += n
	}
	if bars > p.GridPos.H {
		return fmt.Sprintf("%d bars do not fit into a height of %d", bars, p.GridPos.H)
	}
	return ""
}

// mayBeEmpty are labels that some series lack. A column of a table disappears if
// all of its cells are empty.
var mayBeEmpty = []string{
	"account_name", "owner", "ticket", "detail", "relationship_status", "issue_type", "task_definition", "issue", "addon_version", "addon_status",
	"agent_version", "instance_type", "cause", "certainty", "who", "fix", "management_type", "managed_by", "additional_configuration",
}

// checkEmptyColumns requires a text for cells that may be empty, and a row of every
// query for each row of the first.
func checkEmptyColumns(p panel) string {
	if p.Type != "table" {
		return ""
	}
	for i, t := range p.Targets {
		if i > 0 && !strings.Contains(t.Expr, " or on (") && slices.Contains(slices.Collect(maps.Keys(p.columns())), "Value #"+t.RefID) {
			return "query " + t.RefID + " has no rows for some rows of the first"
		}
	}
	for name := range p.columns() {
		if !slices.Contains(mayBeEmpty, name) {
			continue
		}
		given := fmt.Sprintf(`, %q, "–", %q, "")`, name, name)
		if !slices.ContainsFunc(p.Targets, func(t target) bool { return strings.Contains(t.Expr, given) }) {
			return name + " may be empty"
		}
	}
	return ""
}

// columns returns the widths of the columns that a table shows; 0 is what is left.
func (p panel) columns() map[string]int {
	all := make(map[string]int)
	for _, tr := range p.Transformations {
		for name := range tr.Options.IndexByName {
			if !tr.Options.ExcludeByName[name] {
				all[name] = 0
			}
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if _, ok := all[o.Matcher.Options]; ok && property.ID == "custom.width" {
				all[o.Matcher.Options], _ = strconv.Atoi(string(property.Value)) // written as digits
			}
		}
	}
	return all
}

// checkWidths requires that what to do is not cut, and that one column has the rest
// of a window of 1600 pixels.
func checkWidths(p panel) string {
	if p.Type != "table" {
		return ""
	}
	const window, narrowest, step = 1536, 55, 380
	rest, widest := window*p.GridPos.W/24, 0
	for name, width := range p.columns() {
		if slices.Contains([]string{"recommended_step", "fix"}, name) && width < step {
			return fmt.Sprintf("%s is cut: %d pixels, want %d", name, width, step)
		}
		if width == 0 {
			widest++
		}
		rest -= width
	}
	if widest != 1 || rest < narrowest {
		return fmt.Sprintf("%d columns share %d pixels", widest, rest)
	}
	if _, ok := p.columns()["issue"]; ok && rest < 250 {
		return fmt.Sprintf("AWS's text has %d pixels", rest)
	}
	return ""
}

// checkAges requires that the age of data turns red before the data is withdrawn.
func checkAges(p panel) string {
	for _, t := range p.Targets {
		if p.FieldConfig.Defaults.Unit != "s" || p.Type == "timeseries" {
			continue
		}
		defaults, err := config.Parse("defaults", []byte("targets: [{}]"))
		if err != nil {
			return err.Error()
		}
		limit := defaults.Refresh.MaxStaleness.Seconds()
		if strings.Contains(t.Expr, "guardduty_ecs_account_last_success") {
			limit = 4 * 15 * 60 // four times the default of ecs.interval
		}
		last := p.FieldConfig.Defaults.Thresholds.Steps[len(p.FieldConfig.Defaults.Thresholds.Steps)-1]
		if last.Value == nil || *last.Value >= limit || last.Color != "red" {
			return fmt.Sprintf("is not red before %g s", limit)
		}
	}
	return ""
}

// checkWhole requires that increases, which Prometheus extrapolates, are shown as
// the whole numbers that they are.
func checkWhole(t target) string {
	if !strings.Contains(t.Expr, "histogram_quantile") && strings.Contains(t.Expr, "increase(") && !strings.Contains(t.Expr, "round(") {
		return "shows parts of events"
	}
	return ""
}

// checkLegends requires that legends without a limit are at the right, where they
// scroll: below, they are cut.
func checkLegends(p panel) string {
	for _, t := range p.Targets {
		for _, m := range shownLabel.FindAllStringSubmatch(t.LegendFormat, -1) {
			many := slices.Contains(names, m[1]) && m[1] != "instance"
			if p.Type == "timeseries" && many && p.Options.Legend.Placement != "right" {
				return "the legend of " + m[1] + " is cut"
			}
		}
	}
	return ""
}

// checkAlerts requires that the start of alerts is marked.
func checkAlerts(d dashboard) []string {
	for _, a := range d.Annotations.List {
		if a.Enable && a.Datasource == (datasource{"prometheus", variableUID}) && strings.Contains(a.Expr, `ALERTS{alertname=~"GuardDutyCoverage.+", alertstate="firing"`) {
			return nil
		}
	}
	return []string{"alerts are not marked"}
}

// checkTiles requires that each dashboard shows whether the exporter and the targets
// can be read, and what is withdrawn beside the percentage, with a link to the
// targets.
func checkTiles(d dashboard) []string {
	want := map[string][]string{
		overviewUID: {"Exporter", "Targets down", "Withdrawn", "Oldest data", "Accounts and Regions without coverage"},
		clusterUID:  {"Exporter", "Targets not answering", "Oldest data"},
		exporterUID: {"Exporter", "Targets down", "Oldest data"},
	}
	var wrong []string
	for _, title := range want[d.UID] {
		i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Type == "stat" && p.Title == title })
		if i < 0 {
			wrong = append(wrong, "no tile "+title)
			continue
		}
		linked := d.UID == exporterUID || title == "Accounts and Regions without coverage" ||
			slices.ContainsFunc(d.Panels[i].dataLinks(), func(l dataLink) bool { return strings.HasPrefix(l.URL, "/d/"+exporterUID) })
		if d.Panels[i].GridPos.Y > 10 || !linked {
			wrong = append(wrong, "the tile "+title+" is not at the top, or has no link to the targets")
		}
	}
	return wrong
}

// checkOverviewVariables: counts and percentages are of whole accounts, so clusters
// are not selected on the overview.
func checkOverviewVariables(d dashboard) []string {
	if d.UID == overviewUID && slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == "cluster_name" }) {
		return []string{"selects clusters"}
	}
	return nil
}
