package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const gzipped = "\x1f\x8b"

func TestProfiles(t *testing.T) {
	routes := example()
	routes.Profiling = true
	url := serveOpen(t, routes)
	for path, want := range map[string]struct {
		status int
		begin  string
	}{
		"":                  {200, "<html>"},
		"heap":              {200, gzipped},
		"allocs":            {200, gzipped},
		"goroutine?debug=1": {200, "goroutine profile: total"},
		"nonsense":          {404, "Unknown profile"},
		"cmdline":           {200, os.Args[0]},
		"symbol":            {200, "num_symbols: 1"},
		"profile?seconds=1": {200, gzipped},
		"trace?seconds=1":   {200, "go 1."},
	} {
		status, page := request(t, http.MethodGet, url+profiles+path, "")
		if status != want.status || !strings.HasPrefix(page, want.begin) {
			t.Errorf("%s: %d %.40q, want %d %q", path, status, page, want.status, want.begin)
		}
	}
	if status, _ := request(t, http.MethodPost, url+profiles+"symbol", ""); status != http.StatusOK {
		t.Errorf("POST symbol: %d", status)
	}
}

func TestNoProfilesByDefault(t *testing.T) {
	url := serveOpen(t, example())
	for _, path := range []string{"", "heap", "cmdline", "profile?seconds=1"} {
		if status, _ := request(t, http.MethodGet, url+profiles+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// pipes is an in-memory listener, for fake time.
type pipes struct {
	conns  chan net.Conn
	closed func() // idempotent
	done   chan struct{}
}

func newPipes() *pipes {
	done := make(chan struct{})
	return &pipes{conns: make(chan net.Conn), done: done, closed: sync.OnceFunc(func() { close(done) })}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.closed(); return nil }

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// inFakeTime serves routes in a synctest bubble.
func inFakeTime(t *testing.T, routes Routes, test func(t *testing.T, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := Listen(t.Context(), options(t, "", 1, routes))
		if err != nil {
			t.Fatal(err)
		}
		s.closeListeners()
		l := newPipes()
		s.listeners = []net.Listener{l}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		test(t, l)
		if err := s.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestLongProfile takes a profile for longer than the read and write timeouts.
// It takes a second because the runtime's profiler does not use fake time.
func TestLongProfile(t *testing.T) {
	routes := example()
	routes.Profiling = true
	s, err := Listen(t.Context(), options(t, "", 1, routes))
	if err != nil {
		t.Fatal(err)
	}
	s.servers[0].ReadTimeout, s.servers[0].WriteTimeout = 500*time.Millisecond, 900*time.Millisecond
	run(t, s)
	begun := time.Now()
	status, profile := request(t, http.MethodGet, "http://"+s.Addresses()[0].String()+profiles+"profile?seconds=1", "")
	if took := time.Since(begun); status != http.StatusOK || !strings.HasPrefix(profile, gzipped) || took < time.Second {
		t.Errorf("after %s: %d %.80q", took, status, profile)
	}
}

// TestSlowHeaders sends the headers of a request byte by byte.
func TestSlowHeaders(t *testing.T) {
	inFakeTime(t, example(), func(t *testing.T, l *pipes) {
		conn := l.dial()
		begun := time.Now()
		_, err := fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = fmt.Fprint(conn, "a")
		}
		if took := time.Since(begun); took > headerTimeout+time.Second {
			t.Errorf("the connection was kept for %s", took)
		}
	})
}

// TestSlowReader reads a response byte by byte.
func TestSlowReader(t *testing.T) {
	routes := example()
	routes.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("metrics ", 100_000))
	})
	inFakeTime(t, routes, func(t *testing.T, l *pipes) {
		conn := l.dial()
		begun := time.Now()
		fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		var err error
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = conn.Read(make([]byte, 1))
		}
		if took := time.Since(begun); took > writeTimeout+time.Second {
			t.Errorf("the connection was kept for %s", took)
		}
	})
}
