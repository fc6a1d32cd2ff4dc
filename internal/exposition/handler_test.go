package exposition_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pairs(labels map[string]string) []*dto.LabelPair {
	var all []*dto.LabelPair
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		all = append(all, &dto.LabelPair{Name: &name, Value: &value})
	}
	return all
}

func example() *exposition.Page {
	return exposition.Render(func(w *exposition.Writer) {
		w.Family("cluster_healthy", "Health.", []string{"name"})
		w.Sample(1, "a")
		w.Sample(0, "b")
		w.Family("cluster_issues", "Issues.", []string{"name"})
		w.Sample(3, "b")
	})
}

const examplePage = `# HELP cluster_healthy Health.
# TYPE cluster_healthy gauge
cluster_healthy{name="a"} 1
cluster_healthy{name="b"} 0
# HELP cluster_issues Issues.
# TYPE cluster_issues gauge
cluster_issues{name="b"} 3
`

// serve serves a page and the metrics of a registry until the end of the test.
func serve(t testing.TB, page func() *exposition.Page, self *prometheus.Registry) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(exposition.MetricsHandler(exposition.Options{Page: page, Self: self, Logger: slog.New(slog.DiscardHandler)}))
	t.Cleanup(server.Close)
	return server
}

// response is an HTTP response with its undecoded body.
type response struct {
	status        int
	header        http.Header
	contentLength int64 // -1 if unknown
	body          []byte
}

// page returns the decoded body.
func (r response) page(t testing.TB) string {
	t.Helper()
	if r.header.Get("Content-Encoding") == "gzip" {
		return unzip(t, r.body)
	}
	return string(r.body)
}

func get(t testing.TB, url string, header http.Header) response {
	t.Helper()
	return request(t, http.MethodGet, url, header)
}

// request sends a request with exactly these headers.
func request(t testing.TB, method, url string, header http.Header) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return response{resp.StatusCode, resp.Header, resp.ContentLength, body}
}

// unzip decompresses one gzip member, which must end the body.
func unzip(t testing.TB, body []byte) string {
	t.Helper()
	rest := bytes.NewReader(body)
	r, err := gzip.NewReader(rest)
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	r.Multistream(false)
	text, err := io.ReadAll(r)
	if err != nil || rest.Len() > 0 {
		t.Errorf("%v, %d bytes after the gzip member", err, rest.Len())
	}
	return string(text)
}

func TestFormats(t *testing.T) {
	self := prometheus.NewRegistry()
	self.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: `A "total".`}))
	url := serve(t, example, self).URL
	const (
		text        = "text/plain; version=0.0.4; charset=utf-8; escaping="
		openMetrics = "application/openmetrics-text; version="
	)
	for _, tc := range []struct{ accept, want string }{
		{"", text + "underscores"},
		{"*/*", text + "underscores"},
		{"application/openmetrics-text", openMetrics + "0.0.1; charset=utf-8; escaping=underscores"},
		{"text/html, application/xhtml+xml;q=0.9", text + "underscores"},
		{"text/plain", text + "underscores"},
		{"text/plain;version=0.0.4;escaping=allow-utf-8", text + "allow-utf-8"},
		{"application/openmetrics-text;version=1.0.0;escaping=values", openMetrics + "1.0.0; charset=utf-8; escaping=values"},
		{"application/openmetrics-text;version=0.0.1", openMetrics + "0.0.1; charset=utf-8; escaping=underscores"},
		{"application/openmetrics-text;version=2.0.0", text + "underscores"},
		{"application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.2", text + "underscores"},
		{"application/openmetrics-text;version=1.0.0;q=0,text/plain", text + "underscores"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", text + "underscores"},
		{ // Prometheus 3 with native histograms
			"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6," +
				"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
			openMetrics + "1.0.0; charset=utf-8; escaping=allow-utf-8",
		},
		{"nonsense;;;", text + "underscores"},
	} {
		for _, encoding := range []string{"", "gzip"} {
			r := get(t, url, http.Header{"Accept": {tc.accept}, "Accept-Encoding": {encoding}})
			page := r.page(t)
			if got := r.header.Get("Content-Type"); got != tc.want || r.header.Get("Content-Encoding") != encoding {
				t.Errorf("%s, %q: %s, %q; want %s", tc.accept, encoding, got, r.header.Get("Content-Encoding"), tc.want)
			}
			if got := r.header.Values("Vary"); !slices.Contains(got, "Accept") || !slices.Contains(got, "Accept-Encoding") {
				t.Errorf("Vary: %q", got)
			}
			counter := "# HELP a_total A \"total\".\n# TYPE a_total counter\na_total 0\n"
			if strings.HasPrefix(tc.want, openMetrics) {
				counter = "# HELP a A \\\"total\\\".\n# TYPE a counter\na_total 0.0\n"
			}
			if !strings.HasPrefix(page, examplePage+counter) {
				t.Errorf("%s, %q:\n%s", tc.accept, encoding, page)
			}
			if got := strings.Count(page, "# EOF\n"); got != strings.Count(tc.want, "openmetrics") || got == 1 && !strings.HasSuffix(page, "\n# EOF\n") {
				t.Errorf("%s, %q: %d EOF lines, last line is %q", tc.accept, encoding, got, page[strings.LastIndex(page[:len(page)-1], "\n"):])
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	url := serve(t, example, prometheus.NewRegistry()).URL
	for _, tc := range []struct {
		accept []string
		gzip   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZip"}, true},
		{[]string{" gzip ; q=0.5 , deflate"}, true},
		{[]string{"gzip;Q=1.000"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip;q=0.000, *"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"*;q=0", "gzip"}, true},
		{[]string{"deflate, br, zstd"}, false},
		{[]string{"br", "deflate", "gzip"}, true},
		{[]string{"identity"}, false},
		{[]string{"identity, gzip"}, true},
		{[]string{"identity, gzip;q=1"}, true},
		{[]string{"identity;q=1, gzip;q=0.5"}, false},
		{[]string{"identity;q=0"}, false}, // nothing is acceptable: identity is served
		{[]string{"identity;q=0.5, *;q=0.7"}, true},
		{[]string{"gzip;q=nonsense"}, false},
		{[]string{"gzip;q=2"}, false},
		{[]string{"gzip;q=NaN"}, false},
		{[]string{"gzip;level=9"}, false},
		{[]string{",,;q=1,gzip"}, true},
		{[]string{"gzippy"}, false},
	} {
		r := get(t, url, http.Header{"Accept-Encoding": tc.accept})
		if got := r.header.Get("Content-Encoding") == "gzip"; got != tc.gzip {
			t.Errorf("%q: gzip is %t", tc.accept, got)
		}
		if page := r.page(t); !strings.HasPrefix(page, examplePage) {
			t.Errorf("%q:\n%s", tc.accept, page)
		}
	}
}

func TestHead(t *testing.T) {
	url := serve(t, example, prometheus.NewRegistry()).URL
	for _, encoding := range []string{"", "gzip"} {
		r := request(t, http.MethodHead, url, http.Header{"Accept-Encoding": {encoding}})
		if r.status != http.StatusOK || len(r.body) > 0 || r.contentLength >= 0 || r.header.Get("Content-Encoding") != encoding ||
			!strings.HasPrefix(r.header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("%q: %d, %d bytes of %d, %v", encoding, r.status, len(r.body), r.contentLength, r.header)
		}
	}
}

func TestFamiliesByName(t *testing.T) {
	self := prometheus.NewRegistry()
	self.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "own", Help: "Own."}))
	url := serve(t, example, self).URL
	const own = "# HELP own Own.\n# TYPE own gauge\nown 0\n"
	_, issues, _ := strings.Cut(examplePage, "\n# HELP cluster_issues")
	issues = "# HELP cluster_issues" + issues
	for _, tc := range []struct{ query, want string }{
		{"name[]=cluster_issues", issues},
		{"name[]=own&name[]=cluster_issues", issues + own},
		{"name[]=cluster_healthy&name[]=cluster_issues", examplePage},
		{"name[]=own", own},
		{"name[]=cluster", ""},
	} {
		for _, encoding := range []string{"", "gzip"} {
			r := get(t, url+"?"+tc.query, http.Header{"Accept-Encoding": {encoding}})
			if diff := cmp.Diff(tc.want, r.page(t)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", tc.query, diff)
			}
		}
	}
}

// TestNoSelfMetrics serves the page although self writes nothing.
func TestNoSelfMetrics(t *testing.T) {
	self := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(exposition.Handler(example, self))
	defer server.Close()
	for _, encoding := range []string{"", "gzip"} {
		if page := get(t, server.URL, http.Header{"Accept-Encoding": {encoding}}).page(t); page != examplePage {
			t.Errorf("%q: %q", encoding, page)
		}
	}
}

func TestPageIsServedOnlyWithStatus200(t *testing.T) {
	for status, want := range map[int]string{http.StatusOK: examplePage + "text", http.StatusServiceUnavailable: "text"} {
		self := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "text")
		})
		server := httptest.NewServer(exposition.Handler(example, self))
		for _, encoding := range []string{"", "gzip"} {
			r := get(t, server.URL, http.Header{"Accept-Encoding": {encoding}})
			if r.status != status || r.page(t) != want {
				t.Errorf("%d, %q: %d %q", status, encoding, r.status, r.page(t))
			}
		}
		server.Close()
	}
}

// TestLateStatusIsIgnored: a status after the body has started does not change the
// response.
func TestLateStatusIsIgnored(t *testing.T) {
	self := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "te")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "xt")
	})
	server := httptest.NewServer(exposition.Handler(example, self))
	t.Cleanup(server.Close)
	for _, encoding := range []string{"", "gzip"} {
		r := get(t, server.URL, http.Header{"Accept-Encoding": {encoding}})
		if page := r.page(t); r.status != http.StatusOK || page != examplePage+"text" {
			t.Errorf("%q: %d %q", encoding, r.status, page)
		}
	}
}

// TestScrapesOverTheLimit has a limit of zero scrapes.
func TestScrapesOverTheLimit(t *testing.T) {
	self := prometheus.NewRegistry()
	handler := exposition.MetricsHandler(exposition.Options{Page: example, Self: self, Logger: slog.New(slog.DiscardHandler), Limit: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	}})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if r := get(t, server.URL, nil); r.status != http.StatusServiceUnavailable || strings.Contains(r.page(t), "cluster") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := counter(t, self, "promhttp_metric_handler_requests_total", "503"); n != 1 {
		t.Errorf("%v rejected scrapes counted, want 1", n)
	}
}

// counter returns the value of a counter with this label value.
func counter(t *testing.T, from prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// broken is a collector of an invalid metric.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}

func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(errors.New("broken")), errors.New("broken"))
}

func TestGatherErrorOmitsOnlyTheFamily(t *testing.T) {
	self := prometheus.NewRegistry()
	self.MustRegister(broken{}, prometheus.NewGauge(prometheus.GaugeOpts{Name: "fine"}))
	var log strings.Builder
	handler := exposition.MetricsHandler(exposition.Options{Page: example, Self: self, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		page := recorder.Body.String()
		if recorder.Code != http.StatusOK || !strings.HasPrefix(page, examplePage) || !strings.Contains(page, "\nfine 0\n") {
			t.Errorf("%d %s", recorder.Code, page)
		}
	}
	page := httptest.NewRecorder()
	handler.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	for _, line := range []string{
		`promhttp_metric_handler_errors_total{cause="gathering"} 2`,
		`promhttp_metric_handler_requests_total{code="200"} 2`,
		`promhttp_metric_handler_requests_in_flight 1`,
	} {
		if !strings.Contains(page.Body.String(), "\n"+line+"\n") {
			t.Errorf("%s is not on the page:\n%s", line, page.Body)
		}
	}
	if got := log.String(); strings.Count(got, `level=ERROR msg="error gathering metrics"`) != 3 || !strings.Contains(got, "broken") {
		t.Errorf("log: %s", &log)
	}
}

// TestConcurrentScrapes replaces the page while it is scraped: each response has
// one page and all of it.
func TestConcurrentScrapes(t *testing.T) {
	numbered := func(n int) *exposition.Page {
		return exposition.Render(func(w *exposition.Writer) {
			w.Family("n", "N.", []string{"i"})
			for i := range 500 {
				w.Sample(float64(n), strings.Repeat("x", i))
			}
		})
	}
	var current atomic.Pointer[exposition.Page]
	current.Store(numbered(7))
	self := prometheus.NewRegistry()
	self.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "own"}))
	url := serve(t, current.Load, self).URL
	var scrapes sync.WaitGroup
	for _, encoding := range []string{"", "gzip", "", "gzip"} {
		scrapes.Go(func() {
			for range 20 {
				page := get(t, url, http.Header{"Accept-Encoding": {encoding}}).page(t)
				_, number, _ := strings.Cut(page, "} ")
				number, _, _ = strings.Cut(number, "\n")
				if n := strings.Count(page, "} "+number+"\n"); n != 500 || !strings.Contains(page, "\nown 0\n") {
					t.Errorf("%d samples of page %s", n, number)
				}
			}
		})
	}
	for n := range 50 {
		current.Store(numbered(100 + n))
	}
	scrapes.Wait()
}

// disconnecting is a client that disconnects after some bytes.
type disconnecting struct {
	http.ResponseWriter
	remaining int
	failed    int // writes after that
}

func (d *disconnecting) Write(p []byte) (int, error) {
	if d.remaining -= len(p); d.remaining < 0 {
		d.failed++
		return 0, errors.New("disconnected")
	}
	return len(p), nil
}

func TestClientDisconnects(t *testing.T) {
	self := prometheus.NewRegistry()
	handler := exposition.MetricsHandler(exposition.Options{Page: example, Self: self, Logger: slog.New(slog.DiscardHandler)})
	for _, header := range []http.Header{{}, {"Accept-Encoding": {"gzip"}}} {
		for remaining := range 400 {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			req.Header = header
			handler.ServeHTTP(&disconnecting{ResponseWriter: httptest.NewRecorder(), remaining: remaining}, req)
		}
		recorder := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Header = header
		handler.ServeHTTP(recorder, req)
		r := response{header: recorder.Header(), body: recorder.Body.Bytes()}
		if page := r.page(t); !strings.HasPrefix(page, examplePage) || !strings.Contains(page, "\npromhttp_metric_handler_requests_total{code=\"200\"}") {
			t.Errorf("the next client receives %s", page)
		}
	}
}

// TestNoWritesAfterTheClientDisconnects: self is not sent after an error in the
// page, however many writes it makes.
func TestNoWritesAfterTheClientDisconnects(t *testing.T) {
	self := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			if _, err := io.WriteString(w, "own 1\n"); err == nil {
				t.Error("no error")
			}
		}
	})
	for name, req := range map[string]*http.Request{
		"text":     httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil),
		"gzip":     httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil),
		"families": httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?name[]=cluster_healthy", nil),
	} {
		if name == "gzip" {
			req.Header.Set("Accept-Encoding", "gzip")
		}
		client := &disconnecting{ResponseWriter: httptest.NewRecorder()}
		exposition.Handler(example, self).ServeHTTP(client, req)
		if client.failed != 1 {
			t.Errorf("%s: %d failed writes, want 1", name, client.failed)
		}
	}
}

// FuzzGzip: any page and any self metrics are one gzip member with the right
// checksum and length.
func FuzzGzip(f *testing.F) {
	f.Add("value", uint16(1), []byte("own 1\n"), uint16(1))
	f.Add("", uint16(0), []byte{}, uint16(0))
	f.Add("\x00\xff\"", uint16(3000), []byte("# EOF\n"), uint16(2))
	f.Add("x", uint16(1), []byte("0123456789"), uint16(30000))
	f.Fuzz(func(t *testing.T, value string, samples uint16, self []byte, times uint16) {
		page := exposition.Render(func(w *exposition.Writer) {
			w.Family("a", "A.", []string{"i", "v"})
			for i := range samples {
				w.Sample(float64(i), strings.Repeat("i", int(i%300)), value)
			}
		})
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range times {
				if _, err := w.Write(self); err != nil {
					t.Error(err)
				}
			}
		})
		recorder := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Header.Set("Accept-Encoding", "gzip")
		exposition.Handler(func() *exposition.Page { return page }, handler).ServeHTTP(recorder, req)
		if got, want := unzip(t, recorder.Body.Bytes()), text(t, page)+strings.Repeat(string(self), int(times)); got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}
