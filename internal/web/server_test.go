package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/crypto/bcrypt"
)

// serve serves routes on loopback until the test ends and returns the URLs.
func serve(t *testing.T, webConfig string, addresses int, routes Routes) []string {
	t.Helper()
	file := ""
	if webConfig != "" {
		file = filepath.Join(t.TempDir(), "web.yaml")
		if err := os.WriteFile(file, []byte(webConfig), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	systemd, listen := false, make([]string, addresses)
	for i := range listen {
		listen[i] = "127.0.0.1:0"
	}
	handler, err := routes.Handler()
	if err != nil {
		t.Fatal(err)
	}
	flags := &toolkit.FlagConfig{WebListenAddresses: &listen, WebSystemdSocket: &systemd, WebConfigFile: &file}
	s, err := Listen(t.Context(), flags, handler, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.WithoutCancel(t.Context())), <-served); err != nil {
			t.Error(err)
		}
	})
	var urls []string
	for _, address := range s.Addresses() {
		urls = append(urls, "http://"+address.String())
	}
	return urls
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

func TestEveryRouteWantsTheConfiguredPassword(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, "basic_auth_users: {prometheus: "+string(hash)+"}\n", 1, example())[0]
	for _, route := range []struct{ method, path string }{
		{"GET", "/metrics"},
		{"GET", "/"},
		{"GET", "/-/healthy"},
		{"GET", "/-/ready"},
		{"POST", "/-/reload"},
		{"GET", "/nothing"},
	} {
		for _, password := range []string{"", "wrong"} {
			if status, _ := request(t, route.method, url+route.path, password); status != http.StatusUnauthorized {
				t.Errorf("%s %s with the password %q: %d", route.method, route.path, password, status)
			}
		}
		if status, _ := request(t, route.method, url+route.path, "right"); status == http.StatusUnauthorized {
			t.Errorf("%s %s with the right password: %d", route.method, route.path, status)
		}
	}
}

func TestEveryAddressIsServed(t *testing.T) {
	for _, url := range serve(t, "", 3, example()) {
		if status, body := request(t, http.MethodGet, url+"/metrics", ""); status != http.StatusOK || body != "metrics" {
			t.Errorf("%s: %d %q", url, status, body)
		}
	}
}

// TestEveryTimeoutIsSet looks at the servers, for to wait for the timeouts
// would take minutes.
func TestEveryTimeoutIsSet(t *testing.T) {
	systemd, none, listen := false, "", []string{"127.0.0.1:0", "127.0.0.1:0"}
	flags := &toolkit.FlagConfig{WebListenAddresses: &listen, WebSystemdSocket: &systemd, WebConfigFile: &none}
	s, err := Listen(t.Context(), flags, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
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
	url := serve(t, "", 1, routes)[0]
	if status, _ := request(t, http.MethodGet, url+"/-/ready", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", status)
	}
	if status, _ := request(t, http.MethodGet, url+"/-/healthy", ""); status != http.StatusOK {
		t.Errorf("healthy: %d", status)
	}
}

func TestBadTelemetryPaths(t *testing.T) {
	for _, path := range []string{"", "metrics", "//metrics", "/a/../b", "/metrics/", "/a b", "/{a}", "/a?b", "/a%20b", "/-/ready"} {
		routes := example()
		routes.TelemetryPath = path
		if _, err := routes.Handler(); err == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}
