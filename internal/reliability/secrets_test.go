package reliability

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
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

// search notes the secrets that an output shows.
func (s *secrets) search(output, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, what := range s.known {
		if at := strings.Index(text, secret); at >= 0 {
			s.found = append(s.found, output+" shows "+what+": "+text[max(0, at-200):min(len(text), at+len(secret)+50)])
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
