package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// options are those of a server of routes on so many addresses of loopback.
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

// open serves routes at one address without a door.
func open(t *testing.T, routes Routes) (url string) {
	t.Helper()
	return "http://" + serve(t, options(t, "", 1, routes))[0]
}

func example() Routes {
	return Routes{
		TelemetryPath: "/metrics",
		Metrics:       http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
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

// TestEveryTimeoutIsSet looks at the servers, for to wait for the timeouts
// would take minutes.
func TestEveryTimeoutIsSet(t *testing.T) {
	s, err := Listen(t.Context(), options(t, "", 2, example()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.closeListeners()
	for _, server := range s.servers {
		if server.ReadHeaderTimeout <= 0 || server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 || server.MaxHeaderBytes <= 0 {
			t.Errorf("a bound is missing: %+v", server)
		}
	}
	if len(s.servers) != 2 || s.servers[0] == s.servers[1] {
		t.Errorf("%d servers of two addresses, or one for both", len(s.servers))
	}
}

func TestNotReady(t *testing.T) {
	routes := example()
	routes.Ready = func() bool { return false }
	url := open(t, routes)
	if status, _ := request(t, http.MethodGet, url+"/-/ready", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", status)
	}
	if status, _ := request(t, http.MethodGet, url+"/-/healthy", ""); status != http.StatusOK {
		t.Errorf("healthy: %d", status)
	}
}

func TestScrapesInFlightAreBounded(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	routes := example()
	routes.Metrics = LimitScrapes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	url := open(t, routes) + "/metrics"

	var scrapes sync.WaitGroup
	for n := range maxScrapes {
		client := byte(1 + n/maxScrapesOfOne)
		scrapes.Go(func() {
			if status := statusFor(t, client, url); status != http.StatusOK {
				t.Errorf("a scrape within the bound: %d", status)
			}
		})
		<-entered
		if n == maxScrapesOfOne-1 {
			if status := statusFor(t, client, url); status != http.StatusServiceUnavailable {
				t.Errorf("a scrape beyond the bound of one client: %d", status)
			}
		}
	}
	if status := statusFor(t, 99, url); status != http.StatusServiceUnavailable {
		t.Errorf("a scrape beyond the bound: %d", status)
	}
	close(leave)
	scrapes.Wait()
	go func() { <-entered }()
	if status := statusFor(t, 99, url); status != http.StatusOK {
		t.Errorf("a scrape after the others: %d", status)
	}
}

// statusFor asks from one of the addresses of loopback.
func statusFor(t *testing.T, client byte, url string) int {
	t.Helper()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, client)}}
	transport := &http.Transport{DialContext: from.DialContext}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
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
	url := open(t, example())
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
