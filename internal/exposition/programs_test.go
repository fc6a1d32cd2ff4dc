package exposition_test

import (
	"html"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"guardduty_coverage_exporter/internal/exposition"
)

const readWithPython = `
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
answer = urllib.request.urlopen(request)
assert answer.headers["Content-Encoding"] == "gzip"
sys.stdout.buffer.write(gzip.decompress(answer.read()))
`

// TestProgramsReadTheWholePage has programs that are known to stop at, or to
// fail on, what follows a first gzip member.
func TestProgramsReadTheWholePage(t *testing.T) {
	const clusters = 5000
	page := exposition.Render(func(w *exposition.Writer) {
		w.Family("healthy", "Whether it is.", []string{"name"})
		for i := range clusters {
			w.Sample(1, "cluster-"+strconv.Itoa(i))
		}
	})
	self := prometheus.NewRegistry()
	self.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "own", Help: "Own."}))
	url := serve(t, func() *exposition.Page { return page }, self).URL
	for name, command := range map[string][]string{
		"curl":     {"curl", "--silent", "--show-error", "--fail", "--compressed", url},
		"Python":   {"python3", "-c", readWithPython, url},
		"Chromium": {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(), "--dump-dom", url},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("%s is not on the PATH", command[0])
			}
			var complaints strings.Builder
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Stderr = &complaints
			text, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, &complaints)
			}
			checkWhole(t, html.UnescapeString(string(text)), clusters)
		})
	}
	t.Run("Go", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
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
	})
}

// checkWhole asks for the page's first and last lines and for what follows it.
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
			t.Errorf("%s is not there", line)
		}
	}
}
