package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const clients = "HTTP clients"

// httpCases have other clients of the exporter, while scrapes must be complete
// within Prometheus's default timeout.
func httpCases() []testCase {
	return []testCase{
		{
			group: clients, name: "headers sent byte by byte", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			begin: repeat(100, time.Second, sendSlowHeaders),
		},
		{
			group: clients, name: "slow readers", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true,
			begin: repeat(slowReaders, time.Second, readSlowly),
			during: func(h *harness) {
				if n := h.value("promhttp_metric_handler_requests_in_flight"); n != slowReaders+1 {
					h.Errorf("%d scrapes in flight, want those of %d slow readers and this one", n, slowReaders)
				}
			},
		},
		{
			group: clients, name: "1,000 connections", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true,
			begin: repeat(1000, time.Second, keepConnection),
		},
		passwordFloodCase(),
		oddRequestsCase(),
		{
			group: clients, name: "10 MiB of headers", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: repeat(2, 200*time.Millisecond, sendHugeHeaders),
		},
	}
}

// repeat returns a fault in which n clients do something, again after a pause,
// until the fault ends.
func repeat(n int, pause time.Duration, do func(context.Context, *harness) error) func(*harness) func() {
	return func(h *harness) func() {
		h.client.Timeout = 10 * time.Second // the scrape timeout of Prometheus
		ctx, cancel := context.WithCancel(h.Context())
		var running sync.WaitGroup
		for range n {
			running.Go(func() {
				for ctx.Err() == nil {
					if err := do(ctx, h); err != nil && ctx.Err() == nil {
						h.Error(err)
						return
					}
					sleep(ctx, pause)
				}
			})
		}
		return func() {
			cancel()
			running.Wait()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// connect opens a connection to the exporter that is closed with ctx. Its address
// is not that of scrapes: connections are limited for each address.
func connect(ctx context.Context, h *harness) (conn net.Conn, closeConn func(), err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err = dialer.DialContext(ctx, "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() { stop(); _ = conn.Close() }, nil
}

// sendSlowHeaders sends a byte of a header ten times per second until the
// exporter closes the connection.
func sendSlowHeaders(ctx context.Context, h *harness) error {
	conn, closeConn, err := connect(ctx, h)
	if err != nil {
		return err
	}
	defer closeConn()
	began := time.Now()
	for _, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "); err == nil; _, err = conn.Write([]byte{'a'}) {
		if time.Since(began) > 15*time.Second {
			return errors.New("a connection with slow headers is not closed")
		}
		sleep(ctx, 100*time.Millisecond)
	}
	return nil
}

const slowReaders = 3

// readSlowly requests more than the buffers of the sockets hold and reads a byte
// ten times per second.
func readSlowly(ctx context.Context, h *harness) error {
	conn, closeConn, err := connect(ctx, h)
	if err != nil {
		return err
	}
	defer closeConn()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // a larger one also fills
	}
	if _, err := io.WriteString(conn, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100)); err != nil {
		return err
	}
	for err == nil {
		_, err = conn.Read(make([]byte, 1))
		sleep(ctx, 100*time.Millisecond)
	}
	return nil
}

// keepConnection sends a request and keeps the connection open as long as the
// exporter, which limits the connections of a client, does.
func keepConnection(ctx context.Context, h *harness) error {
	conn, closeConn, err := connect(ctx, h)
	if err != nil {
		return err
	}
	defer closeConn()
	if _, err := io.WriteString(conn, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && !strings.Contains(line, " 200 ") {
		return fmt.Errorf("response to a kept connection: %q", line)
	}
	<-ctx.Done()
	return nil
}

// sendHugeHeaders sends headers of 10 MiB until the exporter rejects them.
func sendHugeHeaders(ctx context.Context, h *harness) error {
	conn, closeConn, err := connect(ctx, h)
	if err != nil {
		return err
	}
	defer closeConn()
	go func() {
		_, _ = io.Copy(conn, io.MultiReader(strings.NewReader("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Huge: "),
			bytes.NewReader(bytes.Repeat([]byte{'a'}, 10<<20)), strings.NewReader("\r\n\r\n"))) // the exporter closes the connection
	}()
	text, _ := io.ReadAll(conn) // the response may be lost while the client still sends
	h.secrets.scan("the response to 10 MiB of headers", string(text))
	if line, _, whole := strings.Cut(string(text), "\n"); whole && !strings.Contains(line, " 431 ") {
		return fmt.Errorf("response to headers of 10 MiB: %q", line)
	}
	return nil
}

// oddRequestsCase sends odd requests and checks that they add no series.
func oddRequestsCase() testCase {
	var before []string
	var rounds atomic.Int64
	return testCase{
		group: clients, name: "unusual methods, and queries with roles, accounts and Regions", state: coverage.OK,
		skip: skips{lastGood: refreshSucceeds},
		begin: func(h *harness) func() {
			before = h.allSeries("/metrics")
			rounds.Store(0)
			return repeat(1, 200*time.Millisecond, func(ctx context.Context, h *harness) error {
				defer rounds.Add(1)
				return sendOddMethods(ctx, h)
			})(h)
		},
		during: func(h *harness) {
			if rounds.Load() == 0 {
				h.Error("no round of requests has ended")
			}
			checkQueries(h, before)
		},
	}
}

func sendOddMethods(ctx context.Context, h *harness) error {
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "G-T", strings.Repeat("X", 1000)} {
		req, err := http.NewRequestWithContext(ctx, method, h.url+"/metrics?method="+method, nil)
		if err != nil {
			return err
		}
		resp, err := h.client.Do(req)
		if err != nil {
			return err
		}
		if _, err := h.read(method+" /metrics", resp); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s /metrics: %d", method, resp.StatusCode)
		}
	}
	return nil
}

// checkQueries checks that queries change neither the series nor the calls.
func checkQueries(h *harness, before []string) {
	for _, query := range []string{
		"?target=other", "?region=eu-west-3", "?account_id=999999999999", "?role_arn=arn:aws:iam::999999999999:role/other&external_id=x",
		"?module=x&region=&target=../../etc/passwd", "",
	} {
		if s := difference(before, h.allSeries("/metrics"+query)); s != "" {
			h.Errorf("/metrics%s has different series: %s", query, s)
		}
	}
	for _, c := range h.aws.Calls() {
		if !slices.ContainsFunc(allTargets(), func(t target) bool { return slices.Contains(t.accounts, c.AccountID) }) ||
			c.Region != faultRegion && c.Region != healthyRegion {
			h.Errorf("%s was called for %s in %s", c.Operation, c.AccountID, c.Region)
		}
	}
}

// allSeries returns all series of a page, sorted, with the exporter's own.
func (h *harness) allSeries(path string) []string {
	h.Helper()
	status, text := h.request(http.MethodGet, path)
	if status != http.StatusOK {
		h.Errorf("GET %s: %d", path, status)
	}
	var all []string
	for line := range strings.Lines(text) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			all = append(all, line[:at])
		}
	}
	slices.Sort(all)
	return all
}

// difference returns a series that only one of two sorted lists contains.
func difference(a, b []string) string {
	for _, lists := range [][2][]string{{a, b}, {b, a}} {
		for _, s := range lists[0] {
			if _, found := slices.BinarySearch(lists[1], s); !found {
				return s
			}
		}
	}
	return ""
}
