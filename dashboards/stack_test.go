package dashboards_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitTimeout is how long waitFor waits.
const waitTimeout = 30 * time.Second

// start runs a program until the end of the test. Its standard error goes to the log.
func start(t *testing.T, name string, args ...string) *bufio.Scanner {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // it is stopped by a signal
	return bufio.NewScanner(out)
}

// find returns the path of a program of Debian's package prometheus. Without it
// the test is skipped, and with CI=true it fails.
func find(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		const missing = "%s is not in the PATH; it is in Debian's package prometheus"
		if os.Getenv("CI") == "true" {
			t.Fatalf(missing, program)
		}
		t.Skipf(missing, program)
	}
	return path
}

// demo is a running demo of the exporter.
type demo struct {
	exporter  string // host:port
	simulator string // URL
}

func startDemo(t *testing.T) demo {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "exporter")
	stamp := "-ldflags=-X github.com/prometheus/common/version.Version=test" // an empty label would be missing
	if out, err := exec.CommandContext(t.Context(), "go", "build", stamp, "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("build the exporter: %v\n%s", err, out)
	}
	lines := start(t, binary, "demo", "--web.listen-address=127.0.0.1:0", "--log.level=error")
	var d demo
	for d.simulator == "" && lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		switch value = strings.TrimSpace(value); key {
		case "metrics":
			d.exporter = strings.TrimSuffix(strings.TrimPrefix(value, "http://"), "/metrics")
		case "simulator":
			d.simulator = value
		}
	}
	if d.exporter == "" || d.simulator == "" {
		t.Fatalf("no addresses in the output of the demo: %+v, %v", d, lines.Err())
	}
	waitFor(t, "every target's first refresh", func() bool {
		code, err := send(t.Context(), http.MethodGet, "http://"+d.exporter+"/-/ready", "")
		return err == nil && code == http.StatusOK
	})
	return d
}

// change replaces or deletes a cluster of the demo.
func (d demo) change(t *testing.T, method, body string) {
	t.Helper()
	code, err := send(t.Context(), method, d.simulator+"/simulator/clusters", body)
	if err != nil || code != http.StatusNoContent {
		t.Fatalf("%s %s: %d, %v", method, body, code, err)
	}
}

func send(ctx context.Context, method, url, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// waitFor polls done until it returns true.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("timeout waiting for %s after %v", what, waitTimeout)
		case <-ticker.C:
		}
	}
}

// prometheus is a Prometheus that scrapes the demo twice a second, as two replicas
// with the same data, and evaluates the shipped rules.
type prometheus struct {
	url string
}

const scrapeConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%[2]q]
scrape_configs:
  - job_name: guardduty_coverage_exporter
    static_configs:
      - {targets: [%[1]q], labels: {instance: replica-1}}
      - {targets: [%[1]q], labels: {instance: replica-2}}
`

func startPrometheus(t *testing.T, exporter string) prometheus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	rules, err := filepath.Abs("../alerts/*.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, scrapeConfig, exporter, rules), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	start(t, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=error")
	p := prometheus{url: "http://" + address}
	waitFor(t, "Prometheus", func() bool {
		code, err := send(t.Context(), http.MethodGet, p.url+"/-/ready", "")
		return err == nil && code == http.StatusOK
	})
	return p
}

// freeAddress returns an unused loopback address.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// result is one series of a response. Value is set for instant queries, Values for
// range queries; each is a time and a number as text.
type result struct {
	Metric map[string]string `json:"metric"`
	Value  []any             `json:"value"`
	Values [][]any           `json:"values"`
}

// numbers returns all values of the series.
func (r result) numbers() []float64 {
	var all []float64
	for _, v := range append(r.Values, r.Value) {
		if len(v) == 2 {
			if text, ok := v[1].(string); ok {
				n, _ := strconv.ParseFloat(text, 64) // Prometheus writes numbers
				all = append(all, n)
			}
		}
	}
	return all
}

// instant runs an instant query, at the current time if at is zero.
func (p prometheus) instant(ctx context.Context, expr string, at time.Time) ([]result, error) {
	form := url.Values{"query": {expr}}
	if !at.IsZero() {
		form.Set("time", seconds(at))
	}
	var data struct {
		Result []result `json:"result"`
	}
	err := p.get(ctx, "/api/v1/query", form, &data)
	return data.Result, err
}

// between runs a range query with a step of one second.
func (p prometheus) between(ctx context.Context, expr string, from, to time.Time) ([]result, error) {
	var data struct {
		Result []result `json:"result"`
	}
	err := p.get(ctx, "/api/v1/query_range", url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {"1"}}, &data)
	return data.Result, err
}

// series returns the label sets of all series that match a selector.
func (p prometheus) series(ctx context.Context, match string) ([]map[string]string, error) {
	var data []map[string]string
	err := p.get(ctx, "/api/v1/series", url.Values{"match[]": {match}}, &data)
	return data, err
}

func (p prometheus) get(ctx context.Context, path string, form url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+form.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	response := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&response); err != nil {
		return fmt.Errorf("decode response to %s: %w", path, err)
	}
	if response.Status != "success" {
		return fmt.Errorf("query failed: %s", response.Error)
	}
	return nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
