package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const coverage = "refresh: {interval: 40s, timeout: 30s}\naws: {requests_per_second: 1000}\ntargets:\n- {name: home, regions: [us-east-1]}\n"

// users is a web configuration in which "right" is the password.
const users = "basic_auth_users: {prometheus: $2a$04$CjDDTMMOTCvPuysDBc/f2u6fsayMffBvXcYmC6Yogv83HDoEFgU2a}\n"

// served is a process that serves the metrics of a simulator.
type served struct {
	t         *testing.T
	cmd       *exec.Cmd
	aws       *simulator.Server
	address   string
	file, web string // configuration files
	shared    string // the SDK's, absent at first
	log       *logBuffer
	stderr    *os.File     // read into log
	exited    func() error // waits for the end; may be called again
}

// serveProcess starts a process with basic authentication and this number of
// clusters. It ends with the test at the latest.
func serveProcess(t *testing.T, clusters int) *served {
	t.Helper()
	keys := simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}
	account := &simulator.Account{ID: "111122223333", Keys: keys, Detectors: []*simulator.Detector{{Region: "us-east-1"}}}
	for i := range clusters {
		account.Clusters = append(account.Clusters, &simulator.Cluster{Region: "us-east-1", Name: fmt.Sprintf("%0100d", i)})
	}
	aws := simulator.New(&simulator.World{Accounts: []*simulator.Account{account}}, simulator.Options{})
	p := &served{t: t, aws: aws, log: &logBuffer{}}
	endpoint := httptest.NewServer(p.aws)
	t.Cleanup(endpoint.Close)
	p.file, p.web = filepath.Join(t.TempDir(), "coverage.yaml"), filepath.Join(t.TempDir(), "web.yaml")
	p.write(p.file, coverage)
	p.write(p.web, users)

	p.cmd = process(t, "--config.file="+p.file, "--web.config.file="+p.web, "--web.listen-address=127.0.0.1:0", "--web.enable-pprof", "--log.format=json")
	for _, variable := range os.Environ() {
		if strings.HasPrefix(variable, "AWS_") {
			name, _, _ := strings.Cut(variable, "=")
			p.cmd.Env = append(p.cmd.Env, name+"=")
		}
	}
	p.shared = filepath.Join(t.TempDir(), "config")
	p.cmd.Env = append(p.cmd.Env, "AWS_ENDPOINT_URL="+endpoint.URL, "AWS_REGION=us-east-1", "AWS_CONFIG_FILE="+p.shared, "AWS_SHARED_CREDENTIALS_FILE="+p.shared,
		"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
	p.start()
	t.Cleanup(func() { _ = p.exited() }) // the test's context has ended the process
	listening := regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	p.until("listening", func() bool {
		found := listening.FindStringSubmatch(p.log.String())
		if found != nil {
			p.address = found[1]
		}
		return found != nil
	})
	p.until("ready", func() bool { status, _ := p.get("/-/ready", "right"); return status == http.StatusOK })
	return p
}

func (p *served) write(file, content string) {
	p.t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *served) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// get returns the status and the body of a page. The status is 0 if the request
// fails.
func (p *served) get(path, password string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth("prometheus", password)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Error(err)
	}
	return resp.StatusCode, string(body)
}

// shows reports whether the metrics contain a line.
func (p *served) shows(line string) bool {
	p.t.Helper()
	status, page := p.get("/metrics", "right")
	if status != http.StatusOK {
		p.t.Fatalf("GET /metrics: %d\n%s", status, p.log)
	}
	return strings.Contains(page, "\n"+line+"\n")
}

// until polls until the condition is true.
func (p *served) until(what string, holds func() bool) {
	p.t.Helper()
	deadline, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline.Done():
			p.t.Fatalf("not within 20 s: %s\n%s", what, p.log)
		}
	}
}

// exits waits until the process has ended successfully and reads its log.
func (p *served) exits() {
	p.t.Helper()
	if err := p.exited(); err != nil {
		p.t.Errorf("the process ends with %v\n%s", err, p.log)
	}
	for line := range strings.Lines(p.log.String()) {
		if !json.Valid([]byte(line)) || strings.Contains(line, "the-secret-access-key") {
			p.t.Errorf("a line of the log is not JSON or contains a secret: %s", line)
		}
	}
}

// TestThousandSIGHUPs reloads a thousand times, every second time with an invalid file.
func TestThousandSIGHUPs(t *testing.T) {
	p := serveProcess(t, 1)
	for i := range 1000 {
		if i%2 == 0 {
			p.write(p.file, coverage[:len(coverage)-10])
		} else {
			p.write(p.file, coverage)
		}
		p.signal(syscall.SIGHUP)
	}
	p.write(p.file, coverage+"issues: {text: false}\n")
	p.until("the last file is in use", func() bool {
		p.signal(syscall.SIGHUP) // signals during a reload are merged
		return p.shows("guardduty_exporter_config_last_reload_successful 1")
	})
	if line := `guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="home"} 1`; !p.shows(line) {
		t.Errorf("%s is missing", line)
	}
	p.signal(syscall.SIGTERM)
	p.exits()
}

// TestFilesAreEmptied empties both configuration files.
func TestFilesAreEmptied(t *testing.T) {
	p := serveProcess(t, 1)
	p.write(p.file, "")
	p.signal(syscall.SIGHUP)
	p.until("the reload fails", func() bool { return p.shows("guardduty_exporter_config_last_reload_successful 0") })
	p.write(p.web, "")
	for _, path := range []string{"/metrics", "/debug/pprof/heap", "/-/healthy"} {
		for _, password := range []string{"wrong", "right"} {
			if status, page := p.get(path, password); status != http.StatusServiceUnavailable || len(page) > 100 {
				t.Errorf("%s with the password %q: %d\n%s", path, password, status, page)
			}
		}
	}
	if !strings.Contains(p.log.String(), "the file is empty; omit --web.config.file") {
		t.Errorf("the log lacks the reason:\n%s", p.log)
	}
	p.write(p.web, users)
	for _, line := range []string{
		"guardduty_exporter_web_config_last_reload_successful 1",
		`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="home"} 1`,
	} {
		if !p.shows(line) {
			t.Errorf("%s is missing", line)
		}
	}
	p.signal(syscall.SIGTERM)
	p.exits()
}

// TestSIGTERMWhileScraped stops the process during a scrape that is larger than
// the socket buffers.
func TestSIGTERMWhileScraped(t *testing.T) {
	t.Parallel()
	const clusters = 4000
	p := serveProcess(t, clusters)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("prometheus", "right")
	req.Close = true
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p.signal(syscall.SIGTERM)
	p.until("no more connections are accepted", func() bool { status, _ := p.get("/metrics", "right"); return status == 0 })
	page, err := io.ReadAll(resp.Body)
	if n := strings.Count(string(page), "\nguardduty_ecs_cluster_healthy{"); err != nil || n != clusters {
		t.Errorf("%d clusters on the page, want %d: %v", n, clusters, err)
	}
	p.exits()
}

// TestSIGTERMWhileRefreshing stops the process while AWS does not respond.
func TestSIGTERMWhileRefreshing(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, 1)
	called := make(chan struct{}, 100)
	p.aws.SetIntercept(func(_ simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		called <- struct{}{}
		<-r.Context().Done()
		return true
	})
	p.write(p.file, strings.Replace(coverage, "40s, timeout: 30s", "1s, timeout: 900ms", 1))
	p.signal(syscall.SIGHUP)
	<-called
	p.signal(syscall.SIGTERM)
	p.exits()
	if strings.Contains(p.log.String(), "context canceled") {
		t.Errorf("the refresh that was stopped is reported as a failure:\n%s", p.log)
	}
}

// logBuffer is a buffer for logs that is safe for concurrent use.
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
