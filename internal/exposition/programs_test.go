package exposition_test

import (
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

const readWithPython = `
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
response = urllib.request.urlopen(request)
assert response.headers["Content-Encoding"] == "gzip"
sys.stdout.buffer.write(gzip.decompress(response.read()))
`

// encodings records the encodings that clients accepted and received.
type encodings struct {
	mu                 sync.Mutex
	accepted, received []string
}

// handler records the responses of another handler.
func (e *encodings) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.accepted = append(e.accepted, r.Header.Get("Accept-Encoding"))
		e.received = append(e.received, w.Header().Get("Content-Encoding"))
	})
}

// checkGzip fails the test unless all responses were compressed.
func (e *encodings) checkGzip(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.received) == 0 {
		t.Error("no response was recorded")
	}
	for i, got := range e.received {
		if got != "gzip" || !strings.Contains(e.accepted[i], "gzip") {
			t.Errorf("accepted %q, received %q", e.accepted[i], got)
		}
	}
}

// TestProgramsReadTheWholePage runs programs that ignore or reject data after
// the first gzip member.
func TestProgramsReadTheWholePage(t *testing.T) {
	const clusters = 5000
	page := exposition.Render(func(w *exposition.Writer) {
		w.Family("healthy", "Health.", []string{"name"})
		for i := range clusters {
			w.Sample(1, "cluster-"+strconv.Itoa(i))
		}
	})
	self := prometheus.NewRegistry()
	self.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "own", Help: "Own."}))
	metrics := exposition.MetricsHandler(exposition.Options{
		Page: func() *exposition.Page { return page }, Self: self, Logger: slog.New(slog.DiscardHandler),
	})
	for name, command := range map[string][]string{
		"curl":     {"curl", "--silent", "--show-error", "--fail", "--compressed"},
		"Python":   {"python3", "-c", readWithPython},
		"Chromium": {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(), "--dump-dom"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("%s is not on the PATH", command[0])
			}
			var used encodings
			server := httptest.NewServer(used.handler(metrics))
			defer server.Close()
			var stderr strings.Builder
			cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], server.URL)...)
			cmd.Stderr = &stderr
			text, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			checkWhole(t, html.UnescapeString(string(text)), clusters)
			used.checkGzip(t)
		})
	}
	t.Run("Go", func(t *testing.T) {
		var used encodings
		server := httptest.NewServer(used.handler(metrics))
		defer server.Close()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || !resp.Uncompressed {
			t.Errorf("compressed: %t, %v", resp.Uncompressed, err)
		}
		checkWhole(t, string(text), clusters)
		used.checkGzip(t)
	})
}

// checkWhole looks for the first and last line of the page and for the self metrics.
func checkWhole(t *testing.T, text string, clusters int) {
	t.Helper()
	if n := strings.Count(text, "\nhealthy{"); n != clusters {
		t.Errorf("%d clusters, want %d", n, clusters)
	}
	for _, line := range []string{
		"# TYPE healthy gauge", `healthy{name="cluster-` + strconv.Itoa(clusters-1) + `"} 1`, "own 0",
		`promhttp_metric_handler_requests_total{code="503"} 0`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("missing line %s", line)
		}
	}
}
