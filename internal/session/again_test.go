package session

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// TestExpiredCredentialsAreRenewed refuses the credentials of a role, or the
// first ones alone, long before their end.
func TestExpiredCredentialsAreRenewed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		refused func(token, first string) bool
		works   bool
	}{
		{"the first ones", func(token, first string) bool { return token == first }, true},
		{"all", func(string, string) bool { return true }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := simulate(t)
			first := ""
			s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
				if c.Operation != "ListRegions" {
					return false
				}
				token := r.Header.Get("X-Amz-Security-Token")
				if first == "" {
					first = token
				}
				if !tc.refused(token, first) {
					return false
				}
				awswire.WriteError(w, http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
				return true
			})
			_, err := accountClient(open(t, url, nil).Session(reader, region).Config(other)).ListRegions(t.Context(), &account.ListRegionsInput{})
			if (err == nil) != tc.works || err != nil && !isExpired(err) {
				t.Errorf("the error is %v", err)
			}
			asked := asked(s)
			slices.Sort(asked)
			role, call := "AssumeRole "+home+" "+region, "ListRegions "+other+" "+region
			if diff := cmp.Diff([]string{role, role, call, call}, asked); diff != "" {
				t.Errorf("calls, -want +got:\n%s", diff)
			}
		})
	}
}

// TestNoTimeLeftToTryAgain has deadlines come after an attempt that failed: in
// the wait before the next one, in the wait for a turn, and in the next one.
func TestNoTimeLeftToTryAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		turns    bool // whether the next turn is far away
		takes    time.Duration
		deadline time.Duration
		status   int // of the answer that the error tells of; 0 for the deadline
	}{
		{"before the next attempt", false, 0, time.Millisecond, http.StatusTooManyRequests},
		{"before the next turn", true, 0, turn - time.Second, http.StatusTooManyRequests},
		{"in the first attempt", false, time.Second, time.Second / 2, 0},
		{"in the second attempt", false, 30 * time.Second, 50 * time.Second, http.StatusTooManyRequests},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{takes: tc.takes, status: func(int) int { return http.StatusTooManyRequests }}
				f := limited(t, n)
				if !tc.turns {
					f.limiters = newLimiters(1000)
				}
				ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
				defer cancel()
				_, err := sts.NewFromConfig(f.Session(Role{}, region).Config(home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
				status := 0
				if answer := (*awshttp.ResponseError)(nil); errors.As(err, &answer) {
					status = answer.HTTPStatusCode()
				}
				if status != tc.status || errors.Is(err, context.DeadlineExceeded) == (tc.status != 0) {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// TestNoCredentialsAreAskedForOnce has STS fail in a way that is tried again,
// which it is by its own client alone.
func TestNoCredentialsAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{status: func(int) int { return http.StatusInternalServerError }}
		client := sts.NewFromConfig(limited(t, n).Session(reader, region).Config(other))
		_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if missing := (*awserr.CredentialsError)(nil); !errors.As(err, &missing) {
			t.Errorf("the error is %v", err)
		}
		if len(n.sent) != 3 {
			t.Errorf("%d requests, want the three of one AssumeRole", len(n.sent))
		}
	})
}

// TestHTTP1 offers HTTP/2.
func TestHTTP1(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	made, _ := open(t, server.URL, nil).base.HTTPClient.(client)
	transport, ok := made.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the client is %+v", made)
	}
	transport.TLSClientConfig.RootCAs = roots
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := made.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 1 {
		t.Errorf("the answer came by %s", resp.Proto)
	}
}

func TestRegionsWithAnEndpointOfTheirOwn(t *testing.T) {
	general, url := simulate(t)
	own, ownURL := simulate(t)
	f := open(t, url, func(o *Options) { o.Simulator.Regions = map[string]string{"us-east-1": ownURL} })
	session := f.Session(Role{}, region)
	for _, s := range []*Session{session, session.In("us-east-1"), session.In("us-east-1").In(region), f.Session(Role{}, "us-east-1")} {
		if _, err := sts.NewFromConfig(s.Config(home)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
	}
	call := strings.Join([]string{"GetCallerIdentity", home, ""}, " ")
	if diff := cmp.Diff([]string{call + region, call + region}, asked(general)); diff != "" {
		t.Errorf("calls, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{call + "us-east-1", call + "us-east-1"}, asked(own)); diff != "" {
		t.Errorf("calls of the Region, -want +got:\n%s", diff)
	}
}
