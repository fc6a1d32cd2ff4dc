package faulttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	// scrapeLimit is how long an ordinary scrape may take during a flood.
	scrapeLimit = 5 * time.Second
	// maxResident is the most memory that the process may have used, in kB.
	maxResident = 150 << 10
)

// flood is many connections of other clients to an exporter that runs as a
// process.
type flood struct {
	connections int
	addresses   int           // of the clients: 127.0.0.2 and following
	pause       time.Duration // before a client connects again
	client      func(ctx context.Context, conn net.Conn)

	openFiles int  // the limit of the process; default: that of the test
	password  bool // whether the exporter requires a password
	clusters  int  // additional clusters, for a larger page
}

// connectionCases have so many connections that they would use up memory, files
// or scrapes in flight without the limits of the exporter.
func connectionCases() []testCase {
	tc := func(name string, f flood) testCase {
		return testCase{
			group: clients, name: name, state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			pace: heavyPace(), flood: true, process: true, run: f.run,
		}
	}
	return []testCase{
		tc("3,000 connections with 60 KB of unfinished headers", flood{
			connections: 3000, addresses: 1, pause: 10 * time.Second, client: sendUnfinishedHeaders(60_000),
		}),
		tc("13,000 kept connections without a password", flood{
			connections: 13_000, addresses: 1, pause: 20 * time.Second, client: keepUnauthorized, password: true,
		}),
		tc("300 unfinished requests to a process with 256 files", flood{
			connections: 300, addresses: 1, pause: time.Second, client: sendUnfinishedHeaders(100), openFiles: 256,
		}),
		tc("24 slow readers of 4 MB with three addresses", flood{
			connections: 24, addresses: 3, pause: time.Second, client: readPageSlowly, clusters: 4000,
		}),
	}
}

// run floods the process for two intervals, while scrapes from another address
// must be complete in time.
func (f flood) run(h *harness) {
	if f.clusters > 0 {
		h.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Clusters = clusters(healthyRegion, f.clusters) })
	}
	const others = 1000 // files that the test may have open besides
	if limit := testOpenFiles(); limit < f.connections+others {
		h.Fatalf("%d connections need a limit of %d open files (ulimit -n), not %d", f.connections, f.connections+others, limit)
	}
	file, _ := h.saveConfig()
	if f.password {
		requirePassword(h)
		h.args = []string{"--web.config.file=" + *h.options.Web.WebConfigFile}
	}
	h.openFiles = f.openFiles
	exporter := h.startProcess(file)
	before := h.waitAllOK()

	h.client.Timeout = scrapeLimit
	var opened atomic.Int64
	stop := repeat(f.connections, f.pause, func(ctx context.Context, h *harness) error {
		local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+opened.Add(1)%int64(f.addresses)))}
		conn, err := (&net.Dialer{LocalAddr: local, Timeout: scrapeLimit}).DialContext(ctx, "tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			return nil // the exporter may reject it
		}
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		defer conn.Close()
		f.client(ctx, conn)
		return nil
	})(h)
	h.client.Timeout = scrapeLimit // repeat sets that of Prometheus
	began := time.Now()
	h.waitFor("two intervals", 3*h.pace.interval, func(p page) bool { return p.requested.After(began.Add(2 * h.pace.interval)) })
	if opened.Load() < int64(f.connections) {
		h.Errorf("%d of %d connections were attempted", opened.Load(), f.connections)
	}
	stop()
	if resident := exporter.peakResident(); resident > maxResident {
		h.Errorf("peak resident memory %d kB, want at most %d kB", resident, maxResident)
	}
	h.wantSame(before, h.configured()...)
	h.checked[isolation] = true
	h.restart(file, before)
}

// testOpenFiles returns how many files the test may have open.
func testOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// peakResident returns the most memory that the process has used, in kB.
func (c *child) peakResident() int {
	c.h.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.Pid))
	c.h.check(err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(rest + " ")[0])
	c.h.check(err)
	return kB
}

// sendUnfinishedHeaders sends n bytes of a header and waits until the connection
// is closed.
func sendUnfinishedHeaders(n int) func(context.Context, net.Conn) {
	return func(_ context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("a", n))
		_, _ = io.Copy(io.Discard, conn)
	}
}

// keepUnauthorized sends a request without a password and keeps the connection
// as long as the exporter does.
func keepUnauthorized(_ context.Context, conn net.Conn) {
	_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		_ = resp.Body.Close()
	}
	_, _ = io.Copy(io.Discard, conn)
}

// readPageSlowly requests pages and reads a byte ten times per second.
func readPageSlowly(ctx context.Context, conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_, err := io.WriteString(conn, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 10))
	for err == nil && ctx.Err() == nil {
		_, err = conn.Read(make([]byte, 1))
		sleep(ctx, 100*time.Millisecond)
	}
}
