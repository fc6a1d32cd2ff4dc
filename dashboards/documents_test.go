package dashboards_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// documentQuery is a query in a ```promql block of a document.
type documentQuery struct {
	file string
	expr string
}

// documentQueries returns the queries of all documents.
func documentQueries(t *testing.T) []documentQuery {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []documentQuery
	for _, file := range append(files, "../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, expr := range promqlBlocks(string(text)) {
			all = append(all, documentQuery{filepath.Base(file), expr})
		}
	}
	return all
}

// promqlBlocks returns the queries in the blocks of a text. Each line starts a
// query unless it is a comment or indented.
func promqlBlocks(text string) []string {
	var queries []string
	inBlock, indent := false, ""
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case trimmed == "```promql":
			inBlock, indent = true, line[:len(line)-len(trimmed)]
		case strings.HasPrefix(trimmed, "```"):
			inBlock = false
		case !inBlock || trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case strings.HasPrefix(line, indent+" ") && len(queries) > 0:
			queries[len(queries)-1] += "\n" + line
		default:
			queries = append(queries, line)
		}
	}
	return queries
}

func TestPromqlBlocks(t *testing.T) {
	const text = "# A\n```promql\n# comment\na\nb\n  + c\n```\ntext\n- x\n\n  ```promql\n  d\n    * e\n  ```\n```sh\nls\n```\n"
	want := []string{"a", "b\n  + c", "  d\n    * e"}
	if diff := cmp.Diff(want, promqlBlocks(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var (
	metricSelector = regexp.MustCompile(`([a-zA-Z_:]*)(guardduty_[a-z0-9_]+(?::[a-z0-9_]+)?)(\{)?`)
	exampleLabel   = regexp.MustCompile(`\b(account_id|region|cluster_name|instance_id|target|issue_type)="[^"]+"`)
)

// ofReplica returns the query restricted to one replica. Recorded series have
// no label instance.
func ofReplica(expr, instance string) string {
	expr = strings.ReplaceAll(expr, "{__name__=~", `{instance="`+instance+`",__name__=~`)
	return metricSelector.ReplaceAllStringFunc(expr, func(name string) string {
		if strings.Contains(name, ":") || strings.HasSuffix(name, "_") {
			return name
		}
		if rest, ok := strings.CutSuffix(name, "{"); ok {
			return rest + `{instance="` + instance + `",`
		}
		return name + `{instance="` + instance + `"}`
	})
}

// anyExample matches every value in the place of the examples' labels, so that
// the query has data in the demo.
func anyExample(expr string) string { return exampleLabel.ReplaceAllString(expr, `$1=~".+"`) }

func TestOfReplica(t *testing.T) {
	for expr, want := range map[string]string{
		`max(guardduty_a{x="y"})`:            `max(guardduty_a{instance="r",x="y"})`,
		`guardduty_a - guardduty_b[5m]`:      `guardduty_a{instance="r"} - guardduty_b{instance="r"}[5m]`,
		`a:guardduty_b:sum{x="y"}`:           `a:guardduty_b:sum{x="y"}`,
		`{__name__=~"guardduty_(a|b)_info"}`: `{instance="r",__name__=~"guardduty_(a|b)_info"}`,
	} {
		if got := ofReplica(expr, "r"); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

// ofExporter finds what is about the exporters themselves, of which there are
// two, and not about what they export.
var ofExporter = regexp.MustCompile(`guardduty_exporter_|^up `)

// checkDocuments runs the queries of the documents. They must not fail, with
// the labels of the examples or without, and must give the same result with two
// replicas of the exporter as with one.
func (l live) checkDocuments(t *testing.T) {
	queries := documentQueries(t)
	if len(queries) < 50 {
		t.Errorf("%d queries in the documents", len(queries))
	}
	withData := 0
	for _, q := range queries {
		if _, err := l.instant(t.Context(), q.expr, time.Time{}); err != nil {
			t.Errorf("%s: %v:\n%s", q.file, err, q.expr)
			continue
		}
		expr := anyExample(q.expr)
		found, err := l.instant(t.Context(), expr, time.Time{})
		if err != nil {
			t.Errorf("%s: %v:\n%s", q.file, err, expr)
			continue
		}
		if len(found) > 0 {
			withData++
		}
		if ofExporter.MatchString(expr) {
			continue
		}
		if diff := l.compareReplicas(t, ofReplica(expr, "replica-1"), expr); diff != "" {
			t.Errorf("%s: the result is different with two replicas (-one +two):\n%s\n%s", q.file, expr, diff)
		}
	}
	if withData*2 < len(queries) {
		t.Errorf("only %d of %d queries have data", withData, len(queries))
	}
}

// compareReplicas returns how the results of two queries differ. It tries again
// for some seconds, because a refresh between the scrapes of the two replicas
// makes them differ until the next scrape.
func (l live) compareReplicas(t *testing.T, one, both string) string {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		now := time.Now()
		diff := cmp.Diff(l.values(t, one, now), l.values(t, both, now), cmpopts.EquateNaNs(), cmpopts.IgnoreMapEntries(dependsOnScrapes))
		if diff == "" || time.Now().After(deadline) {
			return diff
		}
		l.waitForScrape(t, time.Now())
	}
}

// dependsOnScrapes reports whether a row of "What changed" has the time of the first
// or last scrape that shows a cluster, which replicas have at different times.
func dependsOnScrapes(row string, _ []float64) bool {
	return strings.Contains(row, " change:appeared ") || strings.Contains(row, " change:no longer listed ")
}
