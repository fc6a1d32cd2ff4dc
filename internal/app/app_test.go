package app

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const twoTargets = `
aws: {requests_per_second: 1000}
refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}
targets:
  - regions: [us-east-1]
` + memberTarget

// calls returns how often an operation was called.
func (e *exporter) calls(operation string) (n int) {
	for _, c := range e.aws.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func TestStartFailsOnBadConfiguration(t *testing.T) {
	t.Parallel()
	e := &exporter{config: "refresh: {interval: -5m}\naws: {requests_per_second: 0}\n"}
	err := Run(t.Context(), Options{Load: e.load, Web: webFlags("127.0.0.1:0"), TelemetryPath: "/metrics", Logger: discard()})
	if err == nil || strings.Count(err.Error(), "test.yaml:") < 2 {
		t.Errorf("got %v, want every mistake", err)
	}
}

func TestStartFailsOnAnAddressInUse(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(), ambient)
	taken := strings.TrimPrefix(e.url, "http://")
	err := Run(t.Context(), Options{
		Load: e.load, Web: webFlags("127.0.0.1:0", taken), TelemetryPath: "/metrics", Logger: discard(),
	})
	if err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("got %v, want the address %s in it", err, taken)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(healthy("a")), ambient)
	e.untilReady()
	for _, tc := range []struct {
		method, path string
		status       int
		contains     string
	}{
		{"GET", "/", 200, `href="./metrics"`},
		{"HEAD", "/metrics", 200, ""},
		{"GET", "/-/healthy", 200, "Healthy."},
		{"GET", "/-/ready", 200, "Ready."},
		{"GET", "/-/reload", 405, ""},
		{"POST", "/metrics", 405, ""},
		{"DELETE", "/", 405, ""},
		{"GET", "/nothing", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
	} {
		status, body := e.request(tc.method, tc.path)
		if status != tc.status || !strings.Contains(body, tc.contains) {
			t.Errorf("%s %s: %d %q, want %d and %q", tc.method, tc.path, status, body, tc.status, tc.contains)
		}
	}
}

func TestTelemetryPathRoot(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(healthy("a")), ambient, func(o *Options) { o.TelemetryPath = "/" })
	if status, body := e.request("GET", "/"); status != 200 || !strings.Contains(body, "guardduty_exporter_build_info") {
		t.Errorf("GET /: %d %s", status, body)
	}
}

// TestFormats parses the page in every text format that a client may accept.
func TestFormats(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(hostile()...), ambient)
	e.untilReady()
	for _, accept := range []string{"text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0", "*/*", "text/html;q=0.1, nonsense"} {
		status, body := e.request("GET", "/metrics", "Accept", accept)
		if status != http.StatusOK {
			t.Errorf("%s: %d", accept, status)
		}
		if strings.Contains(accept, "openmetrics") != strings.HasSuffix(body, "# EOF\n") {
			t.Errorf("%s: the page ends in %q", accept, body[max(0, len(body)-40):])
		}
	}
	families, err := textParser().TextToMetricFamilies(strings.NewReader(e.metrics()))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(families["guardduty_ecs_cluster_healthy"].GetMetric()); got != len(hostile()) {
		t.Errorf("%d clusters on the page, want %d", got, len(hostile()))
	}
}

func TestAdaptiveRetryModeIsRejected(t *testing.T) {
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	t.Setenv("AWS_REGION", "us-east-1")
	e := &exporter{}
	err := Run(t.Context(), Options{Load: e.load, Web: webFlags("127.0.0.1:0"), TelemetryPath: "/metrics", Logger: discard()})
	if err == nil || !strings.Contains(err.Error(), "adaptive") {
		t.Errorf("got %v", err)
	}
}

func TestNoRegionIsAnError(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	e := &exporter{}
	err := Run(t.Context(), Options{Load: e.load, Web: webFlags("127.0.0.1:0"), TelemetryPath: "/metrics", Logger: discard()})
	if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("got %v", err)
	}
}

func TestLabelsAreSanitizedAndShort(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(slices.Concat(hostile(), everyIssueType())...), ambient)
	e.untilReady()
	families, err := textParser().TextToMetricFamilies(strings.NewReader(e.metrics()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				value := l.GetValue()
				if len(value) > 200 || !model.LabelValue(value).IsValid() || strings.ContainsAny(value, "\x00\n\r\t\u202e\u2069\u200b") {
					t.Errorf("%s{%s=%q}", f.GetName(), l.GetName(), value)
				}
			}
		}
	}
}

func textParser() *expfmt.TextParser {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return &parser
}
