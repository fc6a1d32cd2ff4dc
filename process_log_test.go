package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// start starts the process with standard error on a pipe of 4 KiB, which is read
// into the log.
func (p *served) start() {
	p.t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	const setPipeSize = 1031 // F_SETPIPE_SZ of Linux; elsewhere the pipe is larger
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, writer.Fd(), setPipeSize, 4096)
	p.stderr, p.cmd.Stderr = reader, writer
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	_ = writer.Close() // the process has its own
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(p.log, reader) // ends with the process, or when the test closes the pipe
	}()
	p.exited = sync.OnceValue(func() error {
		err := p.cmd.Wait()
		_ = reader.SetReadDeadline(time.Now().Add(time.Second))
		<-copied
		return err
	})
}

const short = "refresh: {interval: 1s, timeout: 500ms, max_staleness: 2s}\naws: {requests_per_second: 1000}\ntargets:\n- {name: home, regions: [us-east-1]}\n"

const cluster = "\nguardduty_ecs_cluster_healthy{"

// reload loads a configuration.
func (p *served) reload(yaml string) {
	p.t.Helper()
	p.write(p.file, yaml)
	p.signal(syscall.SIGHUP)
	p.until("the configuration is loaded", func() bool {
		return strings.Count(p.log.String(), "configuration loaded") > 1
	})
}

// fail makes AWS deny every request.
func (p *served) fail() {
	p.aws.SetIntercept(func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		return true
	})
}

func (p *served) page() string {
	p.t.Helper()
	started := time.Now()
	status, page := p.get("/metrics", "right")
	if took := time.Since(started); status != http.StatusOK || took > 3*time.Second {
		p.t.Fatalf("GET /metrics: %d after %v", status, took)
	}
	return page
}

// TestLogThatIsNotRead blocks standard error: data still expires, the exporter
// stays ready, reloads, and stops in time.
func TestLogThatIsNotRead(t *testing.T) {
	p := serveProcess(t, 1)
	p.reload(short)
	p.log.mu.Lock() // the reader of the pipe blocks
	unlock := func() { p.log.mu.Unlock() }
	defer func() { unlock() }()
	for i := range 40 { // each line has some 200 bytes
		p.write(p.file, fmt.Sprintf("invalid%d: true\n", i))
		p.signal(syscall.SIGHUP)
		time.Sleep(10 * time.Millisecond)
	}
	p.untilPage("the reload failed", func(page string) bool {
		return strings.Contains(page, "\nguardduty_exporter_config_last_reload_successful 0\n")
	})
	p.fail()
	failed := time.Now()
	p.untilPage("the data expire", func(page string) bool { return !strings.Contains(page, cluster) })
	if took := time.Since(failed); took > 5*time.Second {
		t.Errorf("the data expired after %v, want 2 s after the last refresh", took)
	}
	if status, _ := p.get("/-/ready", "right"); status != http.StatusOK {
		t.Errorf("GET /-/ready: %d", status)
	}
	p.signal(syscall.SIGTERM)
	stopped, ended := time.Now(), make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		if took := time.Since(stopped); err != nil || took > 4*time.Second {
			t.Errorf("the process ends with %v after %v", err, took)
		}
	case <-time.After(10 * time.Second):
		t.Error("the process does not end")
	}
	unlock()
	unlock = func() {}
	p.exited = func() error { return nil }
}

// untilPage polls the metrics until the condition is true. It does not read the
// log.
func (p *served) untilPage(what string, holds func(page string) bool) {
	p.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !holds(p.page()) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestLogReaderCloses closes the pipe of standard error, which sends SIGPIPE.
func TestLogReaderCloses(t *testing.T) {
	t.Parallel()
	p := serveProcess(t, 1)
	if err := p.stderr.Close(); err != nil {
		t.Fatal(err)
	}
	p.write(p.file, "invalid: true\n")
	p.signal(syscall.SIGHUP)
	p.untilPage("the line is dropped", func(page string) bool {
		return strings.Contains(page, "\nguardduty_exporter_log_lines_dropped_total 1\n")
	})
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ends with %v", err)
	}
	p.exited = func() error { return nil }
}

// TestSuspendedProcess stops the process until its data is too old. The scrape
// that waits for it is the first thing that it handles.
func TestSuspendedProcess(t *testing.T) {
	p := serveProcess(t, 1)
	p.reload(short)
	p.untilPage("the cluster", func(page string) bool { return strings.Contains(page, cluster) })
	p.aws.SetIntercept(func(_ simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	})
	p.signal(syscall.SIGSTOP)
	p.until("all threads are stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		return err == nil && !slices.ContainsFunc(threads, func(name string) bool {
			stat, err := os.ReadFile(name)
			return err != nil || !bytes.Contains(stat, []byte(") T "))
		})
	})
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
	time.Sleep(2500 * time.Millisecond)
	p.signal(syscall.SIGCONT)
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(page), cluster) || !strings.Contains(string(page), "\nguardduty_target_up{") {
		t.Errorf("the first page after the suspension:\n%s", page)
	}
	p.signal(syscall.SIGTERM)
	p.exits()
}
