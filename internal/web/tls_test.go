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
	t.Parallel()
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
