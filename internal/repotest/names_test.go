package repotest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

var (
	address = regexp.MustCompile(`https?://[^\s")]+`)
	// metricName matches possible metric names and whole names of recording rules.
	metricName = regexp.MustCompile(`[A-Za-z0-9_:]*guardduty_[A-Za-z0-9_:]*`)
)

// program is the name of the exporter in the help of its build_info metric.
const program = "guardduty_exporter"

// binary is the file name of the program; with a version it is that of an archive.
const binary = "guardduty_coverage_exporter"

// unknownMetrics returns the names in a text, outside URLs, that are not metrics. The values of known are whether the
// metric may be a histogram. A name that ends in "_", as in guardduty_target_*, is a prefix.
func unknownMetrics(text string, known map[string]bool) []string {
	var unknown []string
	for _, name := range metricName.FindAllString(address.ReplaceAllString(text, ""), -1) {
		name = strings.TrimRight(name, ":") // of a list or a key
		if strings.Contains(name, ":") || name == binary || strings.HasPrefix(name, binary+"_1") || name == program || isMetric(name, known) {
			continue
		}
		unknown = append(unknown, name)
	}
	return unknown
}

func isMetric(name string, known map[string]bool) bool {
	if _, ok := known[name]; ok {
		return true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && known[base] {
			return true
		}
	}
	if !strings.HasSuffix(name, "_") {
		return false
	}
	for metric := range known {
		if strings.HasPrefix(metric, name) {
			return true
		}
	}
	return false
}

func knownMetrics(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, f := range collector.Families() {
		known[f.Name] = false
	}
	for _, f := range selfFamilies(t) {
		known[f.Name] = strings.HasSuffix(f.Name, "_duration_seconds") || strings.HasSuffix(f.Name, "_lag_seconds")
	}
	check := prometheus.NewRegistry()
	app.RegisterCheckMetrics(check, 0, time.Time{})
	families, err := check.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		known[f.GetName()] = false
	}
	return known
}

// TestDocumentsNameMetricsThatExist checks the metric names in every file that users read or copy.
func TestDocumentsNameMetricsThatExist(t *testing.T) {
	known := knownMetrics(t)
	texts := slices.Concat(
		[]string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "config.example.yaml"},
		files(t, "docs", ".md"),
		files(t, "dashboards", ".json"),
		files(t, "alerts", ".yaml"),
		files(t, "deploy", ".yaml", ".yml", ".md"),
	)
	for _, file := range texts {
		for _, name := range unknownMetrics(read(t, file), known) {
			t.Errorf("%s names %s, which is not a metric", file, name)
		}
	}
}

func TestUnknownMetrics(t *testing.T) {
	known := map[string]bool{"guardduty_target_up": false, "guardduty_exporter_request_duration_seconds": true}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"`guardduty_target_up`, go_goroutines", nil},
		{`sum(guardduty_target_up{region="a"}) / guardduty_target_down`, []string{"guardduty_target_down"}},
		{"guardduty_target_up_total", []string{"guardduty_target_up_total"}},
		{"guardduty_target_up_count", []string{"guardduty_target_up_count"}},
		{"guardduty_exporter_request_duration_seconds_bucket", nil},
		{"guardduty_target_* and guardduty_tar_*", []string{"guardduty_tar_"}},
		{"cluster:guardduty_target_down:sum", nil},
		{"go run guardduty_coverage_exporter; guardduty_coverage_exporters", []string{"guardduty_coverage_exporters"}},
		{"https://example.com/guardduty_page.html, guardduty_page", []string{"guardduty_page"}},
		{"old_guardduty_target_up", []string{"old_guardduty_target_up"}},
	} {
		if diff := cmp.Diff(c.want, unknownMetrics(c.text, known)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}

// TestEachIssueTypeIsDocumented compares the headings and the table of docs/issues.md with the issue types, in order.
func TestEachIssueTypeIsDocumented(t *testing.T) {
	var types []string
	for _, issueType := range coverage.IssueTypes() {
		types = append(types, string(issueType))
	}
	text := read(t, "docs/issues.md")
	for what, pattern := range map[string]string{
		"headings": `(?m)^## (.+)$`,
		"rows":     `(?m)^\| \[\w+\]\(#(\w+)\) \|`,
	} {
		var found []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		if diff := cmp.Diff(types, found); diff != "" {
			t.Errorf("docs/issues.md: its %s differ from the issue types (-types +%s):\n%s", what, what, diff)
		}
	}
}

// TestLabelsDoNotCollideWithTargetLabels: Prometheus renames a label of ours to
// exported_… if the scrape target has a label of the same name, as those of a
// ServiceMonitor do.
func TestLabelsDoNotCollideWithTargetLabels(t *testing.T) {
	reserved := []string{"job", "instance", "service", "namespace", "pod", "container", "node", "endpoint"}
	families := slices.Concat(domainFamilies(), selfFamilies(t))
	labels := 0
	for _, f := range families {
		labels += len(f.Labels)
		for _, label := range f.Labels {
			if slices.Contains(reserved, label) {
				t.Errorf("%s has the label %s", f.Name, label)
			}
		}
	}
	if labels < len(families) {
		t.Errorf("%d labels of %d families were checked", labels, len(families))
	}
}
