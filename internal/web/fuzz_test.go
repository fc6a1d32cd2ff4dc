package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// FuzzWebConfiguration replaces a file with users. A request without a password
// is rejected, whatever the new file is.
func FuzzWebConfiguration(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "~", "#", "---\n---\n" + users, users + "---\n{}\n", "basic_auth_users:\n", "basic_auth_users: {prometheus: }\n", "basic_auth_users: {: " + hashOfRight + "}\n",
		"tls_server_config: {cert_file: web.yaml, key_file: web.yaml}\n", "tls_server_config: {cert: a, key: b, client_auth_type: x}\n" + users,
		"http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n", "rate_limit: {interval: 1s, burst: 0}\n", "a: &a [*a]\n", "<<: {}\n",
		"basic_auth_users: &u {prometheus: " + hashOfRight + "}\nbasic_auth_users: *u\n", "\xff\xfe", "\ufeff" + users, "basic_auth_users: {prometheus: !!binary AAAA}\n",
	} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(f.TempDir(), "web.yaml")
	flags := &toolkit.FlagConfig{WebConfigFile: &file}
	f.Fuzz(func(t *testing.T, content []byte) {
		writeOld(t, file, users)
		g, err := newGuard(file, NewMetrics(nil), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Errorf("%q lets in a client without a password", content)
		})}
		if err := g.protect(server, flags); err != nil {
			t.Fatal(err)
		}
		writeOld(t, file, string(content))
		if status := record(server.Handler); status != http.StatusUnauthorized && status != http.StatusServiceUnavailable {
			t.Errorf("%q: status %d", content, status)
		}
	})
}

// writeOld writes a file that was modified long ago.
func writeOld(t *testing.T, file, content string) {
	t.Helper()
	write(t, file, content)
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, past, past); err != nil {
		t.Fatal(err)
	}
}

// record returns the status of a request without a password.
func record(h http.Handler) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code
}
