package faulttest

import (
	"bytes"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secrets records the secrets of a test case and the outputs that contain one.
type secrets struct {
	mu    sync.Mutex
	kinds map[string]string // by the secret
	leaks []string
}

func newSecrets() *secrets {
	return &secrets{kinds: map[string]string{
		homeKeyID: "an access key ID", homeSecret: "a secret access key",
		subjectExternalID: "an external ID", otherExternalID: "an external ID", canaryEmail: "an e-mail address",
	}}
}

func (s *secrets) add(kind, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[secret] = kind
}

// scan records the secrets that an output contains, also escaped ones.
func (s *secrets) scan(output, text string) {
	texts := unescaped(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, kind := range s.kinds {
		for _, text := range texts {
			if at := strings.Index(text, secret); at >= 0 {
				s.leaks = append(s.leaks, output+" contains "+kind+": "+text[max(0, at-200):min(len(text), at+len(secret)+50)])
				break
			}
		}
	}
}

var percentEscapes = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`)

// unescaped returns a text as it is, and without the escapes of HTML, of URL
// paths and of URL queries. Unlike [url.QueryUnescape] it ignores percent signs
// that escape nothing.
func unescaped(text string) []string {
	plain := html.UnescapeString(text)
	unescape := func(s string) string {
		s, _ = url.PathUnescape(s) // s has only valid escapes
		return s
	}
	path := percentEscapes.ReplaceAllStringFunc(plain, unescape)
	query := percentEscapes.ReplaceAllStringFunc(strings.ReplaceAll(plain, "+", " "), unescape)
	return slices.Compact([]string{text, plain, path, query})
}

func TestScan(t *testing.T) {
	const canary = `canary "of" <a+b>/&c=d%`
	for _, tc := range []struct {
		name, text string
		leaks      int
	}{
		{"as it is", "100% of " + canary + ".", 1},
		{"escaped for HTML", "<b>100% of " + html.EscapeString(canary) + "</b>", 1},
		{"escaped for a query", "100% of /?q=" + url.QueryEscape(canary) + "&r=1", 1},
		{"escaped for a path", "100% of /" + url.PathEscape(canary) + "/", 1},
		{"escaped for a query in HTML", `<a href="/?q=` + strings.ReplaceAll(url.QueryEscape(canary), "+", "&#43;") + `">`, 1},
		{"clean", "<b>100% of &lt;canary&gt; %3Ca+b%3E &amp;c=d%25</b>", 0},
		{"empty", "", 0},
	} {
		s := newSecrets()
		s.add("a canary", canary)
		s.scan("an output", tc.text)
		if leaks := s.leaked(); len(leaks) != tc.leaks {
			t.Errorf("%s: %q, want %d", tc.name, leaks, tc.leaks)
		}
	}
}

// all returns a copy of the kinds of all secrets.
func (s *secrets) all() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.kinds)
}

// leaked returns the outputs that contain secrets.
func (s *secrets) leaked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.leaks)
}

var issued = regexp.MustCompile(`<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]+)</`)

// captureIssued is a middleware that adds the credentials that STS issues.
func (s *secrets) captureIssued(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/" {
			next.ServeHTTP(w, r)
			return
		}
		captured := &teeWriter{ResponseWriter: w}
		next.ServeHTTP(captured, r)
		for _, m := range issued.FindAllSubmatch(captured.body.Bytes(), -1) {
			s.add("an issued "+string(m[1]), string(m[2]))
		}
	})
}

// teeWriter keeps a copy of the response.
type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *teeWriter) Write(p []byte) (int, error) {
	return io.MultiWriter(&t.body, t.ResponseWriter).Write(p)
}

// Unwrap is for http.ResponseController.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
