package faulttest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The passwords of test cases with a web configuration file.
const (
	password        = "canary-password-of-prometheus"
	anotherPassword = "canary-password-of-another-one"
)

// requirePassword makes the exporter require a password, which the harness's
// client sends.
func requirePassword(h *harness) (webConfig string) {
	webConfig = "basic_auth_users:\n"
	for user, word := range map[string]string{"prometheus": password, "another": anotherPassword} {
		hash, err := bcrypt.GenerateFromPassword([]byte(word), 6)
		h.check(err)
		h.secrets.add("a password", word)
		h.secrets.add("a password hash", string(hash))
		webConfig += "  " + user + ": " + string(hash) + "\n"
	}
	file := filepath.Join(h.TempDir(), "web.yaml")
	h.writeFile(file, webConfig)
	h.options.Web.WebConfigFile = &file
	h.client.Transport = basicAuth{&http.Transport{}, "prometheus", password}
	return webConfig
}

func (h *harness) writeFile(file, text string) {
	h.Helper()
	h.check(os.WriteFile(file, []byte(text), 0o600))
}

// basicAuth is an http.RoundTripper that sends a password.
type basicAuth struct {
	*http.Transport
	user, password string
}

func (a basicAuth) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth(a.user, a.password)
	return a.Transport.RoundTrip(req)
}

// scrapeStatus returns the status of /metrics for a client.
func scrapeStatus(ctx context.Context, h *harness, client http.RoundTripper) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, err = h.read("GET /metrics", resp)
	return resp.StatusCode, err
}

// passwordFloodCase sends many requests with wrong passwords.
func passwordFloodCase() testCase {
	var unauthorized atomic.Int64
	send := func(ctx context.Context, h *harness) error {
		for _, word := range []string{"", "wrong"} {
			switch status, err := scrapeStatus(ctx, h, basicAuth{&http.Transport{DisableKeepAlives: true}, "prometheus", word}); {
			case err != nil:
				return err
			case status == http.StatusUnauthorized:
				unauthorized.Add(1)
			default:
				return fmt.Errorf("status with the password %q: %d", word, status)
			}
		}
		return nil
	}
	return testCase{
		group: clients, name: "many requests without a password or with wrong ones", state: coverage.OK,
		skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true,
		setup: func(h *harness) {
			unauthorized.Store(0)
			requirePassword(h)
		},
		begin: repeat(20, 200*time.Millisecond, send),
		during: func(h *harness) {
			if unauthorized.Load() == 0 {
				h.Error("no request was unauthorized")
			}
			// A client with another address whose password is not yet cached.
			dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			client := basicAuth{&http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, "another", anotherPassword}
			ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
			defer cancel()
			if status, err := scrapeStatus(ctx, h, client); err != nil || status != http.StatusOK {
				h.Errorf("another client: %d, %v", status, err)
			}
		},
	}
}

// emptyWebConfigCase empties the web configuration file.
func emptyWebConfigCase() testCase {
	var webConfig string
	return testCase{
		group: process, name: "an empty web configuration file", state: coverage.OK, short: true,
		skip: skips{
			lastGood:  refreshSucceeds,
			validPage: "every request gets status 503 while the web configuration is invalid",
		},
		setup: func(h *harness) { webConfig = requirePassword(h) },
		run: func(h *harness) {
			h.start()
			before := h.waitAllOK()
			began := time.Now()
			h.writeFile(*h.options.Web.WebConfigFile, "")
			for time.Since(began) < 3*h.pace.interval {
				for _, word := range []string{"", "wrong", password} {
					client := basicAuth{&http.Transport{DisableKeepAlives: true}, "prometheus", word}
					if status, err := scrapeStatus(h.Context(), h, client); err != nil || status != http.StatusServiceUnavailable {
						h.Errorf("status with the password %q: %d, %v", word, status, err)
					}
				}
				h.wait(h.pace.interval / 4)
			}
			h.writeFile(*h.options.Web.WebConfigFile, webConfig)
			after := h.scrape()
			h.wantLine("guardduty_exporter_web_config_last_reload_successful 1.0")
			h.wantSame(before, h.configured()...)
			for _, t := range h.configured() {
				if n := len(h.log.refreshesOf(t, began, after.requested)); n < 2 || after.state(t) != coverage.OK {
					h.Errorf("%s: %d refreshes, state %s", t, n, after.state(t))
				}
			}
			h.checked[isolation], h.checked[recovery] = true, true
			h.requestOtherPaths()
		},
	}
}
