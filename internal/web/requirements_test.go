package web

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// TestUsersAreRequiredFromThenOn starts without users.
func TestUsersAreRequiredFromThenOn(t *testing.T) {
	g := serveGuarded(t, "{}\n", example())
	if got := g.status(""); got != 200 {
		t.Errorf("without users: %d", got)
	}
	write(t, g.file, users)
	if none, right := g.status(""), g.status("right"); none != 401 || right != 200 {
		t.Errorf("without a password %d, with the right one %d", none, right)
	}
	write(t, g.file, "{}\n")
	if none := g.status(""); none != 503 {
		t.Errorf("without users again: %d", none)
	}
}

func TestBadWebConfigurationAtStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	for name, content := range map[string]string{
		"empty": "", "only comments": "# nothing\n", "not YAML": "{", "plaintext password": "basic_auth_users: {a: b}\n",
		"key without certificate": "tls_server_config: {key_file: web.yaml}\n", "forbidden header": "http_server_config: {headers: {Server: x}}\n",
		"missing": "-",
	} {
		write(t, file, content)
		if name == "missing" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := Listen(t.Context(), options(t, file, 1, example())); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
			s.closeListeners()
		}
	}
}

func TestHeadersAndRateOfTheWebConfiguration(t *testing.T) {
	g := serveGuarded(t, "http_server_config: {headers: {X-Frame-Options: deny}}\nrate_limit: {interval: 1h, burst: 2}\n", example())
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

// TestDirectory has a directory in place of the file.
func TestDirectory(t *testing.T) {
	if _, err := newGuard(t.TempDir(), NewMetrics(nil), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func TestMetricWithoutFile(t *testing.T) {
	if !(&guarded{t: t, metrics: NewMetrics(nil)}).valid() {
		t.Error("the metric is 0 without a web configuration file")
	}
}

func TestHashWithLineBreak(t *testing.T) {
	g := serveGuarded(t, "basic_auth_users:\n  prometheus: |\n    "+hashOfRight+"\n", example())
	if wrong, right := g.status("wrong"), g.status("right"); wrong != 401 || right != 200 {
		t.Error(wrong, right)
	}
}

// TestGuardKnowsEveryField fails when an update of the toolkit adds a field.
// Decide then whether a file without it requires less of clients: if so,
// requirements needs it. Add it here either way.
func TestGuardKnowsEveryField(t *testing.T) {
	for config, want := range map[reflect.Type][]string{
		reflect.TypeFor[toolkit.Config](): {"TLSConfig", "HTTPConfig", "RateLimiterConfig", "Users"},
		reflect.TypeFor[toolkit.TLSConfig](): {
			"TLSCert", "TLSKey", "ClientCAsText", "TLSCertPath", "TLSKeyPath", "ClientAuth", "ClientCAs", "CipherSuites",
			"CurvePreferences", "MinVersion", "MaxVersion", "PreferServerCipherSuites", "ClientAllowedSans",
		},
		reflect.TypeFor[toolkit.HTTPConfig]():        {"HTTP2", "Header"},
		reflect.TypeFor[toolkit.RateLimiterConfig](): {"Burst", "Interval"},
	} {
		var got []string
		for _, field := range reflect.VisibleFields(config) {
			got = append(got, field.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the fields of %s are %q, the guard knows %q", config, got, want)
		}
	}
}

// TestProblems logs an error once, and again when it changes or comes back.
func TestProblems(t *testing.T) {
	var log bytes.Buffer
	g := &guard{metrics: NewMetrics(nil), logger: slog.New(slog.NewTextHandler(&log, nil)), problems: map[problem]string{}}
	a, b := errors.New("a"), errors.New("b with `secret`")
	for i, step := range []struct {
		kind  problem
		err   error
		lines int
		valid bool
	}{
		{badFile, nil, 0, true},
		{badFile, a, 1, false},
		{badFile, a, 1, false},
		{badFile, b, 2, false},
		{badHandshake, b, 3, false},
		{badFile, nil, 3, false},
		{badFile, b, 4, false},
		{badFile, nil, 4, false},
		{badHandshake, nil, 4, true},
	} {
		g.log(step.kind, g.newProblem(step.kind, step.err))
		valid := (&guarded{t: t, metrics: g.metrics}).valid()
		if lines := strings.Count(log.String(), "\n"); lines != step.lines || valid != step.valid {
			t.Errorf("step %d: %d lines, the metric is %v", i, lines, valid)
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("a value is in the log:\n%s", &log)
	}
}
