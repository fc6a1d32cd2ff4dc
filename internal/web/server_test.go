package web

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // most tests wait
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// options returns the options of a server on that many loopback addresses.
func options(t *testing.T, webConfigFile string, addresses int, routes Routes) Options {
	t.Helper()
	systemd, listen := false, slices.Repeat([]string{"127.0.0.1:0"}, addresses)
	handler, err := routes.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Flags:   &toolkit.FlagConfig{WebListenAddresses: &listen, WebSystemdSocket: &systemd, WebConfigFile: &webConfigFile},
		Handler: handler,
		Metrics: NewMetrics(nil),
		Logger:  slog.New(slog.DiscardHandler),
	}
}

// serve serves until the test ends and returns the addresses.
func serve(t *testing.T, o Options) []string {
	t.Helper()
	s, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	var addresses []string
	for _, address := range s.Addresses() {
		addresses = append(addresses, address.String())
	}
	return addresses
}

// run serves until the test ends.
func run(t *testing.T, s *Server) {
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := errors.Join(s.Shutdown(context.WithoutCancel(t.Context())), <-served); err != nil {
			t.Error(err)
		}
	})
}

// serveOpen serves routes at one address without a web configuration.
func serveOpen(t *testing.T, routes Routes) (url string) {
	t.Helper()
	return "http://" + serve(t, options(t, "", 1, routes))[0]
}

func example() Routes {
	return Routes{
		TelemetryPath: "/metrics",
		Metrics:       page("metrics"),
		Status:        page("status"),
		StatusJSON:    page("status as JSON"),
		ClustersJSON:  page("clusters as JSON"),
		Ready:         func() bool { return true },
		Lifecycle:     true,
		Reload:        func() error { return nil },
	}
}

func request(t *testing.T, method, url, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("prometheus", password)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestEveryAddressIsServed(t *testing.T) {
	for _, address := range serve(t, options(t, "", 3, example())) {
		if status, body := request(t, http.MethodGet, "http://"+address+"/metrics", ""); status != http.StatusOK || body != "metrics" {
			t.Errorf("%s: %d %q", address, status, body)
		}
	}
}

// TestEveryBoundIsSet compares with literals, because waiting for the timeouts
// would take minutes.
func TestEveryBoundIsSet(t *testing.T) {
	s, err := Listen(t.Context(), options(t, "", 2, example()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.closeListeners()
	for _, server := range s.servers {
		for name, bound := range map[string]struct{ got, min, max time.Duration }{
			"ReadHeaderTimeout": {server.ReadHeaderTimeout, time.Second, 5 * time.Second},
			"ReadTimeout":       {server.ReadTimeout, 5 * time.Second, 30 * time.Second},
			"WriteTimeout":      {server.WriteTimeout, 30 * time.Second, 2 * time.Minute},
			"IdleTimeout":       {server.IdleTimeout, time.Minute, 2 * time.Minute},
			"WriteByteTimeout":  {server.HTTP2.WriteByteTimeout, time.Second, time.Minute},
		} {
			if bound.got < bound.min || bound.got > bound.max {
				t.Errorf("%s is %s, want %s to %s", name, bound.got, bound.min, bound.max)
			}
		}
		if n := server.MaxHeaderBytes + 4096; n < 8<<10 || n > 16<<10 { // net/http adds 4096
			t.Errorf("headers of %d bytes are accepted", n)
		}
		if n := server.HTTP2.MaxConcurrentStreams; n < 1 || n > 20 {
			t.Errorf("%d streams of a connection", n)
		}
	}
	if len(s.servers) != 2 || s.servers[0] == s.servers[1] {
		t.Errorf("%d servers of two addresses, or one for both", len(s.servers))
	}
}

func TestNotReady(t *testing.T) {
	routes := example()
	routes.Ready = func() bool { return false }
	url := serveOpen(t, routes)
	if status, _ := request(t, http.MethodGet, url+"/-/ready", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", status)
	}
	if status, _ := request(t, http.MethodGet, url+"/-/healthy", ""); status != http.StatusOK {
		t.Errorf("healthy: %d", status)
	}
}

func TestBadTelemetryPaths(t *testing.T) {
	for _, path := range []string{"", "metrics", "//metrics", "/a/../b", "/metrics/", "/a b", "/{a}", "/a?b", "/a%20b", "/-/ready", "/debug/pprof", "/debug/pprof/heap"} {
		routes := example()
		routes.TelemetryPath = path
		if _, err := routes.Handler(); err == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}

func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	url := serveOpen(t, example())
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	req.Header.Set("X-Large", strings.Repeat("a", 2*maxHeaderBytes))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(resp.StatusCode)
	}
}

// exchange sends text on a new connection and returns all that the server sends
// until it closes the connection.
func exchange(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	response, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	return string(response)
}

// TestAsterisk sends OPTIONS *, which net/http responds to with 200 by default.
func TestAsterisk(t *testing.T) {
	address := strings.TrimPrefix(serveOpen(t, example()), "http://")
	if response := exchange(t, address, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(response, "HTTP/1.1 400 ") {
		t.Errorf("got %q", response)
	}
}

// TestMetricsAtTheRoot: there is no status page then, but its JSON form.
func TestMetricsAtTheRoot(t *testing.T) {
	routes := example()
	url := serveOpen(t, routes)
	for path, want := range map[string]string{"/": "status", "/api/v1/status": "status as JSON", "/api/v1/clusters": "clusters as JSON", "/metrics": "metrics"} {
		if code, text := request(t, http.MethodGet, url+path, ""); code != http.StatusOK || text != want {
			t.Errorf("%s: %d %q, want %q", path, code, text, want)
		}
	}
	routes.TelemetryPath = "/"
	url = serveOpen(t, routes)
	for path, want := range map[string]string{"/": "metrics", "/api/v1/status": "status as JSON"} {
		if code, text := request(t, http.MethodGet, url+path, ""); code != http.StatusOK || text != want {
			t.Errorf("%s: %d %q, want %q", path, code, text, want)
		}
	}
}

func TestFavicon(t *testing.T) {
	resp, err := http.Get(serveOpen(t, example()) + "/favicon.ico")
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestHead compares the headers of HEAD with those of GET.
func TestHead(t *testing.T) {
	url := serveOpen(t, example())
	for _, path := range []string{"/", "/-/healthy", "/-/ready"} {
		var types []string
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			types = append(types, resp.Header.Get("Content-Type"))
		}
		if types[0] == "" || types[0] != types[1] {
			t.Errorf("%s: Content-Type of GET and HEAD: %q", path, types)
		}
	}
}

// page returns a handler that serves a text.
func page(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}
