package faulttest

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// harness runs a simulator and an exporter that reads it, and records the pages
// and the log of the exporter.
type harness struct {
	*attempt
	tc      testCase
	pace    pace
	secrets *secrets
	log     logRecorder
	client  *http.Client // for requests to the exporter

	aws      *simulator.Server
	offset   atomic.Int64 // of the simulator's clock
	endpoint http.Handler
	server   *httptest.Server // serves endpoint
	relay    *relay           // set by some setups
	options  app.Options      // of the exporter; a setup may change them

	// Of an exporter that runs as a process.
	args      []string // additional flags
	openFiles int      // limit of open files; default: that of the test

	mu   sync.Mutex
	yaml string // the configuration

	closers []func()

	url   string
	stop  func() error // returns the result of Run; may be called again
	pages []page       // all scraped pages, in order
}

// newHarness starts the simulator, but not yet the exporter. The exporter runs
// n times slower than the test case requires.
func newHarness(a *attempt, tc testCase, n int) *harness {
	h := &harness{
		attempt: a, tc: tc, secrets: newSecrets(), log: newLogRecorder(),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute},
	}
	h.pace = cmp.Or(tc.pace, defaultPace()).times(n)
	h.yaml = h.pace.yaml() + cmp.Or(tc.config, defaultTargets())
	h.aws = simulator.New(world(), simulator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }})
	h.endpoint = h.secrets.captureIssued(h.aws)
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.endpoint.ServeHTTP(w, r) }))
	h.options = app.Options{
		Load:          h.load,
		Web:           webFlags(),
		TelemetryPath: "/metrics",
		Lifecycle:     true,
		Logger:        slog.New(h.log),
		Simulator: &session.Simulator{
			Endpoint:    h.server.URL,
			Credentials: credentials.NewStaticCredentialsProvider(homeKeyID, homeSecret, ""),
		},
	}
	return h
}

func webFlags() *toolkit.FlagConfig {
	addresses, no, none := []string{"127.0.0.1:0"}, false, ""
	return &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &no, WebConfigFile: &none}
}

// check ends the attempt on an error.
func (h *harness) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// setClock sets the offset of the simulator's clock.
func (h *harness) setClock(offset time.Duration) { h.offset.Store(int64(offset)) }

func (h *harness) load() (*config.Config, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return config.Parse("test.yaml", []byte(h.yaml))
}

// configure sets the configuration that the next reload reads and returns the
// previous one.
func (h *harness) configure(yaml string) (previous string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	previous, h.yaml = h.yaml, yaml
	return previous
}

// start starts the exporter.
func (h *harness) start() {
	h.Helper()
	listening := make(chan *web.Server, 1)
	h.options.Listening = func(s *web.Server) { listening <- s }
	ctx, cancel := context.WithCancel(h.Context())
	result := make(chan error, 1)
	go func() { result <- app.Run(ctx, h.options) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	select {
	case s := <-listening:
		h.url = "http://" + s.Addresses()[0].String()
	case err := <-result:
		result <- err
		h.Fatalf("Run: %v", err)
	}
}

// close stops everything and checks that no output contained a secret.
func (h *harness) close() {
	if h.stop != nil {
		if err := h.stop(); err != nil {
			h.Errorf("Run: %v", err)
		}
	}
	for _, c := range slices.Backward(h.closers) {
		c()
	}
	h.server.CloseClientConnections() // the exporter has stopped
	h.server.Close()
	h.client.CloseIdleConnections()
	h.secrets.scan("the log", h.log.String())
	for _, leak := range h.secrets.leaked() {
		h.Error(leak)
	}
	h.checked[secrecy] = true
}

// request sends a request to the exporter and scans the response for secrets.
func (h *harness) request(method, path string, header ...string) (int, string) {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), method, h.url+path, nil)
	h.check(err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := h.client.Do(req)
	h.check(err)
	text, err := h.read(method+" "+path, resp)
	if err != nil {
		h.Error(err)
	}
	return resp.StatusCode, text
}

// read reads a response and scans it for secrets.
func (h *harness) read(request string, resp *http.Response) (string, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.secrets.scan(request, string(text))
	for name, values := range resp.Header {
		h.secrets.scan(request, name+": "+strings.Join(values, ", "))
	}
	return string(text), err
}

// scrape requests /metrics as Prometheus does, and checks and records the page.
func (h *harness) scrape() page {
	h.Helper()
	requested := time.Now()
	status, text := h.request(http.MethodGet, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	received := time.Now()
	if status != http.StatusOK {
		h.Fatalf("GET /metrics: %d\n%s", status, text)
	}
	if err := checkOpenMetrics(text); err != nil {
		h.Fatalf("/metrics is not OpenMetrics: %v", err)
	}
	p := parse(text, requested, received)
	h.pages = append(h.pages, p)
	return p
}

// value returns the value of a series of the exporter's own metrics.
func (h *harness) value(series string) int {
	h.Helper()
	_, text := h.request(http.MethodGet, "/metrics")
	_, rest, _ := strings.Cut(text, "\n"+series+" ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	h.check(err)
	return n
}

// wantLine checks that the OpenMetrics page contains a line.
func (h *harness) wantLine(line string) {
	h.Helper()
	_, text := h.request(http.MethodGet, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(text, "\n"+line+"\n") {
		h.Errorf("/metrics lacks %s", line)
	}
}

// waitFor scrapes until a page meets the condition and returns that page.
func (h *harness) waitFor(what string, timeout time.Duration, condition func(page) bool) page {
	h.Helper()
	deadline := time.Now().Add(timeout)
	for {
		p := h.scrape()
		if condition(p) {
			return p
		}
		if time.Now().After(deadline) {
			h.Fatalf("waited %s for %s\n%s\n%s", timeout, what, h.states(p), h.log.tail())
		}
		h.wait(h.pace.interval / 4)
	}
}

// waitAllOK waits until all targets are OK.
func (h *harness) waitAllOK() page {
	h.Helper()
	return h.waitFor("all targets to be ok", time.Minute, func(p page) bool { return p.allIn(coverage.OK, h.configured()) })
}

func (h *harness) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.Context().Done():
		h.Fatal("the test has timed out")
	}
}

// states lists the states of the targets on a page.
func (h *harness) states(p page) string {
	var b strings.Builder
	for _, t := range h.configured() {
		b.WriteString(t.String() + ": " + string(p.state(t)) + "\n")
	}
	return b.String()
}

// invalidConfig is invalid and contains secrets.
const invalidConfig = "targets:\n  - {name: subject, role_arn: nonsense, external_id: " + subjectExternalID + ", external_ids: [" + otherExternalID + "]}\n"

// requestOtherPaths requests everything but /metrics, to scan the responses.
func (h *harness) requestOtherPaths() {
	h.Helper()
	for _, path := range []string{"/", "/-/healthy", "/-/ready", "/nothing"} {
		h.request(http.MethodGet, path)
	}
	previous := h.configure(invalidConfig)
	h.reload(http.StatusInternalServerError)
	h.configure(previous)
}

func (h *harness) reload(want int) {
	h.Helper()
	if status, text := h.request(http.MethodPost, "/-/reload"); status != want {
		h.Errorf("reload: %d %s, want %d", status, text, want)
	}
}
