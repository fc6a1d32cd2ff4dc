package app

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unique"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

// fleet is the fleet of an administrator: accounts with 50 ECS clusters each.
type fleet struct {
	clusters int
	// healthy clusters have 5 series each. Others have 8 on average: one has an
	// issue, the next one two of different types.
	healthy bool
	// shared reports whether equal accounts, Regions and words are one string in
	// memory. Otherwise each row has its own, like decoded rows.
	shared bool
}

func (f fleet) report() coverage.Report {
	s := &coverage.Snapshot{
		Resources: make([]coverage.Resource, 0, f.clusters),
		Types:     []coverage.ResourceType{coverage.ECS},
	}
	for i := range f.clusters {
		s.Resources = append(s.Resources, coverage.New(f.row(i)))
	}
	s.Resources = coverage.Dedupe(s.Resources)
	return coverage.Report{
		Target: coverage.TargetID{Name: "organization", Region: "eu-central-1"}, AccountID: home,
		State: coverage.OK, LastSuccess: then, Duration: time.Second, Snapshot: s,
	}
}

func (f fleet) row(i int) coverage.Row {
	word := strings.Clone
	if f.shared {
		word = func(s string) string { return unique.Make(s).Value() }
	}
	row := coverage.Row{
		Key: coverage.Key{
			Type: coverage.ECS, AccountID: word(fmt.Sprintf("1%011d", i/50)), Region: word("eu-central-1"),
			Name: fmt.Sprintf("production-%05d-cluster", i%99_991),
		},
		Status: coverage.Status(word("HEALTHY")), ManagementType: word("AUTO_MANAGED"),
		Covered: int64(i % 7), Compatible: 7, UpdatedAt: then.Add(time.Duration(i) * time.Second),
	}
	if f.healthy {
		return row
	}
	row.Status = coverage.Status(word("UNHEALTHY"))
	row.Issues = []string{fmt.Sprintf("Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'service-%d:7'", i)}
	if i%2 == 0 {
		row.Issues = append(row.Issues, fmt.Sprintf("Agent not reporting for tasks in TaskDefinition - 'service-%d:8'", i))
	}
	return row
}

func inputOf(reports ...coverage.Report) collector.Input {
	return collector.Input{View: coverage.Merge(reports), Issues: collector.IssueOptions{Text: true, MaxPerCluster: 20}}
}

// own returns a registry with the exporter's own metrics, as build registers them.
func own() *prometheus.Registry {
	self := prometheus.NewRegistry()
	NewSelfMetrics(self, nil)
	self.MustRegister(newGoMetrics(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return self
}

func ordinary(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.InstrumentMetricHandler(prometheus.NewRegistry(), promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
}

// static serves bytes from a file.
func static(b *testing.B, text []byte) http.Handler {
	b.Helper()
	file := filepath.Join(b.TempDir(), "page")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		http.ServeFile(w, r, file)
	})
}

// bodyOf returns the body of a handler's response as it is sent.
func bodyOf(b *testing.B, h http.Handler, encoding string) []byte {
	b.Helper()
	answer := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept-Encoding", encoding)
	h.ServeHTTP(answer, req)
	if (answer.Header().Get("Content-Encoding") == "gzip") != (encoding == "gzip") {
		b.Fatalf("%q: %v", encoding, answer.Header())
	}
	return answer.Body.Bytes()
}

// orders are the input of the client process, one line of JSON.
type orders struct {
	URL      string
	Encoding string
	Scrapes  int
}

const asClient = "GUARDDUTY_COVERAGE_EXPORTER_TEST_SCRAPES"

// TestClientProcess is not a test but the client of the benchmarks. It is a
// separate process, so that its CPU time does not count.
func TestClientProcess(t *testing.T) {
	if os.Getenv(asClient) == "" {
		t.Skip("is run by the benchmarks")
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 1 << 20}}
	defer client.CloseIdleConnections()
	in := json.NewDecoder(os.Stdin)
	for {
		var o orders
		if in.Decode(&o) != nil {
			return
		}
		var took []time.Duration
		for range o.Scrapes {
			started := time.Now()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept-Encoding", o.Encoding)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			took = append(took, time.Since(started))
		}
		if err := json.NewEncoder(os.Stderr).Encode(took); err != nil {
			t.Fatal(err)
		}
	}
}

// scraper controls the client process.
type scraper struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Reader
}

func newScraper(b *testing.B) *scraper {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestClientProcess$") // ends with its input
	cmd.Env = append(os.Environ(), asClient+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	return &scraper{b: b, in: in, out: bufio.NewReader(out)}
}

// scrape returns the client's latency of each scrape.
func (s *scraper) scrape(o orders) []time.Duration {
	s.b.Helper()
	if err := json.NewEncoder(s.in).Encode(o); err != nil {
		s.b.Fatal(err)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		s.b.Fatal(err)
	}
	var took []time.Duration
	if err := json.Unmarshal(line, &took); err != nil {
		s.b.Fatalf("%v: %s", err, line)
	}
	return took
}

// processTime returns the CPU time of this process, user and system.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// cost is the cost of a number of scrapes.
type cost struct {
	cpu         time.Duration
	allocations uint64
	scrapes     int
}

func (c cost) each() float64 { return float64(c.cpu) / float64(c.scrapes) }

// contest measures handlers alternately.
type contest struct {
	scraper  *scraper
	encoding string
	urls     map[string]string
	batch    map[string]int // scrapes per turn
	costs    map[string]cost
}

func newContest(b *testing.B, encoding string, scrapes int, handlers map[string]http.Handler) *contest {
	b.Helper()
	c := &contest{scraper: newScraper(b), encoding: encoding, urls: map[string]string{}, batch: map[string]int{}, costs: map[string]cost{}}
	for name, h := range handlers {
		server := httptest.NewServer(h)
		b.Cleanup(server.Close)
		c.urls[name], c.batch[name] = server.URL, scrapes
	}
	return c
}

func (c *contest) turn(b *testing.B) {
	b.Helper()
	for name, url := range c.urls {
		c.scraper.scrape(orders{url, c.encoding, 1}) // opens the connection
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := processTime(b)
		c.scraper.scrape(orders{url, c.encoding, c.batch[name]})
		total := c.costs[name]
		total.cpu += processTime(b) - begun
		runtime.ReadMemStats(&after)
		total.allocations += after.Mallocs - before.Mallocs
		total.scrapes += c.batch[name]
		c.costs[name] = total
	}
}

// BenchmarkScrape compares the CPU time of a scrape with gzip with that of a static
// file of the same bytes and of the exporter's own metrics only.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []struct{ clusters, scrapes int }{{4_000, 100}, {50_000, 40}, {500_000, 10}} {
		b.Run(fmt.Sprint(size.clusters), func(b *testing.B) {
			page := renderPage(inputOf(fleet{clusters: size.clusters}.report()))
			h := exposition.MetricsHandler(exposition.Options{Page: func() *exposition.Page { return page }, Self: own(), Logger: discard()})
			c := newContest(b, "gzip", size.scrapes, map[string]http.Handler{
				"page": h, "static": static(b, bodyOf(b, h, "gzip")), "self": ordinary(own()),
			})
			for b.Loop() {
				c.turn(b)
			}
			b.ReportMetric(c.costs["page"].each()/1e6, "cpu-ms")
			b.ReportMetric(c.costs["static"].each()/1e6, "static-ms")
			b.ReportMetric(c.costs["self"].each()/1e6, "self-ms")
			b.ReportMetric(c.costs["page"].each()/(c.costs["static"].each()+c.costs["self"].each()), "x-static+self")
			b.ReportMetric(float64(c.costs["page"].allocations)/float64(c.costs["page"].scrapes), "allocs/scrape")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkScrapeOfOrdinaryCollector compares a scrape with that of a registry with
// the same families.
func BenchmarkScrapeOfOrdinaryCollector(b *testing.B) {
	for _, clusters := range []int{4_000, 50_000} {
		b.Run(fmt.Sprint(clusters), func(b *testing.B) {
			in := inputOf(fleet{clusters: clusters}.report())
			page := renderPage(in)
			domain := prometheus.NewRegistry()
			domain.MustRegister(collector.New(func() collector.Input { return in }))
			c := newContest(b, "gzip", 40, map[string]http.Handler{
				"page":     exposition.MetricsHandler(exposition.Options{Page: func() *exposition.Page { return page }, Self: own(), Logger: discard()}),
				"ordinary": ordinary(prometheus.Gatherers{domain, own()}),
			})
			c.batch["ordinary"] = 1
			for b.Loop() {
				c.turn(b)
			}
			b.ReportMetric(c.costs["page"].each()/1e6, "cpu-ms")
			b.ReportMetric(c.costs["ordinary"].each()/1e6, "ordinary-ms")
			b.ReportMetric(c.costs["ordinary"].each()/c.costs["page"].each(), "times-less")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkScrapeWithoutGzip compares a scrape without gzip with a static file of
// the same text.
func BenchmarkScrapeWithoutGzip(b *testing.B) {
	for _, clusters := range []int{4_000, 50_000, 500_000} {
		b.Run(fmt.Sprint(clusters), func(b *testing.B) {
			page := renderPage(inputOf(fleet{clusters: clusters}.report()))
			h := exposition.MetricsHandler(exposition.Options{Page: func() *exposition.Page { return page }, Self: own(), Logger: discard()})
			c := newContest(b, "identity", 5, map[string]http.Handler{"page": h, "static": static(b, bodyOf(b, h, "identity"))})
			for b.Loop() {
				c.turn(b)
			}
			b.ReportMetric(c.costs["page"].each()/1e6, "cpu-ms")
			b.ReportMetric(c.costs["static"].each()/1e6, "static-ms")
			b.ReportMetric(c.costs["page"].each()/c.costs["static"].each(), "x-static")
			b.ReportMetric(float64(c.costs["page"].allocations)/float64(c.costs["page"].scrapes), "allocs/scrape")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRender measures the cost per cluster of merging the reports and of
// writing and compressing the page.
func BenchmarkRender(b *testing.B) {
	for _, f := range []fleet{{clusters: 4_000}, {clusters: 50_000}, {clusters: 50_000, shared: true}, {clusters: 500_000}, {clusters: 500_000, shared: true}} {
		b.Run(fmt.Sprintf("%d/shared=%t", f.clusters, f.shared), func(b *testing.B) {
			report := f.report()
			var merging, rendering time.Duration
			n := 0
			for b.Loop() {
				begun := processTime(b)
				in := inputOf(report)
				merged := processTime(b)
				renderPage(in)
				rendering += processTime(b) - merged
				merging += merged - begun
				n += f.clusters
			}
			b.ReportMetric(float64(merging)/float64(n)/1e3, "merge-us/cluster")
			b.ReportMetric(float64(rendering)/float64(n)/1e3, "render-us/cluster")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkKeptMemory measures the heap per cluster of the store's reports and of
// the page.
func BenchmarkKeptMemory(b *testing.B) {
	for _, f := range []fleet{
		{clusters: 50_000},
		{clusters: 50_000, shared: true},
		{clusters: 50_000, healthy: true},
		{clusters: 50_000, healthy: true, shared: true},
		{clusters: 500_000},
		{clusters: 500_000, shared: true},
	} {
		b.Run(fmt.Sprintf("%d/healthy=%t/shared=%t", f.clusters, f.healthy, f.shared), func(b *testing.B) {
			var domain, all float64
			for b.Loop() {
				var s store.Store
				empty := liveHeap()
				s.Put(f.report())
				domain = liveHeap() - empty
				page := renderPage(collector.Input{View: s.View(), Issues: collector.IssueOptions{Text: true, MaxPerCluster: 20}})
				all = liveHeap() - empty
				runtime.KeepAlive(&s)
				runtime.KeepAlive(page)
			}
			n := float64(f.clusters)
			b.ReportMetric(domain/n, "domain-B/cluster")
			b.ReportMetric((all-domain)/n, "page-B/cluster")
			b.ReportMetric(all/n, "B/cluster")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// liveHeap returns the size of the reachable heap in bytes.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // the first one keeps what is in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkScrapeLatency compares the latency of scrapes during continuous
// rendering with that without rendering.
func BenchmarkScrapeLatency(b *testing.B) {
	for _, clusters := range []int{4_000, 50_000} {
		for _, processors := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/processors=%d", clusters, processors), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				benchmarkLatency(b, fleet{clusters: clusters}.report())
			})
		}
	}
}

func benchmarkLatency(b *testing.B, report coverage.Report) {
	b.Helper()
	var refreshing atomic.Bool
	var p *renderer
	p = newRenderer(rendererOptions{render: func() (*exposition.Page, time.Time) {
		if refreshing.Load() {
			defer p.Changed() // render continuously
		}
		return renderPage(inputOf(report)), time.Time{}
	}, ready: func() bool { return true }})
	p.Render()
	var running sync.WaitGroup
	running.Go(func() { p.run(b.Context()) })
	b.Cleanup(running.Wait)
	server := httptest.NewServer(exposition.MetricsHandler(exposition.Options{Page: p.Page, Self: own(), Logger: discard()}))
	b.Cleanup(server.Close)
	client := newScraper(b)
	var quiet, busy []time.Duration
	for b.Loop() {
		o := orders{server.URL, "gzip", 1000}
		quiet = append(quiet, client.scrape(o)...)
		refreshing.Store(true)
		p.Changed()
		busy = append(busy, client.scrape(o)...)
		refreshing.Store(false)
	}
	b.ReportMetric(float64(p99(quiet))/1e6, "quiet-p99-ms")
	b.ReportMetric(float64(p99(busy))/1e6, "busy-p99-ms")
	b.ReportMetric(float64(p99(busy))/float64(p99(quiet)), "x-quiet")
	b.ReportMetric(0, "ns/op")
}

func p99(d []time.Duration) time.Duration {
	slices.SortFunc(d, cmp.Compare[time.Duration])
	return d[len(d)*99/100]
}
