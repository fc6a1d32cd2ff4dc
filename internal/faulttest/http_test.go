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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const serving = "HTTP"

// httpRows are about other clients of the exporter, who do what they can while
// Prometheus scrapes it, each time within its usual timeout.
func httpRows() []row {
	return []row{
		visited("headers that come byte by byte", repeated(100, time.Second, slowHeaders)).stands(),
		visited("answers that are hardly read", repeated(slowReaders, time.Second, slowReader)).with(working).
			with(func(r *row) { r.also = seatsTaken }),
		visited("1,000 connections", repeated(1000, time.Second, idle)).with(working),
		flood().with(working),
		oddClient(),
		visited("10 MiB of headers", repeated(2, 200*time.Millisecond, hugeHeaders)),
	}
}

// working makes a row one of those that would slow others down.
func working(r *row) { r.pace, r.heavy = ample(), true }

// visited is a row with other clients.
func visited(name string, begin func(*rig) func()) row {
	return bears(serving, name, func(r *rig) func() {
		r.client.Timeout = 10 * time.Second // Prometheus's default
		return begin(r)
	})
}

// repeated has so many clients do the same, one time after the other with a
// pause, until the fault ends.
func repeated(clients int, pause time.Duration, visit func(context.Context, *rig) error) func(*rig) func() {
	return func(r *rig) func() {
		ctx, over := context.WithCancel(r.Context())
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for ctx.Err() == nil {
					if err := visit(ctx, r); err != nil && ctx.Err() == nil {
						r.Error(err)
						return
					}
					pass(ctx, pause)
				}
			})
		}
		return func() {
			over()
			all.Wait()
		}
	}
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// connect opens a connection to the exporter that ends with ctx.
func connect(ctx context.Context, r *rig) (conn net.Conn, shut func(), err error) {
	conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() { stop(); _ = conn.Close() }, nil
}

// slowHeaders sends a byte of a header ten times a second until it is cut off.
func slowHeaders(ctx context.Context, r *rig) error {
	conn, shut, err := connect(ctx, r)
	if err != nil {
		return err
	}
	defer shut()
	begun := time.Now()
	for _, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "); err == nil; _, err = conn.Write([]byte{'a'}) {
		if time.Since(begun) > 15*time.Second {
			return errors.New("slow headers are not cut off")
		}
		pass(ctx, 100*time.Millisecond)
	}
	return nil
}

const slowReaders = 3

// seatsTaken wants to see that the slow readers are being answered all the while.
func seatsTaken(r *rig) {
	if n := r.number("promhttp_metric_handler_requests_in_flight"); n != slowReaders+1 {
		r.Errorf("%d scrapes at a time, want those of %d slow readers and this one", n, slowReaders)
	}
}

// number is the value of a metric without labels.
func (r *rig) number(metric string) int {
	r.Helper()
	_, text := r.request(http.MethodGet, "/metrics")
	_, rest, _ := strings.Cut(text, "\n"+metric+" ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	r.check(err)
	return n
}

// slowReader asks for more than the sockets' buffers hold and reads a byte ten
// times a second.
func slowReader(ctx context.Context, r *rig) error {
	conn, shut, err := connect(ctx, r)
	if err != nil {
		return err
	}
	defer shut()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // a smaller one only makes it slower
	}
	if _, err := io.WriteString(conn, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100)); err != nil {
		return err
	}
	for err == nil {
		_, err = conn.Read(make([]byte, 1))
		pass(ctx, 100*time.Millisecond)
	}
	return nil
}

// idle asks once and keeps the connection.
func idle(ctx context.Context, r *rig) error {
	conn, shut, err := connect(ctx, r)
	if err != nil {
		return err
	}
	defer shut()
	if _, err := io.WriteString(conn, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
		return fmt.Errorf("an idle connection is answered %q: %w", line, err)
	}
	<-ctx.Done()
	return nil
}

// hugeHeaders sends headers of 10 MiB until they are refused.
func hugeHeaders(ctx context.Context, r *rig) error {
	conn, shut, err := connect(ctx, r)
	if err != nil {
		return err
	}
	defer shut()
	go func() {
		_, _ = io.Copy(conn, io.MultiReader(strings.NewReader("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Huge: "),
			bytes.NewReader(bytes.Repeat([]byte{'a'}, 10<<20)), strings.NewReader("\r\n\r\n"))) // it is cut off
	}()
	text, _ := io.ReadAll(conn) // the refusal may be lost where the client still sends
	r.secrets.search("the answer to 10 MiB of headers", string(text))
	if line, _, whole := strings.Cut(string(text), "\n"); whole && !strings.Contains(line, " 431 ") {
		return fmt.Errorf("headers of 10 MiB are answered %q", line)
	}
	return nil
}

// oddClient compares the series of the page before odd requests with those after.
func oddClient() row {
	var before []string
	var rounds atomic.Int64
	requests := repeated(1, 200*time.Millisecond, func(ctx context.Context, r *rig) error {
		defer rounds.Add(1)
		return oddRequests(ctx, r)
	})
	r := visited("odd methods, and queries that name roles, accounts and Regions", func(r *rig) func() {
		before = everySeries(r, "/metrics")
		rounds.Store(0)
		return requests(r)
	})
	r.also = func(r *rig) {
		if rounds.Load() == 0 {
			r.Error("the odd requests are still under way")
		}
		nothingNew(r, before)
	}
	return r
}

// oddRequests asks in ways that no client should.
func oddRequests(ctx context.Context, r *rig) error {
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "G-T", strings.Repeat("X", 1000)} {
		req, err := http.NewRequestWithContext(ctx, method, r.url+"/metrics?method="+method, nil)
		if err != nil {
			return err
		}
		resp, err := r.client.Do(req)
		if err != nil {
			return err
		}
		if _, err := r.read(method+" /metrics", resp); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s /metrics: %d", method, resp.StatusCode)
		}
	}
	return nil
}

// nothingNew compares the series of the whole page, and of those that are asked
// for with queries, with the series before.
func nothingNew(r *rig, before []string) {
	for _, query := range []string{
		"?target=far", "?region=eu-west-3", "?account_id=999999999999", "?role_arn=arn:aws:iam::999999999999:role/other&external_id=x",
		"?module=x&region=&target=../../etc/passwd", "",
	} {
		if diff := difference(before, everySeries(r, "/metrics"+query)); diff != "" {
			r.Errorf("/metrics%s shows other series: %s", query, diff)
		}
	}
	for _, c := range r.aws.Calls() {
		if !slices.ContainsFunc(everyTarget(), func(t target) bool { return slices.Contains(t.accounts, c.AccountID) }) ||
			c.Region != faulty && c.Region != sibling {
			r.Errorf("%s was called for %s in %s", c.Operation, c.AccountID, c.Region)
		}
	}
}

// everySeries returns the series of the whole page, the exporter's own included.
func everySeries(r *rig, path string) []string {
	r.Helper()
	status, text := r.request(http.MethodGet, path)
	if status != http.StatusOK {
		r.Errorf("GET %s: %d", path, status)
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

// difference returns the first series that one page has and the other has not.
func difference(a, b []string) string {
	for _, pages := range [][2][]string{{a, b}, {b, a}} {
		for _, s := range pages[0] {
			if _, found := slices.BinarySearch(pages[1], s); !found {
				return s
			}
		}
	}
	return ""
}

// The passwords of rows with a door. Wrong ones are no secrets.
const (
	password = "canary-password-of-prometheus"
	another  = "canary-password-of-another-one"
)

// behindDoor has the exporter ask for a password, which the rig's client sends.
func behindDoor(r *rig) (webConfig string) {
	webConfig = "basic_auth_users:\n"
	for user, word := range map[string]string{"prometheus": password, "another": another} {
		hash, err := bcrypt.GenerateFromPassword([]byte(word), 6)
		r.check(err)
		r.secrets.add("a password", word)
		r.secrets.add("a password's hash", string(hash))
		webConfig += "  " + user + ": " + string(hash) + "\n"
	}
	file := filepath.Join(r.TempDir(), "web.yaml")
	write(r, file, webConfig)
	r.options.Web.WebConfigFile = &file
	r.client.Transport = authorised{&http.Transport{}, "prometheus", password}
	return webConfig
}

// authorised sends a password with each request.
type authorised struct {
	*http.Transport
	user, word string
}

// RoundTrip implements http.RoundTripper.
func (a authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth(a.user, a.word)
	return a.Transport.RoundTrip(req)
}

// flood has many push against a door.
func flood() row {
	var refused, busy atomic.Int64
	push := func(ctx context.Context, r *rig) error {
		for _, word := range []string{"", "wrong"} {
			switch status, err := ask(ctx, r, authorised{&http.Transport{DisableKeepAlives: true}, "prometheus", word}); {
			case err != nil:
				return err
			case status == http.StatusUnauthorized:
				refused.Add(1)
			case status == http.StatusTooManyRequests:
				busy.Add(1)
			default:
				return fmt.Errorf("the password %q is answered %d", word, status)
			}
		}
		return nil
	}
	r := visited("a flood without the password, and with wrong ones", repeated(20, 200*time.Millisecond, push))
	r.arrange = func(r *rig) { behindDoor(r) }
	r.also = func(r *rig) {
		if refused.Load() == 0 || busy.Load() == 0 {
			r.Errorf("%d were refused and %d told to wait: that is no flood", refused.Load(), busy.Load())
		}
		// One that nobody has let in before, from another address.
		elsewhere := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		newcomer := authorised{&http.Transport{DialContext: elsewhere.DialContext, DisableKeepAlives: true}, "another", another}
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		if status, err := ask(ctx, r, newcomer); err != nil || status != http.StatusOK {
			r.Errorf("a newcomer in the flood: %d, %v", status, err)
		}
	}
	return r
}

// ask returns the status that /metrics answers with.
func ask(ctx context.Context, r *rig, as http.RoundTripper) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := as.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, err = r.read("GET /metrics", resp)
	return resp.StatusCode, err
}
