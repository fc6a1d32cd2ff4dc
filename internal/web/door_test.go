package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"golang.org/x/crypto/bcrypt"
)

// hashed is the bcrypt hash of a password, the cheapest there is.
func hashed(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// guarded is a server behind a web configuration file.
type guarded struct {
	t                  *testing.T
	file, address, url string
	log                *bytes.Buffer // read between requests alone
	metrics            *Metrics
}

func guard(t *testing.T, webConfig string, routes Routes) *guarded {
	t.Helper()
	g := &guarded{t: t, file: filepath.Join(t.TempDir(), "web.yaml"), log: &bytes.Buffer{}}
	write(t, g.file, webConfig)
	o := options(t, g.file, 1, routes)
	o.Logger, g.metrics = slog.New(slog.NewTextHandler(g.log, nil)), o.Metrics
	g.address = serve(t, o)[0]
	g.url = "http://" + g.address
	return g
}

// status returns what /metrics answers to a password, "" for none.
func (g *guarded) status(password string) int {
	g.t.Helper()
	status, _ := request(g.t, http.MethodGet, g.url+"/metrics", password)
	return status
}

// successful reads the metric.
func (g *guarded) successful() bool {
	g.t.Helper()
	var m dto.Metric
	if err := g.metrics.successful.Write(&m); err != nil {
		g.t.Fatal(err)
	}
	return m.GetGauge().GetValue() == 1
}

// TestEveryRouteWantsThePassword takes the routes from where they are made.
func TestEveryRouteWantsThePassword(t *testing.T) {
	routes, reloads := example(), 0
	routes.Profiling = true
	routes.Reload = func() error { reloads++; return nil }
	all, err := routes.all()
	if err != nil || len(all) < 8 {
		t.Fatalf("%d routes, %v", len(all), err)
	}
	g := guard(t, "basic_auth_users: {prometheus: "+hashed(t, "right")+"}\n", routes)
	for _, one := range append(all, route{pattern: "GET /nothing"}, route{pattern: "DELETE /metrics"}) {
		method, path, _ := strings.Cut(one.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{profile}", "heap").Replace(path) + "?seconds=0"
		for _, password := range []string{"", "wrong"} {
			if status, page := request(t, method, g.url+path, password); status != http.StatusUnauthorized || page != "Unauthorized.\n" {
				t.Errorf("%s with the password %q: %d %s", one.pattern, password, status, page)
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

func TestWebConfigurationChangesWhileServing(t *testing.T) {
	const secret = "pa55word"
	good := "basic_auth_users: {prometheus: " + hashed(t, "right") + "}\n"
	for name, tc := range map[string]struct {
		content  string
		refused  string // what the log says, "" where the file is accepted
		password string // that is right afterwards
	}{
		"emptied":             {"", "the file is empty", "right"},
		"blank":               {"\n \n", "the file is empty", "right"},
		"comments alone":      {"# basic_auth_users:\n", "the file is empty", "right"},
		"null":                {"~\n", "the file is empty", "right"},
		"not YAML":            {"basic_auth_users: {", "yaml: ", "right"},
		"unknown key":         {good + "users: {}\n", "users", "right"},
		"no users":            {"basic_auth_users: {}\n", "it no longer asks for a password without a restart", "right"},
		"users cut off":       {"basic_auth_users:\n", "it no longer asks for a password without a restart", "right"},
		"nothing, on purpose": {"{}\n", "it no longer asks for a password without a restart", "right"},
		"another header":      {"http_server_config: {headers: {X-Frame-Options: deny}}\n", "it no longer asks for a password", "right"},
		"forbidden header":    {good + "http_server_config: {headers: {Server: x}}\n", "Server", "right"},
		"a plain password":    {"basic_auth_users: {prometheus: " + secret + "}\n", `what stands for \"prometheus\" is not a bcrypt hash`, "right"},
		"no mapping":          {"basic_auth_users: " + secret + "\n", "cannot unmarshal", "right"},
		"another password":    {"basic_auth_users: {prometheus: " + hashed(t, "other") + "}\n", "", "other"},
		"certificate gone":    {good + "tls_server_config: {cert_file: none.pem, key_file: none.pem}\n", "none.pem", "right"},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t, good, example())
			if got := g.status("right"); got != http.StatusOK || !g.successful() {
				t.Fatalf("at the start: %d", got)
			}
			write(t, g.file, tc.content)
			for range 3 {
				for password, want := range map[string]int{"": 401, "wrong": 401, tc.password: 200} {
					if got := g.status(password); got != want {
						t.Errorf("the password %q: %d, want %d", password, got, want)
					}
				}
			}
			if g.successful() != (tc.refused == "") {
				t.Error("the metric is wrong")
			}
			lines := strings.Count(g.log.String(), "web configuration ")
			if lines != 1 || tc.refused != "" && !strings.Contains(g.log.String(), tc.refused) || strings.Contains(g.log.String(), secret) {
				t.Errorf("%d lines in the log, want one of %q:\n%s", lines, tc.refused, g.log)
			}
			write(t, g.file, good)
			if got := g.status("right"); got != http.StatusOK || !g.successful() {
				t.Errorf("after it was mended: %d", got)
			}
		})
	}
}

func TestWebConfigurationIsDeletedWhileServing(t *testing.T) {
	g := guard(t, "basic_auth_users: {prometheus: "+hashed(t, "right")+"}\n", example())
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	if none, right := g.status(""), g.status("right"); none != 401 || right != 200 || g.successful() {
		t.Errorf("without a password %d, with the right one %d; the metric: %v", none, right, g.successful())
	}
}

// TestHalfWrittenWebConfiguration cuts the file off after each of its bytes.
func TestHalfWrittenWebConfiguration(t *testing.T) {
	whole := "http_server_config:\n  headers: {X-Frame-Options: deny}\nbasic_auth_users:\n  prometheus: " + hashed(t, "right") + "\n"
	g := guard(t, whole, example())
	for n := range len(whole) {
		write(t, g.file, whole[:n])
		if none, right := g.status(""), g.status("right"); none != 401 || right != 200 {
			t.Errorf("%q: without a password %d, with the right one %d", whole[:n], none, right)
		}
	}
}

// TestPasswordsAreWantedFromThenOn has a server that is open at first.
func TestPasswordsAreWantedFromThenOn(t *testing.T) {
	g := guard(t, "{}\n", example())
	if got := g.status(""); got != 200 {
		t.Errorf("open: %d", got)
	}
	write(t, g.file, "basic_auth_users: {prometheus: "+hashed(t, "right")+"}\n")
	if none, right := g.status(""), g.status("right"); none != 401 || right != 200 {
		t.Errorf("without a password %d, with the right one %d", none, right)
	}
	write(t, g.file, "{}\n")
	if none := g.status(""); none != 401 {
		t.Errorf("opened again: %d", none)
	}
}

func TestBadWebConfigurationAtStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	for name, content := range map[string]string{
		"empty": "", "comments alone": "# nothing\n", "not YAML": "{", "plain password": "basic_auth_users: {a: b}\n",
		"key without certificate": "tls_server_config: {key_file: web.yaml}\n", "missing": "-",
	} {
		write(t, file, content)
		if name == "missing" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Listen(t.Context(), options(t, file, 1, example()))
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
			s.closeListeners()
		}
	}
}

func TestHeadersAndRateOfTheWebConfiguration(t *testing.T) {
	g := guard(t, "http_server_config: {headers: {X-Frame-Options: deny}}\nrate_limit: {interval: 1h, burst: 2}\n", example())
	resp, err := http.Get(g.url + "/-/healthy")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("X-Frame-Options"); got != "deny" {
		t.Errorf("the header is %q", got)
	}
	if second, third := g.status(""), g.status(""); second != 200 || third != 429 {
		t.Errorf("a burst of two and one more: %d, %d", second, third)
	}
}

func TestHashWithLineBreak(t *testing.T) {
	g := guard(t, "basic_auth_users:\n  prometheus: |\n    "+hashed(t, "right")+"\n", example())
	if none, ok := g.status("wrong"), g.status("right"); none != 401 || ok != 200 {
		t.Error(none, ok)
	}
}
