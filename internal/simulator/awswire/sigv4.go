package awswire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	// SignatureTimeLayout is the layout of the X-Amz-Date header.
	SignatureTimeLayout = "20060102T150405Z"
)

// Signature is the Signature Version 4 that a request declares, not yet verified.
// The algorithm is described in the IAM user guide, "Create a signed AWS API
// request".
type Signature struct {
	AccessKeyID, Region, Service string
	Time                         time.Time

	date          string
	signedHeaders []string
	value         string // hexadecimal
}

// ParseSignature reads the Authorization and X-Amz-Date headers.
func ParseSignature(h http.Header) (Signature, error) {
	var sig Signature
	algorithm, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	if algorithm != sigAlgorithm {
		return sig, errors.New("the Authorization header's algorithm must be " + sigAlgorithm)
	}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return sig, errors.New("the Credential must be KEY/DATE/REGION/SERVICE/aws4_request")
			}
			sig.AccessKeyID, sig.date, sig.Region, sig.Service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			sig.signedHeaders = strings.Split(value, ";")
		case "Signature":
			sig.value = value
		}
	}
	if sig.AccessKeyID == "" || len(sig.signedHeaders) == 0 || sig.value == "" {
		return sig, errors.New("the Authorization header needs Credential, SignedHeaders and Signature")
	}
	for _, name := range []string{"host", "x-amz-date", "x-amz-security-token"} {
		present := name == "host" || h.Get(name) != ""
		if present && !slices.Contains(sig.signedHeaders, name) {
			return sig, errors.New("the header " + name + " must be signed")
		}
	}
	var err error
	if sig.Time, err = time.Parse(SignatureTimeLayout, h.Get("X-Amz-Date")); err != nil {
		return sig, errors.New("the X-Amz-Date header must be a time such as 20060102T150405Z")
	}
	if sig.date != sig.Time.Format("20060102") {
		return sig, errors.New("the Credential's date must be that of X-Amz-Date")
	}
	return sig, nil
}

// Matches reports whether it is the signature of the request and its body with
// the secret key.
func (sig Signature) Matches(r *http.Request, body []byte, secret string) bool {
	canonical, ok := sig.canonicalRequest(r, body)
	if !ok {
		return false
	}
	scope := strings.Join([]string{sig.date, sig.Region, sig.Service, "aws4_request"}, "/")
	toSign := strings.Join([]string{sigAlgorithm, sig.Time.Format(SignatureTimeLayout), scope, hexSHA256([]byte(canonical))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.date, sig.Region, sig.Service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(hmacSHA256(key, toSign))), []byte(sig.value))
}

// canonicalRequest returns the text of the request that is signed, and false if
// the request is inconsistent with the payload hash that it declares.
func (sig Signature) canonicalRequest(r *http.Request, body []byte) (string, bool) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", false
	}
	payload := hexSHA256(body)
	if declared := r.Header.Get("X-Amz-Content-Sha256"); declared != "" && declared != payload {
		return "", false
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var headers strings.Builder
	for _, name := range sig.signedHeaders {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host}
		}
		trimmed := make([]string, len(values))
		for i, value := range values {
			trimmed[i] = strings.Join(strings.Fields(value), " ")
		}
		headers.WriteString(name + ":" + strings.Join(trimmed, ",") + "\n")
	}
	return strings.Join([]string{
		r.Method, escape(path, "/"), query, headers.String(), strings.Join(sig.signedHeaders, ";"), payload,
	}, "\n"), true
}

// canonicalQuery sorts and escapes a query string.
func canonicalQuery(raw string) (string, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", err
	}
	var pairs [][2]string
	for key, values := range query {
		for _, value := range values {
			pairs = append(pairs, [2]string{escape(key, ""), escape(value, "")})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	joined := make([]string, len(pairs))
	for i, pair := range pairs {
		joined[i] = pair[0] + "=" + pair[1]
	}
	return strings.Join(joined, "&"), nil
}

// escape percent-encodes every byte except those in keep and the unreserved ones
// of RFC 3986.
func escape(text, keep string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("-_.~", c) >= 0, strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
