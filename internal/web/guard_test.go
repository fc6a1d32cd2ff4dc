package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Web configurations with a user and bcrypt hashes of minimum cost.
const (
	hashOfRight = "$2a$04$CjDDTMMOTCvPuysDBc/f2u6fsayMffBvXcYmC6Yogv83HDoEFgU2a"
	hashOfOther = "$2a$04$e4BRu5nZcrxx7yXiCtTR/OU9VUky7USyHB5G4gU9UOwxapfDEg.xm"

	users      = "basic_auth_users: {prometheus: " + hashOfRight + "}\n"
	otherUsers = "basic_auth_users: {prometheus: " + hashOfOther + "}\n"
)

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeStable also waits until the guard does not have to.
func writeStable(t *testing.T, file, content string) {
	t.Helper()
	write(t, file, content)
	time.Sleep(minFileAge)
}

// guarded is a server with a web configuration file.
type guarded struct {
	t                  *testing.T
	file, address, url string
	log                *bytes.Buffer // must only be read while no request is in flight
	metrics            *Metrics
}

func serveGuarded(t *testing.T, webConfig string, routes Routes) *guarded {
	t.Helper()
	g := &guarded{t: t, file: filepath.Join(t.TempDir(), "web.yaml"), log: &bytes.Buffer{}}
	write(t, g.file, webConfig)
	o := options(t, g.file, 1, routes)
	o.Logger, g.metrics = slog.New(slog.NewTextHandler(g.log, nil)), o.Metrics
	g.address = serve(t, o)[0]
	g.url = "http://" + g.address
	return g
}

// status returns the status of /metrics with a password, or without one for "".
func (g *guarded) status(password string) int {
	g.t.Helper()
	status, _ := request(g.t, http.MethodGet, g.url+"/metrics", password)
	return status
}

// valid returns whether the metric is 1.
func (g *guarded) valid() bool {
	g.t.Helper()
	var m dto.Metric
	if err := g.metrics.valid.Write(&m); err != nil {
		g.t.Fatal(err)
	}
	return m.GetGauge().GetValue() == 1
}

// TestEveryRouteRequiresThePassword takes the routes from Routes, so that it
// covers new ones.
func TestEveryRouteRequiresThePassword(t *testing.T) {
	t.Parallel()
	routes, reloads := example(), 0
	routes.Profiling = true
	routes.Reload = func() error { reloads++; return nil }
	all, err := routes.all()
	if err != nil || len(all) < 12 {
		t.Fatalf("%d routes, %v", len(all), err)
	}
	g := serveGuarded(t, users, routes)
	for _, one := range append(all, route{pattern: "GET /nothing"}, route{pattern: "DELETE /metrics"}) {
		method, path, _ := strings.Cut(one.pattern, " ")
		path = strings.TrimSuffix(path, "{$}") + "?seconds=1"
		for _, password := range []string{"", "wrong"} {
			if status, page := request(t, method, g.url+path, password); status != http.StatusUnauthorized || page != "Unauthorized\n" {
				t.Errorf("%s with password %q: %d %s", one.pattern, password, status, page)
			}
		}
		if reloads > 0 {
			t.Fatalf("%s reloads without the password", one.pattern)
		}
		if status, _ := request(t, method, g.url+path, "right"); status == http.StatusUnauthorized {
			t.Errorf("%s with the right password: %d", one.pattern, status)
		}
		reloads = 0
	}
}

// TestUnauthorizedClosesTheConnection also covers OPTIONS *, which net/http
// responds to by itself by default.
func TestUnauthorizedClosesTheConnection(t *testing.T) {
	g := serveGuarded(t, users, example())
	for _, target := range []string{"GET /metrics", "OPTIONS *", "GET /-/healthy"} {
		response := exchange(t, g.address, target+" HTTP/1.1\r\nHost: x\r\n\r\n"+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if !strings.HasPrefix(response, "HTTP/1.1 401 ") || !strings.Contains(response, "\r\nConnection: close\r\n") || strings.Count(response, "HTTP/1.1 ") != 1 {
			t.Errorf("%s, twice:\n%s", target, response)
		}
	}
}

func TestWebConfigurationChanges(t *testing.T) {
	const secret = "pa55word"
	for name, tc := range map[string]struct {
		content  string
		err      string // in the log, "" for a file that is accepted
		password string // the right one afterwards
	}{
		"emptied":            {content: "", err: "the file is empty"},
		"blank":              {content: "\n \n", err: "the file is empty"},
		"only comments":      {content: "# basic_auth_users:\n", err: "the file is empty"},
		"null":               {content: "~\n", err: "the file is empty"},
		"not YAML":           {content: "basic_auth_users: {", err: "yaml: "},
		"unknown key":        {content: users + "users: {}\n", err: "users"},
		"no users":           {content: "basic_auth_users: {}\n", err: "removing all users requires a restart"},
		"cut off in users":   {content: "basic_auth_users:\n", err: "removing all users requires a restart"},
		"cut off in a hash":  {content: "basic_auth_users:\n  prometheus: " + hashOfRight[:30], err: "is not a bcrypt hash"},
		"empty mapping":      {content: "{}\n", err: "removing all users requires a restart"},
		"only a header":      {content: "http_server_config: {headers: {X-Frame-Options: deny}}\n", err: "removing all users"},
		"plaintext password": {content: "basic_auth_users: {prometheus: " + secret + "}\n", err: `the value of \"prometheus\" is not a bcrypt hash`},
		"no mapping":         {content: "basic_auth_users: " + secret + "\n", err: "cannot unmarshal"},
		"TLS":                {content: users + "tls_server_config: {cert_file: none.pem, key_file: none.pem}\n", err: "TLS cannot be switched on or off"},
		"another password":   {content: otherUsers, password: "other"},
		"another user":       {content: "basic_auth_users: {prometheus: " + hashOfRight + ", other: " + hashOfOther + "}\n", password: "right"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serveGuarded(t, users, example())
			if got := g.status("right"); got != http.StatusOK || !g.valid() {
				t.Fatalf("at the start: %d", got)
			}
			write(t, g.file, tc.content)
			want := map[string]int{"": 401, "wrong": 401, tc.password: 200}
			if tc.err != "" {
				want = map[string]int{"": 503, "wrong": 503, "right": 503}
			}
			for range 3 {
				for password, status := range want {
					if got := g.status(password); got != status {
						t.Errorf("password %q: %d, want %d", password, got, status)
					}
				}
			}
			if g.valid() != (tc.err == "") {
				t.Errorf("the metric is %v", g.valid())
			}
			lines := strings.Count(g.log.String(), "web configuration ")
			if lines != 1 || tc.err != "" && !strings.Contains(g.log.String(), tc.err) || strings.Contains(g.log.String(), secret) {
				t.Errorf("%d lines in the log, want one with %q:\n%s", lines, tc.err, g.log)
			}
			write(t, g.file, users)
			if got := g.status("right"); got != http.StatusOK || !g.valid() {
				t.Errorf("after the repair: %d", got)
			}
		})
	}
}

// TestForbiddenHeader has a mistake that only the toolkit finds.
func TestForbiddenHeader(t *testing.T) {
	g := serveGuarded(t, users, example())
	write(t, g.file, users+"http_server_config: {headers: {Server: x}}\n")
	for _, password := range []string{"", "wrong", "right"} {
		if got := g.status(password); got != http.StatusServiceUnavailable {
			t.Errorf("password %q: %d", password, got)
		}
	}
	if g.valid() || !strings.Contains(g.log.String(), "Server") {
		t.Errorf("the metric is %v, the log:\n%s", g.valid(), g.log)
	}
}

func TestWebConfigurationIsDeleted(t *testing.T) {
	routes, reloads := example(), 0
	routes.Profiling = true
	routes.Reload = func() error { reloads++; return nil }
	all, err := routes.all()
	if err != nil {
		t.Fatal(err)
	}
	g := serveGuarded(t, users, routes)
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		method, path, _ := strings.Cut(one.pattern, " ")
		if status, page := request(t, method, g.url+strings.TrimSuffix(path, "{$}"), "right"); status != 503 || len(page) > 100 || reloads > 0 {
			t.Errorf("%s with the right password: %d %s", one.pattern, status, page)
		}
	}
	if none, right := g.status(""), g.status("right"); none != 503 || right != 503 || g.valid() {
		t.Errorf("without a password %d, with the right one %d; the metric is %v", none, right, g.valid())
	}
	write(t, g.file, users)
	if none, right := g.status(""), g.status("right"); none != 401 || right != 200 || !g.valid() {
		t.Errorf("after the repair %d and %d; the metric is %v", none, right, g.valid())
	}
}

// TestHalfWrittenWebConfiguration truncates the file after each of its bytes.
func TestHalfWrittenWebConfiguration(t *testing.T) {
	whole := "http_server_config:\n  headers: {X-Frame-Options: deny}\nbasic_auth_users:\n  prometheus: " + hashOfRight
	g := serveGuarded(t, whole, example())
	for n := range len(whole) {
		writeOld(t, g.file, whole[:n])
		if none, right := g.status(""), g.status("right"); none != 503 || right != 503 {
			t.Errorf("%q: without a password %d, with the right one %d", whole[:n], none, right)
		}
	}
}

// TestWebConfigurationIsRewritten empties and writes the file in place, again
// and again, while clients without the password send requests.
func TestWebConfigurationIsRewritten(t *testing.T) {
	g := serveGuarded(t, users, example())
	done := make(chan struct{})
	var rewriting sync.WaitGroup
	rewriting.Go(func() {
		for {
			for range 100 {
				for _, content := range []string{"", users} {
					if err := os.WriteFile(g.file, []byte(content), 0o600); err != nil {
						t.Error(err)
					}
				}
			}
			select {
			case <-time.After(2 * minFileAge):
			case <-done:
				return
			}
		}
	})
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	statuses := map[int]int{}
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
				resp, err := client.Get(g.url + "/metrics")
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				mu.Lock()
				statuses[resp.StatusCode]++
				mu.Unlock()
			}
		})
	}
	requests.Wait()
	close(done)
	rewriting.Wait()
	t.Logf("number of responses by status: %v", statuses)
	if statuses[401] == 0 || statuses[503] == 0 || len(statuses) != 2 {
		t.Error("want 401 and 503")
	}
}

// TestTheFileChangesDuringAuthentication has the toolkit read an empty file
// between two reads of the guard that are right.
func TestTheFileChangesDuringAuthentication(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yaml")
	writeStable(t, file, users)
	g, err := newGuard(file, NewMetrics(nil), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	behind := g.recheckFile(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	for name, tc := range map[string]struct {
		authenticate func(w http.ResponseWriter, r *http.Request)
		want         int // responses of the handler behind the guard
	}{
		"unchanged": {behind.ServeHTTP, 1},
		"emptied and restored": {func(w http.ResponseWriter, r *http.Request) {
			write(t, file, "")
			write(t, file, users)
			behind.ServeHTTP(w, r)
		}, 0},
		"another password": {func(w http.ResponseWriter, r *http.Request) {
			write(t, file, otherUsers)
			behind.ServeHTTP(w, r)
		}, 0},
		"deleted": {func(w http.ResponseWriter, r *http.Request) {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
			behind.ServeHTTP(w, r)
		}, 0},
	} {
		writeStable(t, file, users)
		served = 0
		status := record(g.checkFile(http.HandlerFunc(tc.authenticate)))
		if served != tc.want || (status == http.StatusServiceUnavailable) != (tc.want == 0) {
			t.Errorf("%s: %d responses, status %d", name, served, status)
		}
	}
}

func TestFileThatIsBeingWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	stop := make(chan struct{})
	var writing sync.WaitGroup
	write(t, file, users)
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				now := time.Now()
				if err := os.Chtimes(file, now, now); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if _, err := readStable(file); err == nil || !strings.Contains(err.Error(), "being written") {
		t.Errorf("got %v", err)
	}
	close(stop)
	writing.Wait()
	// The clock of a file system may be ahead.
	ahead := time.Now().Add(time.Hour)
	if err := os.Chtimes(file, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	if current, err := readStable(file); err != nil || current.content != users {
		t.Errorf("got %v, %v", current, err)
	}
}
