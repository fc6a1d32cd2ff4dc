package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// TestAccountOfAmbientCredentials checks that GetCallerIdentity is repeated until it
// succeeds, and only then.
func TestAccountOfAmbientCredentials(t *testing.T) {
	s, url := simulate(t)
	var log bytes.Buffer
	session := open(t, url, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }).Session(Role{}, region)
	s.SetIntercept(func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteError(w, http.StatusForbidden, "AccessDenied", "not now")
		return true
	})
	for range 2 {
		if id, err := session.AccountID(t.Context()); id != "" || err != nil {
			t.Errorf("account %q, %v while the request is denied", id, err)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "GetCallerIdentity") {
		t.Errorf("%d warnings, want one:\n%s", n, log.String())
	}
	s.SetIntercept(nil)
	s.ResetCalls()
	for _, one := range []*Session{session, session, session.InRegion("us-east-1")} {
		if id, err := one.AccountID(t.Context()); err != nil || id != home {
			t.Errorf("account %q, %v", id, err)
		}
	}
	if diff := cmp.Diff([]string{"GetCallerIdentity " + home + " " + region}, requests(s)); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
}

// TestAccountOfCredentials has credentials whose account the SDK knows.
func TestAccountOfCredentials(t *testing.T) {
	s, url := simulate(t)
	f := open(t, url, func(o *Options) {
		o.Simulator.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", AccountID: other}, nil
		})
	})
	if id, err := f.Session(Role{}, region).AccountID(t.Context()); err != nil || id != other {
		t.Errorf("account %q, %v", id, err)
	}
	if calls := requests(s); len(calls) != 0 {
		t.Errorf("requests %v, want none", calls)
	}
}

func TestAccountWithoutCredentials(t *testing.T) {
	f := open(t, "http://simulator.invalid", func(o *Options) { o.Simulator.Credentials = &issuer{err: errRefused} })
	if id, err := f.Session(Role{}, region).AccountID(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("account %q, %v, want an error", id, err)
	}
}

func TestCallerIdentityWithoutAccount(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		_, _ = fmt.Fprint(w, strings.Replace(callerIdentity, home, "", 1))
	})
	if id, err := open(t, url, nil).Session(Role{}, region).AccountID(t.Context()); id != "" || err != nil {
		t.Errorf("account %q, %v, want none", id, err)
	}
}

// TestAccountIDCancelled has a caller that is cancelled while others wait for its
// request.
func TestAccountIDCancelled(t *testing.T) {
	first, release := make(chan struct{}), make(chan struct{})
	url, _ := serve(t, func(n int, w http.ResponseWriter) {
		if n == 0 {
			close(first)
			<-release
		}
		_, _ = fmt.Fprint(w, callerIdentity)
	})
	t.Cleanup(func() { close(release) })
	session := open(t, url, nil).Session(Role{}, region)
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	callers.Go(func() { _, _ = session.AccountID(ctx) })
	<-first
	callers.Go(func() {
		if id, err := session.AccountID(t.Context()); id != home || err != nil {
			t.Errorf("account %q, %v", id, err)
		}
	})
	time.AfterFunc(50*time.Millisecond, cancel)
	callers.Wait()
}

// TestCredentialsReplacedDuringGetCallerIdentity has a response about credentials
// that were invalidated meanwhile.
func TestCredentialsReplacedDuringGetCallerIdentity(t *testing.T) {
	var session *Session
	url, _ := serve(t, func(n int, w http.ResponseWriter) {
		if n == 0 {
			session.identity.invalidate(time.Now())
			_, _ = fmt.Fprint(w, callerIdentity)
			return
		}
		_, _ = fmt.Fprint(w, strings.ReplaceAll(callerIdentity, home, other))
	})
	session = open(t, url, nil).Session(Role{}, region)
	if id, err := session.AccountID(t.Context()); id != other || err != nil {
		t.Errorf("account %q, %v, want %q", id, err, other)
	}
}

// TestAccountIDWithoutResponse has an STS that does not respond: most of the time
// is left.
func TestAccountIDWithoutResponse(t *testing.T) {
	release := make(chan struct{})
	url, _ := serve(t, func(int, http.ResponseWriter) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	id, err := open(t, url, nil).Session(Role{}, region).AccountID(ctx)
	if took := time.Since(start); id != "" || err != nil || took > time.Second {
		t.Errorf("account %q, %v after %v; want none after half a second", id, err, took)
	}
}

// TestAccountOfReplacedCredentials has credentials of another account in place of
// those that were denied. The account of a role stays.
func TestAccountOfReplacedCredentials(t *testing.T) {
	accountID := home
	f := open(t, "http://simulator.invalid", func(o *Options) {
		o.Simulator.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", AccountID: accountID}, nil
		})
	})
	ambient, role := f.Session(Role{}, region), f.Session(reader, region)
	for _, want := range []string{home, other} {
		if id, err := ambient.AccountID(t.Context()); err != nil || id != want {
			t.Errorf("account %q, %v, want %q", id, err, want)
		}
		if id, err := role.AccountID(t.Context()); err != nil || id != other {
			t.Errorf("account of the role %q, %v, want %q", id, err, other)
		}
		accountID = other
		if now := time.Now(); !ambient.identity.invalidate(now) || !role.identity.invalidate(now) {
			break
		}
	}
}
