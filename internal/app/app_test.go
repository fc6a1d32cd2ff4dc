package app

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const twoTargets = `
refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}
targets:
  - regions: [us-east-1]
` + memberTarget

// calls counts the operations that the simulator has served.
func (e *exporter) calls(operation string) (n int) {
	for _, c := range e.aws.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func TestReloadKeepsUnchangedTargets(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	before := domainPage(e.metrics())
	lists := e.calls("ListCoverage")

	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	if got := domainPage(e.metrics()); got != before {
		t.Errorf("the page changed:\n%s", got)
	}
	if got := e.calls("ListCoverage"); got != lists {
		t.Errorf("ListCoverage was called %d times more", got-lists)
	}

	e.setConfig(strings.Replace(twoTargets, memberTarget, "", 1))
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	page := e.metrics()
	if strings.Contains(page, `target="member"`) || !strings.Contains(page, `target="default"`) {
		t.Errorf("after the removal of the target member:\n%s", page)
	}
	if !strings.Contains(page, `guardduty_ecs_cluster_healthy{account_id="222233334444",cluster_name="checkout"`) {
		t.Error("the administrator's own view of the member is gone")
	}
	if got := e.calls("ListCoverage"); got != lists {
		t.Errorf("ListCoverage was called %d times more for the unchanged target", got-lists)
	}
}

func TestReloadAppliesWhatChanged(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	e.setConfig(twoTargets + "issues: {text: false}\n")
	e.request(http.MethodPut, "/-/reload")
	e.untilMetric(`guardduty_ecs_cluster_issue_info{account_id="222233334444",cluster_name="payments",issue="",issue_type="agent_not_reporting",region="us-east-1",task_definition="payments:7"} 1`)

	e.setConfig(strings.Replace(twoTargets, "regions: [us-east-1]", "regions: [us-east-1]\n    detector: true\n    resource_types: [ECS, EKS]", 1))
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric(`guardduty_detector_enabled{account_id="111122223333",region="us-east-1"} 1`)
	e.untilMetric(`guardduty_coverage_resources{account_id="111122223333",coverage_status="HEALTHY",region="us-east-1",resource_type="EKS"} 0`)

	e.setConfig(strings.Replace(twoTargets, "interval: 1h, timeout: 10s", "interval: 2s, timeout: 1s", 1))
	e.request(http.MethodPost, "/-/reload")
	e.aws.Update(func(w *simulator.World) { w.Accounts[1].RemoveCluster("us-east-1", "checkout") })
	e.until("refreshed at the new interval", func() bool { return !strings.Contains(e.metrics(), `"checkout"`) })

	e.setConfig(strings.Replace(twoTargets, "external_id: an-external-id", "external_id: another-one", 1))
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric(`guardduty_target_state{account_id="222233334444",kind="coverage",region="us-east-1",state="denied",target="member"} 1`)
	if page := e.metrics(); strings.Contains(page, `guardduty_target_last_success_timestamp_seconds{account_id="222233334444"`) {
		t.Errorf("a target that asks something else has kept its data:\n%s", page)
	}
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	before := domainPage(e.metrics())
	e.setConfig("targets:\n  - regoins: [us-east-1]\n  - name: x\n    role_arn: nonsense\n")
	status, body := e.request(http.MethodPost, "/-/reload")
	if status != http.StatusInternalServerError || !strings.Contains(body, "test.yaml:2") || !strings.Contains(body, "test.yaml:4") {
		t.Errorf("answer %d %q lacks one of the two mistakes with its line", status, body)
	}
	page := e.metrics()
	if domainPage(page) != before {
		t.Errorf("the page changed:\n%s", page)
	}
	e.untilMetric("guardduty_exporter_config_last_reload_successful 0")
	e.setConfig(twoTargets)
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric("guardduty_exporter_config_last_reload_successful 1")
}

// TestSIGHUPReloads is not parallel: the signal reaches every exporter of the process.
func TestSIGHUPReloads(t *testing.T) {
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	e.setConfig("not a mapping")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.untilMetric("guardduty_exporter_config_last_reload_successful 0")
}

func TestLifecycleIsOffUnlessAsked(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(), ambient, func(o *Options) { o.Lifecycle = false })
	if status, _ := e.request(http.MethodPost, "/-/reload"); status != http.StatusForbidden {
		t.Errorf("POST /-/reload: %d", status)
	}
}

func TestStartFailsOnBadConfiguration(t *testing.T) {
	t.Parallel()
	e := &exporter{config: "refresh: {interval: -5m}\naws: {requests_per_second: 0}\n"}
	err := Run(t.Context(), Options{Load: e.load, Web: webFlags("127.0.0.1:0"), TelemetryPath: "/metrics", Logger: discard()})
	if err == nil || strings.Count(err.Error(), "test.yaml:") < 2 {
		t.Errorf("got %v, want every mistake", err)
	}
}

func TestStartFailsOnTakenAddress(t *testing.T) {
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

func TestTelemetryPathMayBeTheRoot(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(healthy("a")), ambient, func(o *Options) { o.TelemetryPath = "/" })
	if status, body := e.request("GET", "/"); status != 200 || !strings.Contains(body, "guardduty_exporter_build_info") {
		t.Errorf("GET /: %d %s", status, body)
	}
}

// TestFormats parses the page in every text format that a client may ask for.
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

// TestStopDrains stops the exporter in the middle of a scrape: the scrape is
// answered whole, nobody else gets in, and Run returns.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	var clusters []*simulator.Cluster
	for i := range 4000 { // more than the sockets' buffers hold
		clusters = append(clusters, healthy(fmt.Sprintf("%0100d", i)))
	}
	e := start(t, homeWorld(clusters...), ambient+"aws: {requests_per_second: 1000}\n")
	e.untilReady()

	address := strings.TrimPrefix(e.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	stopped := make(chan error, 1)
	go func() { stopped <- e.stop() }()
	for refused := false; !refused; {
		other, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if refused = err != nil; !refused {
			_ = other.Close()
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the scrape was answered: %v", err)
	default:
	}
	families, err := textParser().TextToMetricFamilies(resp.Body)
	if err != nil || len(families["guardduty_ecs_cluster_healthy"].GetMetric()) != len(clusters) {
		t.Errorf("the scrape under way was cut off: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestStopDuringRefresh(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{}, 10)
	e := start(t, homeWorld(healthy("a")), ambient)
	e.aws.SetIntercept(func(_ simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		hanging <- struct{}{}
		<-r.Context().Done()
		return true
	})
	e.setConfig(ambient + "refresh: {interval: 1s, timeout: 900ms, max_staleness: 1h}\n")
	e.request("POST", "/-/reload")
	<-hanging
	begun := time.Now()
	if err := e.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(begun); took > drainTimeout {
		t.Errorf("stopping took %s", took)
	}
	if strings.Contains(e.log.String(), "context canceled") {
		t.Errorf("the refresh that was stopped is reported as a failure:\n%s", e.log)
	}
}

func TestAllRegions(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("a"))
	w.Accounts[0].DisabledRegions = []string{"me-south-1"}
	e := start(t, w, "refresh: {interval: 2s, timeout: 1s, max_staleness: 1h}\ntargets:\n  - regions: [all]\n")
	e.untilReady()
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="regions",region="",target="default"} 1`)
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="default"} 1`)
	page := e.metrics()
	if n := strings.Count(page, "\nguardduty_target_up{"); n != 36 { // 36 Regions, one of them off, and the listing
		t.Errorf("%d targets, want 36", n)
	}
	if strings.Contains(page, `region="me-south-1"`) {
		t.Error("a Region that is off is asked")
	}
	e.aws.Update(func(w *simulator.World) { w.Accounts[0].DisabledRegions = nil })
	e.untilMetric(`guardduty_target_state{account_id="111122223333",kind="coverage",region="me-south-1",state="no_detector",target="default"} 1`)
}

func TestAdaptiveRetryModeIsRefused(t *testing.T) {
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

func TestEveryLabelIsCleanAndShort(t *testing.T) {
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
