package app

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/goleak"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // most tests wait
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// keys are the access key of the exporter's account in all tests.
var keys = simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}

// exporter is a complete exporter on loopback that reads a simulator.
type exporter struct {
	t   testing.TB
	url string
	log *logBuffer
	aws *simulator.Server

	endpoint string // of the simulator; replaces http://simulator in the configuration

	mu     sync.Mutex
	config string

	stop func() error // returns what Run returned; may be called again
}

// start runs an exporter of world with a configuration until the test ends.
func start(t testing.TB, world *simulator.World, yaml string, change ...func(*Options)) *exporter {
	t.Helper()
	return startWith(t, simulator.New(world, simulator.Options{}), yaml, change...)
}

func startWith(t testing.TB, aws *simulator.Server, yaml string, change ...func(*Options)) *exporter {
	t.Helper()
	e := &exporter{t: t, log: &logBuffer{}, config: yaml, aws: aws}
	awsServer := httptest.NewServer(e.aws)
	t.Cleanup(awsServer.Close)
	e.endpoint = awsServer.URL

	listening := make(chan *web.Server, 1)
	o := Options{
		Load:          e.load,
		Web:           webFlags("127.0.0.1:0"),
		TelemetryPath: "/metrics",
		Lifecycle:     true,
		Logger:        slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Simulator: &session.Simulator{
			Endpoint:    awsServer.URL,
			Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
		},
		Listening: func(s *web.Server) { listening <- s },
	}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- Run(ctx, o) }()
	e.stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() {
		if err := e.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case s := <-listening:
		e.url = "http://" + s.Addresses()[0].String()
	case err := <-result:
		result <- err
		t.Fatalf("Run: %v", err)
	}
	return e
}

func webFlags(addresses ...string) *toolkit.FlagConfig {
	no, none := false, ""
	return &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &no, WebConfigFile: &none}
}

func (e *exporter) load() (*config.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return config.Parse("test.yaml", []byte(strings.ReplaceAll(e.config, "http://simulator", e.endpoint)))
}

func (e *exporter) setConfig(yaml string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config = yaml
}

// request returns the status and body of a request to the exporter.
func (e *exporter) request(method, path string, header ...string) (int, string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, body(e.t, resp)
}

func body(t testing.TB, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func (e *exporter) metrics() string {
	e.t.Helper()
	status, page := e.request(http.MethodGet, "/metrics")
	if status != http.StatusOK {
		e.t.Fatalf("GET /metrics: %d\n%s", status, page)
	}
	return page
}

// until polls until the condition is true.
func (e *exporter) until(what string, holds func() bool) {
	e.t.Helper()
	e.untilWithin(20*time.Second, what, holds)
}

// untilWithin is until with another limit.
func (e *exporter) untilWithin(limit time.Duration, what string, holds func() bool) {
	e.t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			e.t.Fatalf("not within %s: %s\n%s\n%s", limit, what, e.log, e.metrics())
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-e.t.Context().Done():
			e.t.Fatal(what)
		}
	}
}

func (e *exporter) untilReady() {
	e.t.Helper()
	e.until("ready", func() bool {
		status, _ := e.request(http.MethodGet, "/-/ready")
		return status == http.StatusOK
	})
}

// untilMetric waits for a line of the metrics.
func (e *exporter) untilMetric(line string) {
	e.t.Helper()
	e.until(line, func() bool { return strings.Contains(e.metrics(), "\n"+line+"\n") })
}

// logBuffer is a bytes.Buffer that is safe for concurrent use.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
