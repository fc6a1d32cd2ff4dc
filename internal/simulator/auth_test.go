package simulator_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/guardduty"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestAuthenticationRefusals(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	inAuthorization := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	wrongSecret := simulator.Keys{AccessKeyID: keysOf(administrator).AccessKeyID, SecretAccessKey: "guess"}
	for _, tc := range []struct {
		name        string
		call        rawCall
		status      int
		rest, query string // codes in GuardDuty's and in STS's protocol
	}{
		{"accepted", rawCall{}, 200, "", ""},
		{
			"unsigned",
			rawCall{modify: func(r *http.Request) { r.Header.Del("Authorization") }},
			403, "MissingAuthenticationTokenException", "MissingAuthenticationToken",
		},
		{"other algorithm", rawCall{modify: header("Authorization", "Bearer x")}, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{"truncated scope", rawCall{modify: inAuthorization("/aws4_request", "")}, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{"no signature", rawCall{modify: inAuthorization("Signature=", "Sign=")}, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{"host unsigned", rawCall{modify: inAuthorization("host;", "")}, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{"no date", rawCall{modify: header("X-Amz-Date", "yesterday")}, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{
			"date differs from scope",
			rawCall{modify: header("X-Amz-Date", "20200101T000000Z")},
			400, "IncompleteSignatureException", "IncompleteSignature",
		},
		{
			"unknown key",
			rawCall{keys: simulator.Keys{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}},
			403, "UnrecognizedClientException", "InvalidClientTokenId",
		},
		{"foreign session token", rawCall{token: "made-up"}, 403, "UnrecognizedClientException", "InvalidClientTokenId"},
		{"wrong secret", rawCall{keys: wrongSecret}, 403, "InvalidSignatureException", "SignatureDoesNotMatch"},
		{
			"query changed",
			rawCall{modify: func(r *http.Request) { r.URL.RawQuery = "maxResults=1" }},
			403, "InvalidSignatureException", "SignatureDoesNotMatch",
		},
		{
			"payload hash of something else",
			rawCall{modify: header("X-Amz-Content-Sha256", strings.Repeat("0", 64))},
			403, "InvalidSignatureException", "SignatureDoesNotMatch",
		},
		{"six minutes late", rawCall{signedAt: time.Now().Add(-6 * time.Minute)}, 403, "InvalidSignatureException", "SignatureDoesNotMatch"},
		{"six minutes early", rawCall{signedAt: time.Now().Add(6 * time.Minute)}, 403, "InvalidSignatureException", "SignatureDoesNotMatch"},
		{"four minutes late", rawCall{signedAt: time.Now().Add(-4 * time.Minute)}, 200, "", ""},
		{"Region that is off", rawCall{region: "me-south-1"}, 403, "UnrecognizedClientException", "InvalidClientTokenId"},
		{"opt-in Region that is on", rawCall{region: "me-central-1"}, 200, "", ""},
		{"Region that does not exist", rawCall{region: "xx-moon-1"}, 403, "UnrecognizedClientException", "InvalidClientTokenId"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := serve(t, smallWorld(), simulator.Options{})
			rest := tc.call
			rest.method, rest.path = http.MethodGet, "/detector"
			got := rest.do(t, url)
			if code := got.header.Get("X-Amzn-ErrorType"); got.status != tc.status || code != tc.rest {
				t.Errorf("guardduty: %d %s %s, want %d %s", got.status, code, got.body, tc.status, tc.rest)
			}
			query := tc.call
			query.method, query.path, query.service = http.MethodPost, "/", "sts"
			query.body = "Action=GetCallerIdentity&Version=2011-06-15"
			got = query.do(t, url)
			var code string
			if m := regexp.MustCompile(`<Code>(.*)</Code>`).FindStringSubmatch(got.body); m != nil {
				code = m[1]
			}
			if got.status != tc.status || code != tc.query {
				t.Errorf("sts: %d %s, want %d %s", got.status, got.body, tc.status, tc.query)
			}
			calls := s.Calls()
			if len(calls) != 2 || calls[0].Error != tc.rest || calls[1].Error != tc.query {
				t.Errorf("recorded %+v", calls)
			}
			if rejected := tc.rest != ""; rejected != (calls[0].AccountID == "") {
				t.Errorf("recorded account %q", calls[0].AccountID)
			}
		})
	}
}

func TestBodyIsSigned(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	call := rawCall{method: http.MethodPost, path: "/detector/" + detectorID + "/coverage", body: `{"maxResults":1}`}
	if got := call.do(t, url); got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	other := rawCall{method: http.MethodPost, path: call.path, body: `{"maxResults":2}`}
	call.modify = func(r *http.Request) {
		replacement, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(other.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body = replacement.Body
	}
	if got := call.do(t, url); got.header.Get("X-Amzn-ErrorType") != "InvalidSignatureException" {
		t.Errorf("changed body: %d: %s", got.status, got.body)
	}
}

// The path and the query are escaped again for the signature. The error is about
// the detector, not the signature.
func TestEscapedPathAndQueryAreVerified(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for _, path := range []string{
		"/detector/a%20b%2Fc/member?onlyAssociated=true&maxResults=5",
		"/detector/%C3%A9+~/member?nextToken=a%2Bb%3D%20c&maxResults=5&max=1",
	} {
		got := rawCall{method: http.MethodGet, path: path}.do(t, url)
		if code := got.header.Get("X-Amzn-ErrorType"); code != "BadRequestException" {
			t.Errorf("%s: %d %s %s", path, got.status, code, got.body)
		}
	}
}

// The SDK corrects its clock by the response's Date header.
func TestClientUsesTheServersClock(t *testing.T) {
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	_, url := serve(t, smallWorld(), simulator.Options{Now: func() time.Time { return now }})
	config := awsConfig(url, administrator)
	config.RetryMaxAttempts = 2
	if _, err := guardduty.NewFromConfig(config).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{}); err != nil {
		t.Error(err)
	}
}

func TestUnknownServiceAndOperation(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for _, tc := range []struct {
		call rawCall
		code string
	}{
		{rawCall{method: http.MethodGet, path: "/", service: "s3"}, "InvalidSignatureException"},
		{rawCall{method: http.MethodGet, path: "/admin"}, "UnknownOperationException"},
		{rawCall{method: http.MethodDelete, path: "/detector/" + detectorID}, "UnknownOperationException"},
		{rawCall{method: http.MethodGet, path: "/detector/"}, "UnknownOperationException"},
		{rawCall{method: http.MethodGet, path: "/listRegions", service: "account"}, "UnknownOperationException"},
	} {
		got := tc.call.do(t, url)
		if code := got.header.Get("X-Amzn-ErrorType"); code != tc.code {
			t.Errorf("%s %s of %q: %d %s, want %s", tc.call.method, tc.call.path, tc.call.service, got.status, code, tc.code)
		}
	}
	got := rawCall{method: http.MethodPost, path: "/", service: "sts", body: "Action=GetSessionToken&Version=2011-06-15"}.do(t, url)
	if got.status != http.StatusNotFound || !strings.Contains(got.body, "UnknownOperationException") {
		t.Errorf("unknown action: %d %s", got.status, got.body)
	}
}
