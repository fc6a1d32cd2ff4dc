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

// page is one answer of /metrics.
type page struct {
	asked, got time.Time
	// series are those of the domain, with their values.
	series  map[string]string
	targets map[[2]string]status // by name and Region
}

// status is what a page says of a target.
type status struct {
	states  []coverage.State // those that are true, of which there should be one
	up      bool
	success time.Time // zero before the first one
}

// parse takes the domain's series from a page.
func parse(text string, asked, got time.Time) page {
	known := map[string]bool{}
	for _, f := range collector.Families() {
		known[f.Name] = true
	}
	p := page{asked: asked, got: got, series: map[string]string{}, targets: map[[2]string]status{}}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if line[0] == '#' || at < 0 || !known[family(line)] {
			continue
		}
		series, value := line[:at], number(line[at+1:])
		p.series[series] = value
		if strings.HasPrefix(series, "guardduty_target_") {
			p.note(series, value)
		}
	}
	return p
}

// number writes a value as one of the many ways in which it can be written.
func number(value string) string {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return value
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

// note takes what a series says of a target.
func (p page) note(series, value string) {
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
			s.success = time.UnixMilli(int64(seconds * 1000))
		}
	}
	p.targets[at] = s
}

// family is the name before a series's labels.
func family(series string) string {
	name, _, _ := strings.Cut(series, "{")
	name, _, _ = strings.Cut(name, " ")
	return name
}

// labels takes a series of a page that has been checked apart. The values stay
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

// series writes a series as a page does, its labels sorted by their names.
func series(family string, labels ...string) string {
	var pairs []string
	for i := 0; i < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+labels[i+1]+`"`)
	}
	slices.Sort(pairs)
	return family + "{" + strings.Join(pairs, ",") + "}"
}

// state returns the one state that the page says a target is in, "" for none,
// or for a contradiction.
func (p page) state(t target) coverage.State {
	s := p.targets[[2]string{t.name, t.region}]
	if len(s.states) != 1 || s.up != (s.states[0] == coverage.OK) {
		return ""
	}
	return s.states[0]
}

// lastSuccess is when the last good refresh of a target ended; zero if there is none.
func (p page) lastSuccess(t target) time.Time { return p.targets[[2]string{t.name, t.region}].success }

// isData tells the series that a snapshot makes from those about the target itself.
func isData(series string) bool {
	return !strings.HasPrefix(series, "guardduty_target_") || strings.HasPrefix(series, "guardduty_target_capability_up")
}

// data are the series that the snapshots of these targets make.
func (p page) data(targets ...target) map[string]string {
	found := map[string]string{}
	for series, value := range p.series {
		if isData(series) && slices.ContainsFunc(targets, func(t target) bool { return t.owns(series) }) {
			found[series] = value
		}
	}
	return found
}

// count is how many series of a family there are.
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

// suffixes are what the names of samples add to their family's, by its type.
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

// checkOpenMetrics returns where a page is not OpenMetrics 1.0. It is stricter
// than the library's parser, see TestCheckOpenMetrics, which needs seconds for
// a page.
func checkOpenMetrics(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("not UTF-8")
	}
	body, ended := strings.CutSuffix(text, "# EOF\n")
	if !ended {
		return errors.New("no # EOF at the end")
	}
	var name, kind string
	begun := false // the samples of the family
	families, samples := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if m := omDescriptor.FindStringSubmatch(line); m != nil {
			if families[m[2]] && (begun || m[2] != name) {
				return fmt.Errorf("the family comes again: %s", line)
			}
			if m[2] != name {
				name, kind, begun = m[2], "", false
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
			return fmt.Errorf("no sample: %s", line)
		case !slices.ContainsFunc(suffixes(kind), func(s string) bool { return name+s == m[1] }):
			return fmt.Errorf("not of the family %s, a %s: %s", name, kind, line)
		case samples[m[1]+m[2]]:
			return fmt.Errorf("the series comes again: %s", line)
		}
		samples[m[1]+m[2]], begun = true, true
	}
	return nil
}

func TestCheckOpenMetrics(t *testing.T) {
	const family = "# HELP a A gauge.\n# TYPE a gauge\n"
	for _, c := range []struct {
		name, text    string
		good, library bool // for this check, and for the library's
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
		{"an escape that nobody writes", family + "a{b=\"\\x\"} 1\n# EOF\n", false, true},
		{"a newline in a label", family + "a{b=\"c\nd\"} 1\n# EOF\n", false, false},
		{"HTML", "<html>\n# EOF\n", false, false},
		{"no value", family + "a\n# EOF\n", false, false},
		{"not UTF-8", family + "a{b=\"\xff\"} 1\n# EOF\n", false, false},
	} {
		if err := checkOpenMetrics(c.text); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := decode(c.text); (err == nil) != c.library {
			t.Errorf("%s: by the library: %v", c.name, err)
		}
	}
}

// decode reads a page with the library's parser.
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
