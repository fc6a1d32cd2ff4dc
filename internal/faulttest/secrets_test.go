package faulttest

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secrets are what no output may show, and every output that did.
type secrets struct {
	mu    sync.Mutex
	known map[string]string // what it is, by the secret
	found []string
}

func newSecrets() *secrets {
	return &secrets{known: map[string]string{
		homeKeyID: "an access key ID", homeSecret: "a secret access key",
		nearSesame: "an external ID", farSesame: "an external ID", canaryMail: "an e-mail address",
	}}
}

func (s *secrets) add(what, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[secret] = what
}

// search notes the secrets that an output shows, as they are or escaped.
func (s *secrets) search(output, text string) {
	texts := readings(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, what := range s.known {
		for _, text := range texts {
			if at := strings.Index(text, secret); at >= 0 {
				s.found = append(s.found, output+" shows "+what+": "+text[max(0, at-200):min(len(text), at+len(secret)+50)])
				break
			}
		}
	}
}

var escaped = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`)

// readings returns a text as it is, and without the escapes of HTML, of a URL's
// path and of its query. Percent signs that escape nothing do not hide escapes
// elsewhere in the text, as they would from [url.QueryUnescape].
func readings(text string) []string {
	plain := html.UnescapeString(text)
	unescape := func(s string) string {
		s, _ = url.PathUnescape(s) // whatever is escaped can be unescaped
		return s
	}
	path := escaped.ReplaceAllStringFunc(plain, unescape)
	query := escaped.ReplaceAllStringFunc(strings.ReplaceAll(plain, "+", " "), unescape)
	return slices.Compact([]string{text, plain, path, query})
}

// TestSearch has outputs show a secret in every way.
func TestSearch(t *testing.T) {
	const canary = `canary "of" <a+b>/&c=d%`
	for _, tc := range []struct {
		name, text string
		shown      int
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
		s.search("an output", tc.text)
		if shown := s.shown(); len(shown) != tc.shown {
			t.Errorf("%s: %q, want %d", tc.name, shown, tc.shown)
		}
	}
}

// shown returns where secrets were seen.
func (s *secrets) shown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.found)
}

var issued = regexp.MustCompile(`<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]+)</`)

// spy stands before the simulator and learns the credentials that STS issues.
func (s *secrets) spy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/" {
			next.ServeHTTP(w, r)
			return
		}
		copied := &copier{ResponseWriter: w}
		next.ServeHTTP(copied, r)
		for _, m := range issued.FindAllSubmatch(copied.body.Bytes(), -1) {
			s.add("an issued "+string(m[1]), string(m[2]))
		}
	})
}

// copier keeps a copy of an answer.
type copier struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (c *copier) Write(p []byte) (int, error) {
	return io.MultiWriter(&c.body, c.ResponseWriter).Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *copier) Unwrap() http.ResponseWriter { return c.ResponseWriter }
