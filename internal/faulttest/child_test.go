package faulttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// buildExporter builds the program once, in the directory of the environment's
// files, which is deleted at the end.
var buildExporter = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(filepath.Dir(os.Getenv("AWS_CONFIG_FILE")), "exporter")
	out, err := exec.Command("go", "build", "-o", path, "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	return path, nil
})

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// child is an exporter that runs as a process.
type child struct {
	h         *harness
	process   *os.Process
	terminate func()      // sends SIGTERM once, because a second one ends the process at once
	log       *os.File    // a pipe that holds 4 KiB
	logPaused atomic.Bool // while the log is not read
}

// startProcess starts the exporter as a process with a configuration file and
// additional environment variables. h.stop terminates it.
func (h *harness) startProcess(file string, env ...string) *child {
	h.Helper()
	path, err := buildExporter()
	h.check(err)
	args := append([]string{"--config.file=" + file, "--web.listen-address=127.0.0.1:0", "--log.level=debug"}, h.args...)
	cmd := exec.CommandContext(h.Context(), path, args...)
	if h.openFiles > 0 {
		limit := fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, h.openFiles)
		cmd = exec.CommandContext(h.Context(), "sh", append([]string{"-c", limit, path}, args...)...)
	}
	cmd.Env = append(append(os.Environ(), "AWS_ENDPOINT_URL="+h.server.URL, "AWS_REGION="+healthyRegion,
		"AWS_ACCESS_KEY_ID="+homeKeyID, "AWS_SECRET_ACCESS_KEY="+homeSecret), env...)
	logged := len(h.log.String())
	read, write, err := os.Pipe()
	h.check(err)
	const setPipeSize = 1031 // F_SETPIPE_SZ of Linux
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, write.Fd(), setPipeSize, 4096)
	cmd.Stdout, cmd.Stderr = write, write
	h.check(cmd.Start())
	_ = write.Close()
	c := &child{h: h, process: cmd.Process, log: read}
	c.terminate = sync.OnceFunc(func() { c.signal(syscall.SIGTERM) })
	logEnd := make(chan struct{})
	go c.readLog(logEnd)
	h.stop = sync.OnceValue(func() error {
		c.terminate()
		err := cmd.Wait()
		c.logPaused.Store(false)
		<-logEnd
		return err
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		if found := listening.FindStringSubmatch(h.log.String()[logged:]); found != nil {
			h.url = "http://" + found[1]
			return c
		}
		if time.Now().After(deadline) {
			h.Fatalf("the process does not listen\n%s", h.log.tail())
		}
		h.wait(20 * time.Millisecond)
	}
}

func (c *child) signal(s os.Signal) {
	c.h.Helper()
	c.h.check(c.process.Signal(s))
}

// wantStop terminates the process and checks that it ends in time.
func (c *child) wantStop() {
	c.h.Helper()
	const limit = 15 * time.Second
	began := time.Now()
	unblock := time.AfterFunc(limit, func() { c.logPaused.Store(false) })
	defer unblock.Stop()
	if err := c.h.stop(); err != nil || time.Since(began) > limit {
		c.h.Errorf("the process ended with %v after %s\n%s", err, time.Since(began), c.h.log.tail())
	}
}

// readLog reads the log until the process ends or the pipe is closed.
func (c *child) readLog(end chan<- struct{}) {
	defer close(end)
	buf := make([]byte, 4096)
	for {
		for c.logPaused.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		n, err := c.log.Read(buf)
		_, _ = c.h.log.Write(buf[:n]) // does not fail
		if err != nil {
			_ = c.log.Close()
			return
		}
	}
}

// sendScrape requests /metrics without reading the response.
func (h *harness) sendScrape() net.Conn {
	h.Helper()
	conn, closeConn, err := connect(h.Context(), h)
	h.check(err)
	h.closers = append(h.closers, closeConn)
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	h.check(err)
	return conn
}

// beginScrape reads the header of a response. The returned function reads the
// page, of which next to nothing is buffered.
func (h *harness) beginScrape(conn net.Conn) (read func() (string, error)) {
	h.Helper()
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil) //nolint:bodyclose // h.read closes it
	h.check(err)
	return func() (string, error) { return h.read("GET /metrics", resp) }
}
