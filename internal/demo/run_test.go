package demo

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
)

// output collects what the demo prints. It is safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// value returns the rest of the line that begins with the key, "" if there is none.
func (o *output) value(key string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, rest, _ := strings.Cut(o.buf.String(), key)
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func options() app.Options {
	no, none := false, ""
	return app.Options{
		Web: &toolkit.FlagConfig{
			WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: &no, WebConfigFile: &none,
		},
		TelemetryPath: "/metrics", Logger: slog.New(slog.DiscardHandler),
	}
}

// request returns the status and body of a request without retries.
func request(t *testing.T, client *http.Client, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// waitFor calls f until it returns true, at most for the timeout.
func waitFor(t *testing.T, timeout time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after %s", what, timeout)
		}
	}
}

// TestRun runs the demo and follows its printed URLs, as a user does.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, result := &output{}, make(chan error, 1)
	go func() { result <- Run(ctx, options(), "127.0.0.1:0", out) }()
	waitFor(t, 10*time.Second, "metrics URL", func() bool { return out.value("metrics:") != "" })
	metricsURL, simulatorURL := out.value("metrics:"), out.value("simulator:")
	metrics := func() string {
		_, text := request(t, http.DefaultClient, http.MethodGet, metricsURL, "")
		return text
	}
	ready := strings.TrimSuffix(metricsURL, "/metrics") + "/-/ready"
	waitFor(t, 20*time.Second, "readiness", func() bool {
		status, _ := request(t, http.DefaultClient, http.MethodGet, ready, "")
		return status == http.StatusOK
	})
	clusters, accounts := 0, map[string]bool{}
	waitFor(t, 5*time.Second, "cluster", func() bool {
		for line := range strings.Lines(metrics()) {
			if labels, ok := strings.CutPrefix(line, `guardduty_ecs_cluster_healthy{account_id="`); ok {
				clusters++
				accounts[labels[:12]] = true
			}
		}
		return clusters > 0
	})
	if clusters < 50 || len(accounts) < 5 {
		t.Errorf("the demo shows %d clusters of %d accounts", clusters, len(accounts))
	}

	changed := time.Now()
	status, text := request(t, http.DefaultClient, http.MethodPut, simulatorURL+"/simulator/clusters",
		`{"account_id": "222233334444", "region": "eu-west-1", "cluster_name": "new", "coverage_status": "UNHEALTHY"}`)
	if status != http.StatusNoContent {
		t.Fatalf("PUT: %d %s", status, text)
	}
	for _, sample := range []string{
		`guardduty_ecs_cluster_healthy{account_id="222233334444",cluster_name="new",region="eu-west-1"} 0`,
		"guardduty_exporter_events_applied_total 1",
	} {
		waitFor(t, 10*time.Second, sample, func() bool { return strings.Contains(metrics(), sample+"\n") })
	}
	if took := time.Since(changed); took > 3*time.Second {
		t.Errorf("a change was visible after %v", took)
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// writeWebConfig writes a web configuration file with a self-signed certificate
// and returns its path.
func writeWebConfig(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yaml": []byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "web.yaml")
}

// With TLS the printed URL is https.
func TestRunWithTLS(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, result, o := &output{}, make(chan error, 1), options()
	file := writeWebConfig(t)
	o.Web.WebConfigFile = &file
	go func() { result <- Run(ctx, o, "127.0.0.1:0", out) }()
	waitFor(t, 10*time.Second, "metrics URL", func() bool { return out.value("metrics:") != "" })
	url := out.value("metrics:")
	if !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Fatalf("metrics are on %s", url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // self-signed
	defer transport.CloseIdleConnections()
	if status, _ := request(t, &http.Client{Transport: transport}, http.MethodGet, url, ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestSimulatorAddressMustBeLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "nonsense"} {
		err := Run(t.Context(), options(), address, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
