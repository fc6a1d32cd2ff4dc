package web

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
)

// FuzzWebConfiguration replaces the file of a door that wants passwords. None
// is let in without one, whatever the file says.
func FuzzWebConfiguration(f *testing.F) {
	const hash = "$2y$04$ICf0jtVWZSqp4h3mHUCgS.6Hs3jI40dg2fTZSHuKbAnWhPhcmBJ2m"
	good := "basic_auth_users: {prometheus: " + hash + "}\n"
	for _, seed := range []string{
		"", "{}", "~", "#", "---\n---\n" + good, good + "---\n{}\n", "basic_auth_users:\n", "basic_auth_users: {prometheus: }\n", "basic_auth_users: {: " + hash + "}\n",
		"tls_server_config: {cert_file: web.yaml, key_file: web.yaml}\n", "tls_server_config: {cert: a, key: b, client_auth_type: x}\n" + good,
		"http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n", "rate_limit: {interval: 1s, burst: 0}\n", "a: &a [*a]\n", "<<: {}\n",
		"basic_auth_users: &u {prometheus: " + hash + "}\nbasic_auth_users: *u\n", "\xff\xfe", "\ufeff" + good, "basic_auth_users: {prometheus: !!binary AAAA}\n",
	} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(f.TempDir(), "web.yaml")
	nobody, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		write(t, file, good)
		d, err := newDoor(file, NewMetrics(nil), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, string(content))
		if got := d.passwords.check(nobody, d.policy()); got != wrong || d.tls(func() bool { return true }) != nil {
			t.Errorf("%q lets in whoever comes: %d", content, got)
		}
	})
}
