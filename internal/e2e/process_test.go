package e2e

import (
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a child process with its output in a file.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended
}

// start runs a program until kill or the end of the test. A failed test logs the
// last lines of its output.
func start(t *testing.T, name string, command ...string) *process {
	t.Helper()
	p := &process{name: name, log: filepath.Join(t.TempDir(), name+".log"), done: make(chan struct{})}
	output, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()

	p.cmd = exec.CommandContext(t.Context(), command[0], command[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second // then it is killed
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // it is stopped by a signal
	}()
	t.Cleanup(func() {
		<-p.done // the context of a test ends before its cleanups run
		if t.Failed() {
			t.Logf("last output of %s:\n%s", name, p.tail())
		}
	})
	return p
}

// kill sends SIGKILL and waits until the process has exited.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill %s: %v", p.name, err)
	}
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// tail returns the last lines of the output.
func (p *process) tail() string {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// untilReady waits for a response with status 200. It fails if the process exits.
func (p *process) untilReady(t *testing.T, url string) {
	t.Helper()
	until(t, 20*time.Second, p.name+" is ready", func() bool {
		if p.ended() {
			t.Fatalf("%s has exited", p.name)
		}
		status, _ := get(t, url)
		return status == http.StatusOK
	})
}

// until polls the condition and fails the test after the timeout.
func until(t *testing.T, timeout time.Duration, what string, holds func() bool) {
	t.Helper()
	begun := time.Now()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		if time.Since(begun) > timeout {
			t.Fatalf("timeout after %v: %s", timeout, what)
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatal(what)
		}
	}
	t.Logf("after %.1f s: %s", time.Since(begun).Seconds(), what)
}

// get returns the status and the body of a response; the status is 0 without one.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, body
}

// freeAddresses returns unused loopback addresses.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	var listeners []net.Listener // closed together so that all are different
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, listener)
		addresses = append(addresses, listener.Addr().String())
	}
	for _, listener := range listeners {
		listener.Close()
	}
	return addresses
}

// find returns the path of the first of the programs that is installed. Without
// any the test is skipped, and with CI=true it fails.
func find(t *testing.T, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	const missing = "%s is not in the PATH; Debian has a package of that name"
	if os.Getenv("CI") == "true" {
		t.Fatalf(missing, programs[0])
	}
	t.Skipf(missing, programs[0])
	return ""
}

// build returns the path of the exporter, built from this checkout.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guardduty_coverage_exporter")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter").CombinedOutput()
	if err != nil {
		t.Fatalf("build the exporter: %v\n%s", err, output)
	}
	return path
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait
		panic(err)
	}
	os.Exit(m.Run())
}
