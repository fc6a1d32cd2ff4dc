package app

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

func TestPageExpiresWithItsFirstSnapshot(t *testing.T) {
	a, first := &app{}, time.Unix(1_800_000_000, 0)
	for name, expires := range map[string]time.Time{"later": first.Add(time.Minute), "first": first, "without data": {}} {
		r := coverage.Report{Target: coverage.TargetID{Name: name, Region: "us-east-1"}, Expires: expires}
		if !expires.IsZero() {
			r.Snapshot = &coverage.Snapshot{}
		}
		a.store.Put(r)
	}
	if _, expires := a.render(); !expires.Equal(first) {
		t.Errorf("the page expires at %v, want %v", expires, first)
	}
}

// TestPageEqualsThatOfARegistry compares pages of random reports. The registry is
// pedantic: it rejects two samples with the same labels and invalid UTF-8.
func TestPageEqualsThatOfARegistry(t *testing.T) {
	seen := map[string]bool{}
	rare := []string{ // one for each seed, in turns
		"text/plain; version=0.0.4; escaping=dots", "text/plain; version=0.0.4; escaping=values",
		"application/openmetrics-text; version=1.0.0; escaping=dots", "application/openmetrics-text; version=1.0.0; escaping=values",
		"application/openmetrics-text; version=0.0.1",
	}
	seeds := uint64(15)
	if os.Getenv("CI") == "true" {
		seeds = 50
	}
	for seed := range seeds {
		in, tags := randomInput(rand.New(rand.NewPCG(seed, 1))), []string{"team", "cost-center"}[:seed%3]
		domain := prometheus.NewPedanticRegistry()
		domain.MustRegister(collector.New(func() collector.Input { return in }, tags...))
		families, err := domain.Gather()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, f := range families {
			seen[f.GetName()] = true
		}
		own := func() *prometheus.Registry {
			self := prometheus.NewRegistry()
			NewSelfMetrics(self, nil)
			return self
		}
		page := renderPage(in, tags...)
		got := exposition.MetricsHandler(exposition.Options{Page: func() *exposition.Page { return page }, Self: own(), Logger: discard()})
		self := own()
		want := promhttp.InstrumentMetricHandler(self, promhttp.HandlerFor(
			prometheus.Gatherers{domain, self}, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: self},
		))
		for _, accept := range []string{"text/plain", "application/openmetrics-text; version=1.0.0", rare[seed%uint64(len(rare))]} {
			for _, encoding := range []string{"identity", "gzip"} {
				header := http.Header{"Accept": {accept}, "Accept-Encoding": {encoding}}
				if diff := cmp.Diff(scrape(t, want, header), scrape(t, got, header)); diff != "" {
					t.Fatalf("seed %d, %s, %s, -registry +page:\n%s", seed, accept, encoding, diff)
				}
			}
		}
	}
	for _, f := range collector.Families() {
		if !seen[f.Name] {
			t.Errorf("%s is in no page", f.Name)
		}
	}
}

// scrape decodes a page according to its headers. It returns the format, the value
// of each series, and the type and help of each family.
func scrape(t *testing.T, h http.Handler, header http.Header) map[string]string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	req.Header = header
	response := httptest.NewRecorder()
	h.ServeHTTP(response, req)
	format := expfmt.ResponseFormat(response.Header())
	if response.Code != http.StatusOK || (format.FormatType() == expfmt.TypeOpenMetrics) != strings.Contains(header.Get("Accept"), "openmetrics") {
		t.Errorf("%d %s", response.Code, format)
	}
	format = expfmt.FmtText // also for OpenMetrics, whose last line is a comment in it
	var body io.Reader = response.Body
	if header.Get("Accept-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]string{"Content-Type": response.Header().Get("Content-Type")}
	decoder := expfmt.NewDecoder(body, format)
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		add(t, found, "# "+f.GetName(), fmt.Sprint(f.GetType(), " ", f.GetHelp()))
		for _, m := range f.GetMetric() {
			add(t, found, f.GetName()+fmt.Sprint(m.GetLabel()), m.String())
		}
	}
}

func add(t *testing.T, found map[string]string, key, value string) {
	t.Helper()
	if _, ok := found[key]; ok {
		t.Errorf("duplicate: %s", key)
	}
	found[key] = value
}

// TestPageIsValidOpenMetrics parses strictly, which is slow.
func TestPageIsValidOpenMetrics(t *testing.T) {
	page := renderPage(randomInput(rand.New(rand.NewPCG(1, 2))), "team")
	response := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	exposition.MetricsHandler(exposition.Options{Page: func() *exposition.Page { return page }, Self: prometheus.NewRegistry(), Logger: discard()}).ServeHTTP(response, req)
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	families := 0
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		families++
	}
	if families < 20 {
		t.Errorf("%d families", families)
	}
}

// texts are names and issues as AWS or a cluster's owner may choose them.
func texts() []string {
	return []string{
		"", "a", "a ", `quo"ted\`, "new\nline", "größe-東京", "\xff\xfe", "a\x00b", "\u202eevil", "# EOF", `"} 1`,
		strings.Repeat("東", 100), "Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'a:1'",
		"Waiting for SSM notification", "Agent not provisioned: Missing network configuration 'x'",
	}
}

// randomInput returns a view of few reports with odd texts and many equal values.
func randomInput(r *rand.Rand) collector.Input {
	var reports []coverage.Report
	for i := range r.IntN(6) {
		one := coverage.Report{
			Target: coverage.TargetID{Name: fmt.Sprint(`target "`, i/2, `"`), Region: []string{"r-1", "r-2"}[i%2]}, AccountID: pick(r, "", "1", "2"),
			State:    coverage.States()[r.IntN(len(coverage.States()))],
			Duration: time.Duration(r.Int64()),
		}
		if r.IntN(4) > 0 {
			one.LastSuccess = randomTime(r)
			one.Snapshot = randomSnapshot(r, one.Target.Region)
		}
		reports = append(reports, one)
	}
	view, ecs := coverage.Merge(reports), randomECS(r)
	var targets []coverage.TargetID
	for i := range reports {
		targets = append(targets, reports[i].Target)
	}
	now := time.Unix(1.7e9, 0)
	return collector.Input{
		View: view,
		ECS:  ecs,
		Exclusions: exclusion.Apply(exclusion.Input{Now: now, View: view, ECS: ecs, Targets: targets, Entries: []exclusion.Entry{
			{Name: "first", AccountID: pick(r, "", "1"), Region: pick(r, "", "r-1"), ClusterName: "*", Until: now, Owner: coverage.Sanitize(pick(r, texts()...))},
			{Name: "ended", ClusterName: "*", Until: now.AddDate(0, 0, -2)},
		}}),
		Issues:        collector.IssueOptions{Text: r.IntN(2) == 0, MaxPerCluster: r.IntN(4)},
		OnlyUnhealthy: r.IntN(4) == 0,
	}
}

func randomSnapshot(r *rand.Rand, region string) *coverage.Snapshot {
	clean := func() string { return coverage.Sanitize(pick(r, texts()...)) }
	consistent := r.IntN(2) == 0
	s := &coverage.Snapshot{
		Consistent: &consistent, NarrowedByStatus: r.IntN(4) == 0,
		Accounts: []string{pick(r, "1", "2")}, Types: []coverage.ResourceType{coverage.ECS},
		Statistics: map[coverage.ResourceType]coverage.Counts{
			coverage.ECS: {coverage.Healthy: r.Int64(), coverage.Status(clean()): 1},
		},
		Detectors:          []coverage.Detector{{AccountID: pick(r, "1", "2"), Region: region}},
		Features:           []coverage.Feature{{AccountID: pick(r, "1", "2"), Region: region, Name: clean(), UpdatedAt: randomTime(r)}},
		Members:            []coverage.Member{{AccountID: pick(r, "1", "2"), Region: region, Relationship: coverage.Relationship(clean())}},
		AccountNames:       []coverage.AccountName{{AccountID: pick(r, "1", "2"), Name: clean()}},
		StatisticsByType:   map[coverage.ResourceType]int64{coverage.ECS: 1, coverage.EC2: 2},
		UnprocessedMembers: new(int),
		Capabilities:       []coverage.Capability{{Name: "detector", OK: true}, {Name: "members"}, {Name: "member_detectors", OK: true}},
	}
	for range r.IntN(30) {
		row := coverage.Row{
			Key: coverage.Key{
				Type:      []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS}[r.IntN(3)],
				AccountID: pick(r, "1", "2"), Region: region, Name: pick(r, texts()...),
			},
			Status:         coverage.Status(pick(r, "HEALTHY", "UNHEALTHY", "", "DE\"GRADED")),
			ManagementType: pick(r, texts()...),
			Covered:        r.Int64N(math.MaxInt64) - 1, Compatible: r.Int64N(4) - 1,
			UpdatedAt: randomTime(r),
			Instance:  coverage.Instance{Type: pick(r, texts()...), ClusterARN: "arn:aws:ecs:" + region + ":1:cluster/" + pick(r, texts()...)},
			Addon:     coverage.Addon{Version: pick(r, texts()...), Status: pick(r, texts()...)},
		}
		for range r.IntN(4) {
			row.Issues = append(row.Issues, pick(r, texts()...))
		}
		s.Resources = append(s.Resources, coverage.New(row))
	}
	s.Resources = coverage.Dedupe(s.Resources)
	return s
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func randomTime(r *rand.Rand) time.Time {
	return []time.Time{{}, then, time.Unix(0, 0), time.UnixMilli(1), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)}[r.IntN(5)]
}
