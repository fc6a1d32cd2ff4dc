package repotest

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

var update = flag.Bool("update", false, "regenerate docs/metrics.md")

// TestMetricsDocument compares docs/metrics.md with its template and the metrics.
func TestMetricsDocument(t *testing.T) {
	const file = "docs/metrics.md"
	domain, self := domainFamilies(), selfFamilies(t)
	page, err := template.New("metrics.md.tmpl").Funcs(template.FuncMap{
		"domain": func(prefixes ...string) string { return table(domain, prefixes...) },
		"self":   func() string { return table(self, "") },
		"states": coverage.States,
	}).ParseFiles("testdata/metrics.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := page.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(domain, self) {
		if n := strings.Count(b.String(), "\n| `"+f.Name+"` |"); n != 1 {
			t.Errorf("%s is in %d tables of the template, want 1", f.Name, n)
		}
	}
	for _, state := range coverage.States() {
		if !strings.Contains(b.String(), "\n| `"+string(state)+"` | ") {
			t.Errorf("the template does not describe the state %s", state)
		}
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, file), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(b.String(), read(t, file)); diff != "" {
		t.Errorf("%s differs from its template and the metrics; regenerate it with -update (-want +got):\n%s", file, diff)
	}
}

// family is a metric family as the document shows it.
type family struct {
	Name, Help string
	Labels     []string
}

// table returns a table of the families whose names have one of the prefixes.
func table(families []family, prefixes ...string) string {
	rows := []string{"| Metric | Labels | Value |", "|---|---|---|"}
	for _, f := range families {
		if !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(f.Name, prefix) }) {
			continue
		}
		var labels []string
		for _, label := range f.Labels {
			labels = append(labels, "`"+label+"`")
		}
		help := strings.ReplaceAll(f.Help, "|", `\|`)
		rows = append(rows, "| `"+f.Name+"` | "+strings.Join(labels, ", ")+" | "+help+" |")
	}
	return strings.Join(rows, "\n")
}

func domainFamilies() []family {
	var families []family
	for _, f := range collector.Families() {
		families = append(families, family{Name: f.Name, Help: f.Help, Labels: f.Labels})
	}
	return families
}

// descPattern parses the string form of prometheus.Desc, which has no accessors.
var descPattern = regexp.MustCompile(
	`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

func selfFamilies(t *testing.T) []family {
	t.Helper()
	registry, descs := prometheus.NewRegistry(), make(chan *prometheus.Desc)
	app.NewSelfMetrics(registry, nil)
	go func() {
		registry.Describe(descs)
		close(descs)
	}()
	var families []family
	for desc := range descs {
		families = append(families, familyOf(t, desc.String()))
	}
	slices.SortFunc(families, func(a, b family) int { return strings.Compare(a.Name, b.Name) })
	return families
}

func familyOf(t *testing.T, desc string) family {
	t.Helper()
	m := descPattern.FindStringSubmatch(desc)
	if m == nil {
		t.Errorf("cannot parse %s", desc)
		return family{}
	}
	var f family
	for i, field := range []*string{&f.Name, &f.Help} {
		text, err := strconv.Unquote(m[i+1])
		if err != nil {
			t.Errorf("%v: %s", err, desc)
		}
		*field = text
	}
	for _, pair := range regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(m[3], -1) {
		f.Labels = append(f.Labels, pair[1])
	}
	if m[4] != "" {
		f.Labels = append(f.Labels, strings.Split(m[4], ",")...)
	}
	return f
}
