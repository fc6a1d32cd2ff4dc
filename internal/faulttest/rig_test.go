package faulttest

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// rig is what one row runs on: a simulator, an exporter that reads it, and
// what was seen of both.
type rig struct {
	*trial
	row     row
	pace    pace
	secrets *secrets
	journal journal
	client  *http.Client // of the exporter

	aws      *simulator.Server
	clock    clock // the simulator's
	endpoint http.Handler
	server   *httptest.Server // of the endpoint
	options  app.Options      // of the exporter; an arrangement may change them

	mu   sync.Mutex
	yaml string // the configuration

	closers []func() // of what arrangements have opened

	url   string
	stop  func() error // returns what Run returned; may be called again
	pages []page       // every page scraped, in order
}

// clock is the time, or a while off.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) set(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

// newRig makes everything and starts the simulator, but not yet the exporter.
// The exporter goes n times as slowly as the row says.
func newRig(x *trial, r row, n int) *rig {
	rig := &rig{
		trial: x, row: r, secrets: newSecrets(), journal: newJournal(),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute},
	}
	rig.pace = cmp.Or(r.pace, usual()).times(n)
	rig.yaml = rig.pace.yaml() + cmp.Or(r.config, targets())
	rig.aws = simulator.New(world(), simulator.Options{Now: rig.clock.now})
	rig.endpoint = rig.secrets.spy(rig.aws)
	rig.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rig.endpoint.ServeHTTP(w, r) }))
	rig.options = app.Options{
		Load:          rig.load,
		Web:           webFlags(),
		TelemetryPath: "/metrics",
		Lifecycle:     true,
		Logger:        slog.New(rig.journal),
		Simulator: &session.Simulator{
			Endpoint:    rig.server.URL,
			Credentials: credentials.NewStaticCredentialsProvider(homeKeyID, homeSecret, ""),
		},
	}
	return rig
}

func webFlags() *toolkit.FlagConfig {
	addresses, no, none := []string{"127.0.0.1:0"}, false, ""
	return &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &no, WebConfigFile: &none}
}

func (r *rig) load() (*config.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return config.Parse("test.yaml", []byte(r.yaml))
}

// configure sets the configuration that the next reload reads and returns the
// one before.
func (r *rig) configure(yaml string) (before string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.yaml = r.yaml, yaml
	return before
}

// start runs the exporter until stop.
func (r *rig) start() {
	r.Helper()
	listening := make(chan *web.Server, 1)
	r.options.Listening = func(s *web.Server) { listening <- s }
	ctx, cancel := context.WithCancel(r.Context())
	result := make(chan error, 1)
	go func() { result <- app.Run(ctx, r.options) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	select {
	case s := <-listening:
		r.url = "http://" + s.Addresses()[0].String()
	case err := <-result:
		result <- err
		r.Fatalf("Run: %v", err)
	}
}

// close takes everything down.
func (r *rig) close() {
	if r.stop != nil {
		if err := r.stop(); err != nil {
			r.Errorf("Run: %v", err)
		}
	}
	for _, shut := range slices.Backward(r.closers) {
		shut()
	}
	r.server.CloseClientConnections() // of an exporter that has stopped
	r.server.Close()
	r.client.CloseIdleConnections()
	r.secrets.search("the log", r.journal.String())
	for _, shown := range r.secrets.shown() {
		r.Error(shown)
	}
	r.evidence.keep(secrecy)
}

// request asks the exporter and searches the answer for secrets.
func (r *rig) request(method, path string, header ...string) (int, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.url+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	text, err := r.read(method+" "+path, resp)
	if err != nil {
		r.Error(err)
	}
	return resp.StatusCode, text
}

// read reads an answer to its end and searches it for secrets.
func (r *rig) read(request string, resp *http.Response) (string, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.secrets.search(request, string(text))
	for name, values := range resp.Header {
		r.secrets.search(request, name+": "+strings.Join(values, ", "))
	}
	return string(text), err
}

// scrape asks for the page as Prometheus does and keeps it.
func (r *rig) scrape() page {
	r.Helper()
	asked := time.Now()
	status, text := r.request(http.MethodGet, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	got := time.Now()
	if status != http.StatusOK {
		r.Fatalf("GET /metrics: %d\n%s", status, text)
	}
	if err := checkOpenMetrics(text); err != nil {
		r.Fatalf("/metrics is not OpenMetrics: %v", err)
	}
	p := parse(text, asked, got)
	r.pages = append(r.pages, p)
	return p
}

// until scrapes until a page is as wanted and returns that one.
func (r *rig) until(what string, within time.Duration, wanted func(page) bool) page {
	r.Helper()
	deadline := time.Now().Add(within)
	for {
		p := r.scrape()
		if wanted(p) {
			return p
		}
		if time.Now().After(deadline) {
			r.Fatalf("not within %s: %s\n%s\n%s", within, what, r.brief(p), r.journal.tail())
		}
		r.wait(r.pace.interval / 4)
	}
}

func (r *rig) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
		r.Fatal("the time of the test is over")
	}
}

// brief is what a page says of the targets' states.
func (r *rig) brief(p page) string {
	var b strings.Builder
	for _, t := range r.others(nil) {
		b.WriteString(t.name + " " + t.region + ": " + string(p.state(t)) + "\n")
	}
	return b.String()
}

// refused is a configuration that is refused, and names secrets.
const refused = "targets:\n  - {name: near, role_arn: nonsense, external_id: " + nearSesame + ", external_ids: [" + farSesame + "]}\n"

// probe asks for everything else that the exporter answers.
func (r *rig) probe() {
	r.Helper()
	for _, path := range []string{"/", "/-/healthy", "/-/ready", "/nothing"} {
		r.request(http.MethodGet, path)
	}
	before := r.configure(refused)
	r.reload(http.StatusInternalServerError)
	r.configure(before)
}
