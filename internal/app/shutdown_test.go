package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// slowScrape starts an exporter and a scrape whose response is larger than the
// socket buffers, and reads the response's header only.
func slowScrape(t *testing.T, clusters int, yaml string) (*exporter, io.Reader) {
	t.Helper()
	var all []*simulator.Cluster
	for i := range clusters {
		all = append(all, healthy(fmt.Sprintf("%0200d", i)))
	}
	w := homeWorld(all...)
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage"}}
	e := start(t, w, yaml)
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="default"} 1`)
	address := strings.TrimPrefix(e.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return e, resp.Body
}

// TestStopDrains stops the exporter during a scrape: the scrape completes, new
// connections are refused, and Run returns.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	const clusters = 3500
	e, body := slowScrape(t, clusters, ambient)
	stopped := make(chan error, 1)
	go func() { stopped <- e.stop() }()
	for refused := false; !refused; {
		other, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(e.url, "http://"))
		if refused = err != nil; !refused {
			_ = other.Close()
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the scrape was complete: %v", err)
	default:
	}
	families, err := textParser().TextToMetricFamilies(body)
	if err != nil || len(families["guardduty_ecs_cluster_healthy"].GetMetric()) != clusters {
		t.Errorf("the scrape in flight was cut: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestStopWithAReaderThatStalls never reads the response: the refreshes and the
// event queue stop at once, and the connection is closed in time, which is not an
// error.
func TestStopWithAReaderThatStalls(t *testing.T) {
	t.Parallel()
	e, _ := slowScrape(t, 3500, ambient)
	e.setConfig(ambient + "refresh: {interval: 10s, timeout: 9s, max_staleness: 1h}\n" +
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatal(status, body)
	}
	e.until("the queue is received from", func() bool { return e.calls("ReceiveMessage") > 0 })
	started, stopped := time.Now(), make(chan error, 1)
	go func() { stopped <- e.stop() }()
	time.Sleep(time.Second)
	calls := len(e.aws.Calls())
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(started); took < 9*time.Second || took > 12*time.Second {
		t.Errorf("the shutdown took %v, want 10 s", took)
	}
	if n := len(e.aws.Calls()) - calls; n != 0 {
		t.Errorf("%d AWS requests while the scrape was drained", n)
	}
	if !strings.Contains(e.log.String(), "closed connections with requests that did not finish in time") {
		t.Errorf("not logged:\n%s", e.log)
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
	started := time.Now()
	if err := e.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("the shutdown took %s", took)
	}
	if strings.Contains(e.log.String(), "context canceled") {
		t.Errorf("the refresh that was stopped is reported as a failure:\n%s", e.log)
	}
}
