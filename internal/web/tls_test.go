package web

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tlsClient is a client of the exporter.
type tlsClient struct {
	trusts   string // file of the authority
	pair     pair   // empty for no certificate
	password string // "" for none
	oldest   bool   // speaks TLS 1.1 at most
	sessions tls.ClientSessionCache
}

// get returns the status of /metrics on a new connection, 0 without a response,
// and the version of HTTP.
func (c tlsClient) get(t *testing.T, address string) (status int, version string) {
	t.Helper()
	transport := c.transport(t)
	defer transport.CloseIdleConnections()
	return roundTrip(t, transport, address, c.password)
}

func (c tlsClient) transport(t *testing.T) *http.Transport {
	t.Helper()
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM([]byte(read(t, c.trusts)))
	config := &tls.Config{RootCAs: authorities, ClientSessionCache: c.sessions}
	if c.oldest {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	if c.pair.cert != "" {
		own, err := tls.LoadX509KeyPair(c.pair.cert, c.pair.key)
		if err != nil {
			t.Fatal(err)
		}
		// Send it whatever authorities the server accepts.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	return &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
}

func roundTrip(t *testing.T, transport *http.Transport, address, password string) (status int, version string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("prometheus", password)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, ""
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Proto
}

// curl does the same with the curl command.
func (c tlsClient) curl(t *testing.T, address string) int {
	t.Helper()
	args := []string{
		"--silent", "--output", os.DevNull, "--max-time", "20", "--write-out", "%{http_code}",
		"--noproxy", "*", "--cacert", c.trusts, "--config", "-", "https://" + address + "/metrics",
	}
	if c.pair.cert != "" {
		args = append(args, "--cert", c.pair.cert, "--key", c.pair.key)
	}
	if c.oldest {
		args = append(args, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
	}
	cmd := exec.CommandContext(t.Context(), "curl", args...)
	if c.password != "" {
		cmd.Stdin = strings.NewReader("user = \"prometheus:" + c.password + "\"\n")
	}
	out, err := cmd.Output()
	status, parsed := strconv.Atoi(string(out))
	if parsed != nil || (err != nil) != (status == 0) {
		t.Fatalf("curl: %v, %q", err, out)
	}
	return status
}

// tlsFiles are certificates in files, and web configurations that name them.
type tlsFiles struct {
	ours, theirs     *authority
	server           pair
	clients          map[string]pair // by name
	open, certs, san string          // tls_server_config
}

func newTLSFiles(t *testing.T) tlsFiles {
	t.Helper()
	dir, soon, past := t.TempDir(), time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	b := tlsFiles{ours: newAuthority(t, dir, "ours"), theirs: newAuthority(t, dir, "theirs")}
	b.server = b.ours.sign("server", soon)
	b.clients = map[string]pair{
		"": {}, "known": b.ours.sign("known", soon), "other": b.ours.sign("other", soon),
		"expired": b.ours.sign("expired", past), "stranger": b.theirs.sign("stranger", soon),
	}
	b.open = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
	b.certs = b.open + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ours.pem\n"
	b.san = b.certs + "  client_allowed_sans: [known]\n"
	return b
}

// serve serves with a web configuration in the directory of the files.
func (b tlsFiles) serve(t *testing.T, webConfig string) *guarded {
	t.Helper()
	g := &guarded{t: t, file: filepath.Join(b.ours.dir, "web.yaml")}
	write(t, g.file, webConfig)
	o := options(t, g.file, 1, example())
	g.metrics, g.address = o.Metrics, serve(t, o)[0]
	return g
}

func TestTLS(t *testing.T) {
	b := newTLSFiles(t)
	_, err := exec.LookPath("curl")
	withCurl := err == nil
	if !withCurl && os.Getenv("CI") != "" {
		t.Error("there is no curl")
	}
	for name, tc := range map[string]struct {
		webConfig string
		client    tlsClient
		want      int // 0 for no response
	}{
		"TLS":                          {b.open, tlsClient{}, 200},
		"TLS 1.1":                      {b.open, tlsClient{oldest: true}, 0},
		"unknown authority":            {b.open, tlsClient{trusts: b.theirs.file}, 0},
		"unneeded certificate":         {b.open, tlsClient{pair: b.clients["stranger"]}, 200},
		"right password":               {b.open + users, tlsClient{password: "right"}, 200},
		"wrong password":               {b.open + users, tlsClient{password: "wrong"}, 401},
		"no password":                  {b.open + users, tlsClient{}, 401},
		"right certificate":            {b.certs, tlsClient{pair: b.clients["other"]}, 200},
		"no certificate":               {b.certs, tlsClient{}, 0},
		"expired certificate":          {b.certs, tlsClient{pair: b.clients["expired"]}, 0},
		"certificate of another":       {b.certs, tlsClient{pair: b.clients["stranger"]}, 0},
		"right name":                   {b.san, tlsClient{pair: b.clients["known"]}, 200},
		"wrong name":                   {b.san, tlsClient{pair: b.clients["other"]}, 0},
		"certificate and password":     {b.san + users, tlsClient{pair: b.clients["known"], password: "right"}, 200},
		"certificate without password": {b.san + users, tlsClient{pair: b.clients["known"]}, 401},
		"password without certificate": {b.san + users, tlsClient{password: "right"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.serve(t, tc.webConfig)
			if tc.client.trusts == "" {
				tc.client.trusts = b.ours.file
			}
			if got, _ := tc.client.get(t, g.address); got != tc.want {
				t.Errorf("Go: %d, want %d", got, tc.want)
			}
			if !withCurl {
				t.Log("there is no curl")
			} else if got := tc.client.curl(t, g.address); got != tc.want {
				t.Errorf("curl: %d, want %d", got, tc.want)
			}
		})
	}
}

// TestExampleOfTheDocument serves the example of docs/configuration.md.
func TestExampleOfTheDocument(t *testing.T) {
	b := newTLSFiles(t)
	_, text, _ := strings.Cut(read(t, "../../docs/configuration.md"), "## TLS and authentication")
	_, text, _ = strings.Cut(text, "```yaml\n")
	example, _, _ := strings.Cut(text, "```")
	files := strings.NewReplacer(
		"exporter.pem", "server.pem", "exporter.key", "server.key", "monitoring-ca.pem", "ours.pem", "$2y$10$...", hashOfRight,
	)
	known := tlsClient{trusts: b.ours.file, pair: b.clients["known"], password: "right"}
	if got, _ := known.get(t, b.serve(t, files.Replace(example)).address); got != 200 {
		t.Errorf("%d with\n%s", got, example)
	}
}

func TestPlainHTTPWithTLS(t *testing.T) {
	b := newTLSFiles(t)
	if status, _ := request(t, http.MethodGet, "http://"+b.serve(t, b.open).address+"/metrics", ""); status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
}

func TestHTTP2(t *testing.T) {
	b := newTLSFiles(t)
	for webConfig, want := range map[string]string{b.open: "HTTP/2.0", b.open + "http_server_config: {http2: false}\n": "HTTP/1.1"} {
		if status, version := (tlsClient{trusts: b.ours.file}).get(t, b.serve(t, webConfig).address); status != 200 || version != want {
			t.Errorf("%d %s, want %s", status, version, want)
		}
	}
}

// TestCertificateIsRotated replaces the server's certificate file by file,
// because no tool can replace both files in one step.
func TestCertificateIsRotated(t *testing.T) {
	b := newTLSFiles(t)
	g := b.serve(t, b.open)
	client, nextClient := tlsClient{trusts: b.ours.file}, tlsClient{trusts: b.theirs.file}
	check := func(when string, valid bool, old, next int) {
		t.Helper()
		if got, _ := client.get(t, g.address); got != old {
			t.Errorf("%s: a client that trusts the old certificate: %d, want %d", when, got, old)
		}
		if got, _ := nextClient.get(t, g.address); got != next {
			t.Errorf("%s: a client that trusts the next certificate: %d, want %d", when, got, next)
		}
		if g.valid() != valid {
			t.Errorf("%s: the metric is %v", when, g.valid())
		}
	}
	check("before", true, 200, 0)
	next := b.theirs.sign("next", time.Now().Add(time.Hour))
	whole := read(t, next.cert)
	write(t, b.server.cert, whole[:len(whole)/2])
	check("half a certificate", false, 0, 0)
	write(t, b.server.cert, whole)
	check("without its key", false, 0, 0)
	write(t, b.server.key, read(t, next.key))
	check("with its key", true, 0, 200)
	if err := os.Remove(b.server.key); err != nil {
		t.Fatal(err)
	}
	check("key deleted", false, 0, 0)
}

func TestClientAuthorityIsRotated(t *testing.T) {
	b := newTLSFiles(t)
	trusted := filepath.Join(b.ours.dir, "trusted.pem")
	own := read(t, b.ours.file)
	write(t, trusted, own)
	g := b.serve(t, strings.Replace(b.certs, "ours.pem", "trusted.pem", 1))
	known, stranger := tlsClient{trusts: b.ours.file, pair: b.clients["known"]}, tlsClient{trusts: b.ours.file, pair: b.clients["stranger"]}
	for _, step := range []struct {
		name, authorities string
		known, stranger   int
	}{
		{"ours", own, 200, 0},
		{"emptied", "", 0, 0},
		{"half written", own[:len(own)/2], 0, 0},
		{"both", own + read(t, b.theirs.file), 200, 200},
		{"theirs", read(t, b.theirs.file), 0, 200},
	} {
		write(t, trusted, step.authorities)
		if got, _ := known.get(t, g.address); got != step.known {
			t.Errorf("%s: a client with our certificate: %d, want %d", step.name, got, step.known)
		}
		if got, _ := stranger.get(t, g.address); got != step.stranger {
			t.Errorf("%s: a client with theirs: %d, want %d", step.name, got, step.stranger)
		}
	}
}

// TestSessionsAreNotResumed refuses a client whose name was removed.
func TestSessionsAreNotResumed(t *testing.T) {
	b := newTLSFiles(t)
	g := b.serve(t, b.san)
	known := tlsClient{trusts: b.ours.file, pair: b.clients["known"], sessions: tls.NewLRUClientSessionCache(1)}
	if got, _ := known.get(t, g.address); got != 200 {
		t.Errorf("before: %d", got)
	}
	write(t, g.file, strings.Replace(b.san, "[known]", "[other]", 1))
	if got, _ := known.get(t, g.address); got != 0 {
		t.Errorf("with its session: %d", got)
	}
}

// TestRequirementsOfTLS replaces the file while the server runs. Where that
// needs a restart no client is served, neither on a new connection nor on one
// that was open before.
func TestRequirementsOfTLS(t *testing.T) {
	b := newTLSFiles(t)
	for name, tc := range map[string]struct {
		before, after string
		valid         bool
	}{
		"no certificates":          {b.certs, b.open, false},
		"passwords instead":        {b.certs, b.open + users, false},
		"any certificate":          {b.certs, b.open + "  client_auth_type: RequireAnyClientCert\n", false},
		"certificates if given":    {b.certs, strings.Replace(b.certs, "RequireAndVerifyClientCert", "VerifyClientCertIfGiven", 1), false},
		"any authority":            {b.certs, strings.Replace(b.certs, "  client_ca_file: ours.pem\n", "", 1), false},
		"any name":                 {b.san, b.certs, false},
		"no TLS":                   {b.certs, users, false},
		"emptied":                  {b.certs, "", false},
		"an older TLS":             {b.certs + "  min_version: TLS13\n", b.certs, false},
		"a name too":               {b.certs, b.san, true},
		"a header too":             {b.certs, b.certs + "http_server_config: {headers: {X-Frame-Options: deny}}\n", true},
		"TLS where there was none": {users, users + b.open, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := b.serve(t, tc.before)
			if tc.before == users {
				write(t, g.file, tc.after)
				if status, _ := request(t, http.MethodGet, "http://"+g.address+"/metrics", "right"); status != 503 || g.valid() {
					t.Errorf("%d, the metric is %v", status, g.valid())
				}
				return
			}
			known, anonymous := tlsClient{trusts: b.ours.file, pair: b.clients["known"]}, tlsClient{trusts: b.ours.file}
			open := known.transport(t)
			defer open.CloseIdleConnections()
			if got, _ := roundTrip(t, open, g.address, ""); got != 200 {
				t.Fatalf("before: %d", got)
			}
			write(t, g.file, tc.after)
			newWant, openWant := 200, 200
			if !tc.valid {
				newWant, openWant = 0, 503
			}
			if got, _ := roundTrip(t, open, g.address, ""); got != openWant {
				t.Errorf("on a connection that was open before: %d, want %d", got, openWant)
			}
			if got, _ := known.get(t, g.address); got != newWant {
				t.Errorf("with a certificate: %d, want %d", got, newWant)
			}
			if got, _ := anonymous.get(t, g.address); got != 0 {
				t.Errorf("without a certificate: %d", got)
			}
			if g.valid() != tc.valid {
				t.Errorf("the metric is %v", g.valid())
			}
			write(t, g.file, tc.before)
			if got, _ := known.get(t, g.address); !tc.valid && got != 200 {
				t.Errorf("after the repair: %d", got)
			}
		})
	}
}
