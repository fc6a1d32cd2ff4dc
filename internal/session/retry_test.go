package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// denyTokens responds to ListRegions with an error code while denied reports true
// for the session token.
func denyTokens(s *simulator.Server, code string, denied func(token string) bool) {
	s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		if c.Operation != "ListRegions" || !denied(r.Header.Get("X-Amz-Security-Token")) {
			return false
		}
		awswire.WriteError(w, http.StatusForbidden, code, "The security token included in the request is invalid")
		return true
	})
}

// firstToken returns a function that reports whether a token is the first one.
func firstToken() func(string) bool {
	first := ""
	return func(token string) bool {
		if first == "" {
			first = token
		}
		return token == first
	}
}

// TestDeniedCredentials denies the first credentials of a role, or all of them,
// long before their expiry.
func TestDeniedCredentials(t *testing.T) {
	for _, code := range []string{
		"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"InvalidToken", "SignatureDoesNotMatch", "InvalidSignatureException",
	} {
		for name, works := range map[string]bool{"first": true, "all": false} {
			t.Run(code+"/"+name, func(t *testing.T) {
				s, url := simulate(t)
				denied := firstToken()
				if !works {
					denied = func(string) bool { return true }
				}
				denyTokens(s, code, denied)
				client := accountClient(open(t, url, nil).Session(reader, region).Config(other))
				_, err := client.ListRegions(t.Context(), &account.ListRegionsInput{})
				if (err == nil) != works || err != nil && errorCode(err) != code {
					t.Errorf("error %v", err)
				}
				role, call := "AssumeRole "+home+" "+region, "ListRegions "+other+" "+region
				if diff := cmp.Diff([]string{role, call, role, call}, requests(s)); diff != "" {
					t.Errorf("requests, -want +got:\n%s", diff)
				}
			})
		}
	}
}

// TestLastingDenial has sessions that were revoked: AccessDenied until the role is
// assumed again.
func TestLastingDenial(t *testing.T) {
	s, url := simulate(t)
	denyTokens(s, "AccessDeniedException", firstToken())
	client := accountClient(open(t, url, nil).Session(reader, region).Config(other))
	for refresh, works := range []bool{false, false, true, true} {
		if _, err := client.ListRegions(t.Context(), &account.ListRegionsInput{}); (err == nil) != works {
			t.Errorf("refresh %d: error %v", refresh, err)
		}
	}
	if n := strings.Count(strings.Join(requests(s), "\n"), "AssumeRole"); n != 2 {
		t.Errorf("role assumed %d times, want 2", n)
	}
}

// TestInvalidateInterval checks how often credentials are invalidated.
func TestInvalidateInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &issuer{}
		i := newIdentity(resilientCache(source, slog.New(slog.DiscardHandler)), nil)
		retrieve := func() {
			if _, err := i.credentials.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		retrieve()
		start := time.Now()
		time.Sleep(time.Second)
		for _, step := range []struct {
			after time.Duration // since the first time
			start time.Time     // of the call that is denied
			retry bool
			want  int // credentials issued
		}{
			{0, start, true, 2},
			{0, start, true, 2}, // a concurrent call with the old credentials
			{time.Second, time.Time{}, false, 2},
			{time.Minute - 1, time.Time{}, false, 2},
			{time.Minute, time.Time{}, true, 3},
			{time.Minute + time.Second, time.Time{}, false, 3},
		} {
			time.Sleep(time.Until(start.Add(time.Second + step.after)))
			if step.start.IsZero() {
				step.start = time.Now()
			}
			if retry := i.invalidate(step.start); retry != step.retry {
				t.Errorf("after %v: retry %t", step.after, retry)
			}
			retrieve()
			if source.issued != step.want {
				t.Errorf("after %v: %d credentials issued, want %d", step.after, source.issued, step.want)
			}
		}
	})
}

// TestIsDenied checks that denials are counted by operation, and that a success
// ends their count.
func TestIsDenied(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	i := newIdentity(nil, nil)
	for step, c := range []struct {
		operation string
		err       error
		want      bool
	}{
		{"a", denied, false},
		{"a", denied, false},
		{"b", denied, false},
		{"a", denied, true},
		{"a", denied, false},
		{"b", denied, false},
		{"b", nil, false},
		{"b", denied, false},
		{"b", denied, false},
		{"b", &smithy.GenericAPIError{Code: "ThrottlingException"}, false},
		{"b", denied, false},
		{"b", &smithy.GenericAPIError{Code: "InvalidClientTokenId"}, true},
		{"b", &awserr.CredentialsError{Err: &smithy.GenericAPIError{Code: "InvalidClientTokenId"}}, false},
		{"b", errors.New("anything"), false},
	} {
		if got := i.isDenied(c.operation, c.err); got != c.want {
			t.Errorf("step %d: %t, want %t", step, got, c.want)
		}
	}
}

// TestSharedCredentialsFileChanges has an agent that rewrites the shared
// credentials file, once with an error in it.
func TestSharedCredentialsFileChanges(t *testing.T) {
	_, url := simulate(t)
	setEnvironment(t, map[string]string{"AWS_REGION": region, "AWS_ENDPOINT_URL": url})
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	write := func(id, secret string) {
		t.Helper()
		text := "[default]\naws_access_key_id = " + id + "\naws_secret_access_key = " + secret + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("AKIDOLD", "old")
	f := open(t, "", func(o *Options) { o.Simulator = nil })
	session := f.Session(Role{}, region)
	call := func() error {
		_, err := stsClient(session.Config(home)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return err
	}
	if err := call(); errorCode(err) != "InvalidClientTokenId" {
		t.Errorf("error %v, want InvalidClientTokenId", err)
	}
	write(homeKeys.AccessKeyID, homeKeys.SecretAccessKey)
	f.ambient.invalidated = time.Now().Add(-time.Minute)
	if err := call(); err != nil {
		t.Errorf("error %v with the new credentials", err)
	}
}

// TestDeadlineDuringRetries has deadlines expire after an attempt that failed: in
// the backoff, in the wait for the rate limit, and in the next attempt.
func TestDeadlineDuringRetries(t *testing.T) {
	for _, tc := range []struct {
		name     string
		limited  bool // by a low rate
		takes    time.Duration
		deadline time.Duration
		status   int // of the response in the error; 0 for the deadline
	}{
		{"before the next attempt", false, 0, time.Millisecond, http.StatusTooManyRequests},
		{"before the rate limit allows it", true, 0, interval - time.Second, http.StatusTooManyRequests},
		{"in the first attempt", false, time.Second, time.Second / 2, 0},
		{"in the second attempt", false, 30 * time.Second, 50 * time.Second, http.StatusTooManyRequests},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &fakeClient{latency: tc.takes, status: func(int) int { return http.StatusTooManyRequests }}
				f := rateLimited(t, n)
				if !tc.limited {
					f.limiters = newLimiters(1000)
				}
				ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
				defer cancel()
				_, err := sts.NewFromConfig(f.Session(Role{}, region).Config(home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
				status := 0
				if response := (*awshttp.ResponseError)(nil); errors.As(err, &response) {
					status = response.HTTPStatusCode()
				}
				if status != tc.status || errors.Is(err, context.DeadlineExceeded) == (tc.status != 0) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// TestCancelDuringRetries is cancelled after an attempt that failed. That is not a
// failure of the target.
func TestCancelDuringRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeClient{latency: 30 * time.Second, status: func(int) int { return http.StatusTooManyRequests }}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Second, cancel)
		_, err := sts.NewFromConfig(rateLimited(t, n).Session(Role{}, region).Config(home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if !errors.Is(err, context.Canceled) || len(n.sent) != 2 {
			t.Errorf("error %v after %d attempts", err, len(n.sent))
		}
	})
}

// TestMissingCredentialsAreNotRetried has STS fail in a way that only its own
// client retries.
func TestMissingCredentialsAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeClient{status: func(int) int { return http.StatusInternalServerError }}
		client := sts.NewFromConfig(rateLimited(t, n).Session(reader, region).Config(other))
		_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if missing := (*awserr.CredentialsError)(nil); !errors.As(err, &missing) {
			t.Errorf("error %v", err)
		}
		if len(n.sent) != 3 {
			t.Errorf("%d requests, want the three of one AssumeRole", len(n.sent))
		}
	})
}
