package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
)

var errRefused = errors.New("refused")

// issuer is a provider of key-1, key-2 …, each with the same lifetime.
type issuer struct {
	lifetime time.Duration // 0 for keys that do not expire
	err      error
	calls    int
	issued   int
}

func (i *issuer) Retrieve(context.Context) (aws.Credentials, error) {
	i.calls++
	if i.err != nil {
		return aws.Credentials{}, i.err
	}
	i.issued++
	k := aws.Credentials{AccessKeyID: fmt.Sprint("key-", i.issued), SecretAccessKey: "secret"}
	if i.lifetime != 0 {
		k.CanExpire, k.Expires = true, time.Now().Add(i.lifetime)
	}
	return k, nil
}

// cacheTest is a resilientCache of an issuer, with fake time.
type cacheTest struct {
	t     *testing.T
	start time.Time
	*issuer
	*aws.CredentialsCache
	log *bytes.Buffer
}

func newCacheTest(t *testing.T, lifetime time.Duration) *cacheTest {
	i, log := &issuer{lifetime: lifetime}, &bytes.Buffer{}
	cache := resilientCache(i, slog.New(slog.NewTextHandler(log, nil)))
	return &cacheTest{t: t, start: time.Now(), issuer: i, CredentialsCache: cache, log: log}
}

// at waits until that long after the start. It wants this key, "" for an error,
// and this number of calls of the issuer.
func (c *cacheTest) at(after time.Duration, key string, calls int) {
	c.t.Helper()
	time.Sleep(time.Until(c.start.Add(after)))
	got, err := c.CredentialsCache.Retrieve(c.t.Context())
	if got.AccessKeyID != key || (err != nil) != (key == "") {
		c.t.Errorf("after %v: %q, %v; want %q", after, got.AccessKeyID, err, key)
	}
	if c.calls != calls {
		c.t.Errorf("after %v: %d calls of the issuer, want %d", after, c.calls, calls)
	}
}

func TestCredentialsAreRefreshedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, time.Hour)
		c.at(0, "key-1", 1)
		c.at(55*time.Minute-1, "key-1", 1)
		c.at(55*time.Minute, "key-2", 2)
		c.at(110*time.Minute-1, "key-2", 2)
		c.at(110*time.Minute, "key-3", 3)
	})
}

func TestCredentialsAreUsedUntilExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, time.Hour)
		c.at(0, "key-1", 1)
		c.err = errRefused
		c.at(55*time.Minute-1, "key-1", 1)
		c.at(55*time.Minute, "key-1", 2)
		c.at(56*time.Minute-1, "key-1", 2) // not for each request
		c.at(56*time.Minute, "key-1", 3)
		c.at(59*time.Minute+30*time.Second, "key-1", 4)
		c.at(time.Hour-1, "key-1", 4)
		c.at(time.Hour, "", 5)
		c.at(time.Hour+time.Second, "", 6)
		c.err = nil
		c.at(time.Hour+2*time.Second, "key-2", 7)
		c.at(time.Hour+10*time.Minute, "key-2", 7)
	})
}

func TestRefreshFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, time.Hour)
		c.at(0, "key-1", 1)
		c.err = errRefused
		c.at(55*time.Minute, "key-1", 2)
		c.err = nil
		c.at(56*time.Minute-1, "key-1", 2)
		c.at(56*time.Minute, "key-2", 3)
		c.at(111*time.Minute-1, "key-2", 3) // by its own expiry, not that of key-1
		c.err = errRefused
		c.at(111*time.Minute, "key-2", 4)
		c.at(116*time.Minute-1, "key-2", 5)
		if lines := strings.Count(c.log.String(), "level=WARN"); lines != 2 {
			t.Errorf("%d warnings, want one per outage:\n%s", lines, c.log)
		}
		c.at(116*time.Minute, "", 6)
	})
}

func TestCredentialsShorterThanTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, 2*time.Minute)
		c.at(0, "key-1", 1)
		c.at(time.Second, "key-2", 2)
		c.err = errRefused
		c.at(90*time.Second, "key-2", 3)
		c.at(2*time.Minute+time.Second-1, "key-2", 3)
		c.at(2*time.Minute+time.Second, "", 4)
	})
}

func TestCredentialsWithoutExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, 0)
		c.at(0, "key-1", 1)
		c.at(1000*time.Hour, "key-1", 1)
	})
}

// TestAmbientCredentialsAreUsedUntilExpiry uses a session without a role.
func TestAmbientCredentialsAreUsedUntilExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{lifetime: time.Hour}
		f := open(t, "http://simulator.invalid", func(o *Options) {
			o.Simulator.Credentials = aws.NewCredentialsCache(i)
		})
		c := newCacheTest(t, 0)
		c.issuer = i
		c.CredentialsCache, _ = f.Session(Role{}, region).Config(home).Credentials.(*aws.CredentialsCache)
		c.at(0, "key-1", 1)
		c.err = errRefused
		c.at(55*time.Minute, "key-1", 2)
		c.at(time.Hour-1, "key-1", 3)
		c.at(time.Hour, "", 4)
	})
}

func TestCredentialsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, time.Hour)
		c.err = errRefused
		_, err := c.CredentialsCache.Retrieve(t.Context())
		var missing *awserr.CredentialsError
		if !errors.Is(err, errRefused) || !errors.As(err, &missing) {
			t.Errorf("error %v, want a CredentialsError that wraps the cause", err)
		}
	})
}
