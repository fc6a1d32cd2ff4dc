package web

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// visitor is a client of the exporter.
type visitor struct {
	trusts   string // file of the authority
	pair     pair   // empty for no certificate
	password string // "" for none
	oldest   bool   // speaks TLS 1.1 and none later
	sessions tls.ClientSessionCache
}

// ask returns the status of /metrics, 0 where there is no answer, and the
// version of HTTP.
func (v visitor) ask(t *testing.T, address string) (status int, version string) {
	t.Helper()
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM([]byte(read(t, v.trusts)))
	c := &tls.Config{RootCAs: authorities, ClientSessionCache: v.sessions}
	if v.oldest {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	if v.pair.cert != "" {
		own, err := tls.LoadX509KeyPair(v.pair.cert, v.pair.key)
		if err != nil {
			t.Fatal(err)
		}
		// Whatever authorities the server names.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.password != "" {
		req.SetBasicAuth("prometheus", v.password)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, ""
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Proto
}

// curl is the same with the program of that name.
func (v visitor) curl(t *testing.T, address string) int {
	t.Helper()
	args := []string{
		"--silent", "--output", os.DevNull, "--max-time", "20", "--write-out", "%{http_code}",
		"--noproxy", "*", "--cacert", v.trusts, "--config", "-", "https://" + address + "/metrics",
	}
	if v.pair.cert != "" {
		args = append(args, "--cert", v.pair.cert, "--key", v.pair.key)
	}
	if v.oldest {
		args = append(args, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
	}
	cmd := exec.CommandContext(t.Context(), "curl", args...)
	if v.password != "" {
		cmd.Stdin = strings.NewReader("user = \"prometheus:" + v.password + "\"\n")
	}
	out, err := cmd.Output()
	status, parsed := strconv.Atoi(string(out))
	if parsed != nil || (err != nil) != (status == 0) {
		t.Fatalf("curl: %v, %q", err, out)
	}
	return status
}

// building is all the files that a door with TLS may need.
type building struct {
	ours, theirs     *authority
	server           pair
	visitors         map[string]pair // by name
	open, certs, san string          // tls_server_config
}

func build(t *testing.T) building {
	t.Helper()
	dir, soon, past := t.TempDir(), time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	b := building{ours: newAuthority(t, dir, "ours"), theirs: newAuthority(t, dir, "theirs")}
	b.server = b.ours.sign("server", soon)
	b.visitors = map[string]pair{
		"": {}, "known": b.ours.sign("known", soon), "other": b.ours.sign("other", soon),
		"expired": b.ours.sign("expired", past), "stranger": b.theirs.sign("stranger", soon),
	}
	b.open = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
	b.certs = b.open + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ours.pem\n"
	b.san = b.certs + "  client_allowed_sans: [known]\n"
	return b
}

// guard serves the configuration from the directory of the files.
func (b building) guard(t *testing.T, webConfig string) *guarded {
	t.Helper()
	g := &guarded{t: t, file: filepath.Join(b.ours.dir, "web.yaml")}
	write(t, g.file, webConfig)
	o := options(t, g.file, 1, example())
	g.metrics, g.address = o.Metrics, serve(t, o)[0]
	return g
}

func TestTLS(t *testing.T) {
	b := build(t)
	_, err := exec.LookPath("curl")
	withCurl := err == nil
	if !withCurl && os.Getenv("CI") != "" {
		t.Error("there is no curl")
	}
	users := "basic_auth_users: {prometheus: " + hashed(t, "right") + "}\n"
	for name, tc := range map[string]struct {
		webConfig string
		visitor   visitor
		want      int // 0 for no answer
	}{
		"TLS":                          {b.open, visitor{}, 200},
		"TLS 1.1":                      {b.open, visitor{oldest: true}, 0},
		"an authority of their own":    {b.open, visitor{trusts: b.theirs.file}, 0},
		"a certificate not asked for":  {b.open, visitor{pair: b.visitors["stranger"]}, 200},
		"right password":               {b.open + users, visitor{password: "right"}, 200},
		"wrong password":               {b.open + users, visitor{password: "wrong"}, 401},
		"no password":                  {b.open + users, visitor{}, 401},
		"right certificate":            {b.certs, visitor{pair: b.visitors["other"]}, 200},
		"no certificate":               {b.certs, visitor{}, 0},
		"expired certificate":          {b.certs, visitor{pair: b.visitors["expired"]}, 0},
		"another authority's":          {b.certs, visitor{pair: b.visitors["stranger"]}, 0},
		"right name":                   {b.san, visitor{pair: b.visitors["known"]}, 200},
		"wrong name":                   {b.san, visitor{pair: b.visitors["other"]}, 0},
		"certificate and password":     {b.san + users, visitor{pair: b.visitors["known"], password: "right"}, 200},
		"certificate without password": {b.san + users, visitor{pair: b.visitors["known"]}, 401},
		"password without certificate": {b.san + users, visitor{password: "right"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.guard(t, tc.webConfig)
			if tc.visitor.trusts == "" {
				tc.visitor.trusts = b.ours.file
			}
			if got, _ := tc.visitor.ask(t, g.address); got != tc.want {
				t.Errorf("Go is answered %d, want %d", got, tc.want)
			}
			if !withCurl {
				t.Log("there is no curl to try it with too")
			} else if got := tc.visitor.curl(t, g.address); got != tc.want {
				t.Errorf("curl is answered %d, want %d", got, tc.want)
			}
		})
	}
}

// TestManualsExample serves what docs/configuration.md shows.
func TestManualsExample(t *testing.T) {
	b := build(t)
	_, text, _ := strings.Cut(read(t, "../../docs/configuration.md"), "## TLS and authentication")
	_, text, _ = strings.Cut(text, "```yaml\n")
	example, _, _ := strings.Cut(text, "```")
	files := strings.NewReplacer(
		"exporter.pem", "server.pem", "exporter.key", "server.key", "monitoring-ca.pem", "ours.pem", "$2y$10$...", hashed(t, "right"),
	)
	known := visitor{trusts: b.ours.file, pair: b.visitors["known"], password: "right"}
	if got, _ := known.ask(t, b.guard(t, files.Replace(example)).address); got != 200 {
		t.Errorf("%d with\n%s", got, example)
	}
}

func TestPlainHTTPIsRefusedByTLS(t *testing.T) {
	b := build(t)
	if status, _ := request(t, http.MethodGet, "http://"+b.guard(t, b.open).address+"/metrics", ""); status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
}

func TestHTTP2(t *testing.T) {
	b := build(t)
	for webConfig, want := range map[string]string{b.open: "HTTP/2.0", b.open + "http_server_config: {http2: false}\n": "HTTP/1.1"} {
		if status, version := (visitor{trusts: b.ours.file}).ask(t, b.guard(t, webConfig).address); status != 200 || version != want {
			t.Errorf("%d %s, want %s", status, version, want)
		}
	}
}

// TestCertificateIsRotated replaces the server's certificate file by file, as
// no tool can do it in one step.
func TestCertificateIsRotated(t *testing.T) {
	b := build(t)
	g := b.guard(t, b.open)
	newcomer := visitor{trusts: b.theirs.file} // trusts the next certificate alone
	before := visitor{trusts: b.ours.file}
	check := func(when string, successful bool, old, next int) {
		t.Helper()
		if got, _ := before.ask(t, g.address); got != old {
			t.Errorf("%s: whoever trusts the old certificate is answered %d, want %d", when, got, old)
		}
		if got, _ := newcomer.ask(t, g.address); got != next {
			t.Errorf("%s: whoever trusts the next one is answered %d, want %d", when, got, next)
		}
		if g.successful() != successful {
			t.Errorf("%s: the metric is wrong", when)
		}
	}
	check("before", true, 200, 0)
	next := b.theirs.sign("next", time.Now().Add(time.Hour))
	whole := read(t, next.cert)
	write(t, b.server.cert, whole[:len(whole)/2])
	check("half a certificate", false, 200, 0)
	write(t, b.server.cert, whole)
	check("without its key", false, 200, 0)
	write(t, b.server.key, read(t, next.key))
	check("with its key", true, 0, 200)
	if err := os.Remove(b.server.key); err != nil {
		t.Fatal(err)
	}
	check("its key is gone", false, 0, 200)
}

func TestClientAuthorityIsRotated(t *testing.T) {
	b := build(t)
	g := b.guard(t, b.certs)
	known, stranger := visitor{trusts: b.ours.file, pair: b.visitors["known"]}, visitor{trusts: b.ours.file, pair: b.visitors["stranger"]}
	trusted := filepath.Join(b.ours.dir, "trusted.pem")
	own := read(t, b.ours.file)
	write(t, trusted, own)
	write(t, g.file, strings.Replace(b.certs, "ours.pem", "trusted.pem", 1))
	for _, step := range []struct {
		name, authorities string
		known, stranger   int
	}{
		{"ours", own, 200, 0},
		{"emptied", "", 200, 0},
		{"half written", own[:len(own)/2], 200, 0},
		{"both", own + read(t, b.theirs.file), 200, 200},
		{"theirs", read(t, b.theirs.file), 0, 200},
	} {
		write(t, trusted, step.authorities)
		if got, _ := known.ask(t, g.address); got != step.known {
			t.Errorf("%s: a certificate of ours is answered %d", step.name, got)
		}
		if got, _ := stranger.ask(t, g.address); got != step.stranger {
			t.Errorf("%s: a certificate of theirs is answered %d", step.name, got)
		}
	}
}

// TestSessionsAreNotResumed keeps out whoever was let in under another name.
func TestSessionsAreNotResumed(t *testing.T) {
	b := build(t)
	g := b.guard(t, b.san)
	known := visitor{trusts: b.ours.file, pair: b.visitors["known"], sessions: tls.NewLRUClientSessionCache(1)}
	if got, _ := known.ask(t, g.address); got != 200 {
		t.Errorf("at first: %d", got)
	}
	write(t, g.file, strings.Replace(b.san, "[known]", "[other]", 1))
	if got, _ := known.ask(t, g.address); got != 0 {
		t.Errorf("with the session from before: %d", got)
	}
}

// TestCertificatesAreWantedFromThenOn tries to loosen what is asked of client
// certificates while the server runs.
func TestCertificatesAreWantedFromThenOn(t *testing.T) {
	b := build(t)
	users := "basic_auth_users: {prometheus: " + hashed(t, "right") + "}\n"
	for name, tc := range map[string]struct {
		before, after string
		successful    bool
	}{
		"no certificates":          {b.certs, b.open, false},
		"passwords instead":        {b.certs, b.open + users, false},
		"any certificate":          {b.certs, b.open + "  client_auth_type: RequireAnyClientCert\n", false},
		"certificates if given":    {b.certs, strings.Replace(b.certs, "RequireAndVerifyClientCert", "VerifyClientCertIfGiven", 1), false},
		"any authority":            {b.certs, strings.Replace(b.certs, "  client_ca_file: ours.pem\n", "", 1), false},
		"any name":                 {b.san, b.certs, false},
		"no TLS":                   {b.certs, users, false},
		"no TLS, emptied":          {b.certs, "", false},
		"an older TLS":             {b.certs + "  min_version: TLS13\n", b.certs, false},
		"a name too":               {b.certs, b.san, true},
		"TLS where there was none": {users, users + b.open, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.guard(t, tc.before)
			write(t, g.file, tc.after)
			if tc.before == users {
				if status, _ := request(t, http.MethodGet, "http://"+g.address+"/metrics", "right"); status != 200 {
					t.Errorf("%d", status)
				}
			} else {
				nobody, known := visitor{trusts: b.ours.file}, visitor{trusts: b.ours.file, pair: b.visitors["known"]}
				if got, _ := nobody.ask(t, g.address); got != 0 {
					t.Errorf("a visitor without a certificate is answered %d", got)
				}
				if got, _ := known.ask(t, g.address); got != 200 {
					t.Errorf("one with a certificate is answered %d", got)
				}
			}
			if g.successful() != tc.successful {
				t.Error("the metric is wrong")
			}
		})
	}
}
