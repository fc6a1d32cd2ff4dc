package web

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// TestSessionsAreNotResumed rejects a client whose name was removed.
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
	t.Parallel()
	b := newTLSFiles(t)
	for name, tc := range map[string]struct {
		before, after string
		valid         bool
	}{
		"no certificates":          {b.certs, b.open, false},
		"passwords instead":        {b.certs, b.open + users, false},
		"no certificate at all":    {b.open + "  client_auth_type: RequireAnyClientCert\n", b.open, false},
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
