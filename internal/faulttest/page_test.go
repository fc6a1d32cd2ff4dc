package faulttest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// page is one response of /metrics.
type page struct {
	requested, received time.Time
	series              map[string]string          // the coverage metrics and their values
	targets             map[[2]string]targetStatus // by name and Region
}

// targetStatus is the status of a target on a page.
type targetStatus struct {
	states      []coverage.State // with the value 1; exactly one is correct
	up          bool
	lastSuccess time.Time // zero before the first success
}

// parse reads the coverage metrics of a page.
func parse(text string, requested, received time.Time) page {
	known := map[string]bool{}
	for _, f := range collector.Families() {
		known[f.Name] = true
	}
	p := page{requested: requested, received: received, series: map[string]string{}, targets: map[[2]string]targetStatus{}}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if line[0] == '#' || at < 0 || !known[family(line)] {
			continue
		}
		series, value := line[:at], normalize(line[at+1:])
		p.series[series] = value
		if strings.HasPrefix(series, "guardduty_target_") {
			p.addStatus(series, value)
		}
	}
	return p
}

// normalize returns the shortest form of a number.
func normalize(value string) string {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return value
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

// addStatus adds the status that a series of guardduty_target_* has.
func (p page) addStatus(series, value string) {
	l := labels(series)
	at := [2]string{l["target"], l["region"]}
	s := p.targets[at]
	switch family(series) {
	case "guardduty_target_up":
		s.up = value == "1"
	case "guardduty_target_state":
		if value == "1" {
			s.states = append(s.states, coverage.State(l["state"]))
		}
	case "guardduty_target_last_success_timestamp_seconds":
		if seconds, err := strconv.ParseFloat(value, 64); err == nil {
			s.lastSuccess = time.UnixMilli(int64(seconds * 1000))
		}
	}
	p.targets[at] = s
}

// family returns the metric name of a series.
func family(series string) string {
	name, _, _ := strings.Cut(series, "{")
	name, _, _ = strings.Cut(name, " ")
	return name
}

// labels returns the labels of a series of a valid page. The values stay
// escaped.
func labels(series string) map[string]string {
	found := map[string]string{}
	_, rest, _ := strings.Cut(series, "{")
	for {
		name, value, more := strings.Cut(rest, `="`)
		if !more {
			return found
		}
		end := 0
		for value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		found[name] = value[:end]
		rest = strings.TrimPrefix(value[end+1:], ",")
	}
}

// series formats a series as a page does, with sorted labels.
func series(family string, labels ...string) string {
	var pairs []string
	for i := 0; i < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+labels[i+1]+`"`)
	}
	slices.Sort(pairs)
	return family + "{" + strings.Join(pairs, ",") + "}"
}

// state returns the state of a target, "" if the page has none or contradicts
// itself.
func (p page) state(t target) coverage.State {
	s := p.targets[[2]string{t.name, t.region}]
	if len(s.states) != 1 || s.up != (s.states[0] == coverage.OK) {
		return ""
	}
	return s.states[0]
}

// allIn reports whether all targets are in a state.
func (p page) allIn(s coverage.State, targets []target) bool {
	return !slices.ContainsFunc(targets, func(t target) bool { return p.state(t) != s })
}

// lastSuccess returns when the last successful refresh of a target ended, zero
// if there was none.
func (p page) lastSuccess(t target) time.Time {
	return p.targets[[2]string{t.name, t.region}].lastSuccess
}

// isData reports whether a series comes from a snapshot: it is not about the
// status of a target, and not about what is read from ECS on a schedule of its own.
func isData(series string) bool {
	switch name := family(series); {
	case name == "guardduty_target_capability_up":
		return true
	case strings.HasPrefix(name, "guardduty_target_"), strings.HasPrefix(name, "guardduty_ecs_account_"),
		strings.HasPrefix(name, "guardduty_ecs_service_"), name == "guardduty_ecs_cluster_tasks", name == "guardduty_ecs_cluster_listed", name == "guardduty_ecs_cluster_tags_info":
		return false
	}
	return true
}

// data returns the series that come from the snapshots of the targets.
func (p page) data(targets ...target) map[string]string {
	found := map[string]string{}
	for series, value := range p.series {
		if isData(series) && slices.ContainsFunc(targets, func(t target) bool { return t.owns(series) }) {
			found[series] = value
		}
	}
	return found
}

// count returns the number of series of a family.
func (p page) count(name string) (n int) {
	for series := range p.series {
		if family(series) == name {
			n++
		}
	}
	return n
}

const (
	omName   = `[a-zA-Z_:][a-zA-Z0-9_:]*`
	omLabels = `\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\["\\n])*",?)*\}`
	omNumber = `[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|Inf)|NaN`
)

var (
	omSample     = regexp.MustCompile(`^(` + omName + `)(` + omLabels + `)? (?:` + omNumber + `)(?: (?:` + omNumber + `))?$`)
	omDescriptor = regexp.MustCompile(`^# (HELP|TYPE|UNIT) (` + omName + `) (?:.*)$`)
)

// suffixes returns the suffixes of sample names for a metric type.
func suffixes(kind string) []string {
	switch kind {
	case "counter":
		return []string{"_total", "_created"}
	case "histogram":
		return []string{"_bucket", "_count", "_sum", "_created"}
	case "summary":
		return []string{"", "_count", "_sum", "_created"}
	case "info":
		return []string{"_info"}
	}
	return []string{""}
}

// checkOpenMetrics checks that a page is OpenMetrics 1.0. It is stricter than
// the library's parser (see TestCheckOpenMetrics), which takes seconds per page.
func checkOpenMetrics(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("not UTF-8")
	}
	body, ended := strings.CutSuffix(text, "# EOF\n")
	if !ended {
		return errors.New("no # EOF at the end")
	}
	var name, kind string
	inSamples := false
	families, samples := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if m := omDescriptor.FindStringSubmatch(line); m != nil {
			if families[m[2]] && (inSamples || m[2] != name) {
				return fmt.Errorf("repeated family: %s", line)
			}
			if m[2] != name {
				name, kind, inSamples = m[2], "", false
			}
			families[name] = true
			if m[1] == "TYPE" {
				kind = strings.Fields(line)[3]
			}
			continue
		}
		m := omSample.FindStringSubmatch(line)
		switch {
		case m == nil:
			return fmt.Errorf("not a sample: %s", line)
		case !slices.ContainsFunc(suffixes(kind), func(s string) bool { return name+s == m[1] }):
			return fmt.Errorf("not a sample of the family %s of type %s: %s", name, kind, line)
		case samples[m[1]+m[2]]:
			return fmt.Errorf("repeated series: %s", line)
		}
		samples[m[1]+m[2]], inSamples = true, true
	}
	return nil
}

func TestCheckOpenMetrics(t *testing.T) {
	const family = "# HELP a A gauge.\n# TYPE a gauge\n"
	for _, c := range []struct {
		name, text    string
		good, library bool // whether this check and the library accept it
	}{
		{"a gauge", family + "a{b=\"\\\"\\n\\\\ß\",c=\"\"} 1.0\n# EOF\n", true, true},
		{"a counter", "# HELP a A counter.\n# TYPE a counter\na_total 1e+06\na_created 1.7e9\n# EOF\n", true, true},
		{"a histogram", "# TYPE a histogram\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 2\na_count 2\na_sum 3\n# EOF\n", true, true},
		{"two families", family + "a NaN\n# TYPE b gauge\nb -Inf\n# EOF\n", true, true},
		{"no end", family + "a 1\n", false, false},
		{"cut off", family + "a{b=\"c\n# EOF\n", false, false},
		{"a counter of a gauge's name", family + "a 1\n# TYPE a counter\na_total 1\n# EOF\n", false, false},
		{"a family in two parts", family + "a{b=\"1\"} 1\n# TYPE b gauge\nb 1\n" + family + "a{b=\"2\"} 1\n# EOF\n", false, false},
		{"a series twice", family + "a{b=\"c\"} 1\na{b=\"c\"} 2\n# EOF\n", false, true},
		{"an unknown escape", family + "a{b=\"\\x\"} 1\n# EOF\n", false, true},
		{"a newline in a label", family + "a{b=\"c\nd\"} 1\n# EOF\n", false, false},
		{"HTML", "<html>\n# EOF\n", false, false},
		{"no value", family + "a\n# EOF\n", false, false},
		{"not UTF-8", family + "a{b=\"\xff\"} 1\n# EOF\n", false, false},
	} {
		if err := checkOpenMetrics(c.text); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := decode(c.text); (err == nil) != c.library {
			t.Errorf("%s: library: %v", c.name, err)
		}
	}
}

// decode parses a page with the library.
func decode(text string) error {
	decoder := expfmt.NewDecoder(strings.NewReader(text), expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for {
		switch err := decoder.Decode(&dto.MetricFamily{}); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
