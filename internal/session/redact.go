package session

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// redactingProvider removes a secret from the errors of a provider: AWS, or a
// proxy, may repeat parts of a request.
type redactingProvider struct {
	aws.CredentialsProvider
	secret *regexp.Regexp // nil for none
}

// Retrieve implements aws.CredentialsProvider.
func (p redactingProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil && p.secret != nil && p.secret.MatchString(err.Error()) {
		err = &redactedError{err, p.secret.ReplaceAllLiteralString(err.Error(), "<secret>")}
	}
	return c, err
}

// invalidator is a credentials cache.
type invalidator interface{ Invalidate() }

// Invalidate invalidates the credentials of a provider that is a cache.
func (p redactingProvider) Invalidate() {
	if cache, ok := p.CredentialsProvider.(invalidator); ok {
		cache.Invalidate()
	}
}

// redactedError has the type of an error, but not its text.
type redactedError struct {
	err  error
	text string
}

func (e *redactedError) Error() string { return e.text }

// Unwrap returns the original error, whose text has the secret.
func (e *redactedError) Unwrap() error { return e.err }

// secretPattern matches a secret in the encodings in which a response may repeat
// it, in upper and lower case; nil for "".
func secretPattern(secret string) *regexp.Regexp {
	if secret == "" {
		return nil
	}
	quoted, _ := json.Marshal(secret) // a string
	var forms []string
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		strings.Trim(string(quoted), `"`), html.EscapeString(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
		hex.EncodeToString([]byte(secret)), url.QueryEscape(url.QueryEscape(secret)),
	} {
		forms = append(forms, regexp.QuoteMeta(form))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // leftmost-first: the longest
	return regexp.MustCompile("(?i:" + strings.Join(slices.Compact(forms), "|") + ")")
}
