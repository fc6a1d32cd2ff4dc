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

// issuer gives out key-1, key-2 … , each with the same lifetime.
type issuer struct {
	lifetime time.Duration // 0 for keys without an end
	err      error
	asked    int
	issued   int
}

func (i *issuer) Retrieve(context.Context) (aws.Credentials, error) {
	i.asked++
	if i.err != nil {
		return aws.Credentials{}, i.err
	}
	i.issued++
	c := aws.Credentials{AccessKeyID: fmt.Sprint("key-", i.issued), SecretAccessKey: "secret"}
	if i.lifetime != 0 {
		c.CanExpire, c.Expires = true, time.Now().Add(i.lifetime)
	}
	return c, nil
}

// wallet is what a session has of an issuer, in a bubble of fake time.
type wallet struct {
	t     *testing.T
	start time.Time
	*issuer
	*aws.CredentialsCache
	log *bytes.Buffer
}

func newWallet(t *testing.T, lifetime time.Duration) *wallet {
	i, log := &issuer{lifetime: lifetime}, &bytes.Buffer{}
	cache := durable(aws.NewCredentialsCache(i, renewEarly), slog.New(slog.NewTextHandler(log, nil)))
	return &wallet{t: t, start: time.Now(), issuer: i, CredentialsCache: cache, log: log}
}

// at lets time go by up to so long after the start and wants a key then, "" for
// an error, and the issuer asked so many times since the start.
func (w *wallet) at(after time.Duration, key string, asked int) {
	w.t.Helper()
	time.Sleep(time.Until(w.start.Add(after)))
	got, err := w.CredentialsCache.Retrieve(w.t.Context())
	if got.AccessKeyID != key || (err != nil) != (key == "") {
		w.t.Errorf("after %v: %q, %v; want %q", after, got.AccessKeyID, err, key)
	}
	if w.asked != asked {
		w.t.Errorf("after %v: the issuer was asked %d times, want %d", after, w.asked, asked)
	}
}

func TestCredentialsAreRenewedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, time.Hour)
		w.at(0, "key-1", 1)
		w.at(55*time.Minute-1, "key-1", 1)
		w.at(55*time.Minute, "key-2", 2)
		w.at(110*time.Minute-1, "key-2", 2)
		w.at(110*time.Minute, "key-3", 3)
	})
}

func TestCredentialsAreUsedToTheirEndWhileRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, time.Hour)
		w.at(0, "key-1", 1)
		w.err = errRefused
		w.at(55*time.Minute-1, "key-1", 1)
		w.at(55*time.Minute, "key-1", 2)
		w.at(56*time.Minute-1, "key-1", 2) // not asked for each request
		w.at(56*time.Minute, "key-1", 3)
		w.at(59*time.Minute+30*time.Second, "key-1", 4)
		w.at(time.Hour-1, "key-1", 4)
		w.at(time.Hour, "", 5)
		w.at(time.Hour+time.Second, "", 6)
		w.err = nil
		w.at(time.Hour+2*time.Second, "key-2", 7)
		w.at(time.Hour+10*time.Minute, "key-2", 7)
	})
}

func TestRenewalThatFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, time.Hour)
		w.at(0, "key-1", 1)
		w.err = errRefused
		w.at(55*time.Minute, "key-1", 2)
		w.err = nil
		w.at(56*time.Minute-1, "key-1", 2)
		w.at(56*time.Minute, "key-2", 3)
		w.at(111*time.Minute-1, "key-2", 3) // its own end counts, not the old one's
		w.err = errRefused
		w.at(111*time.Minute, "key-2", 4)
		w.at(116*time.Minute-1, "key-2", 5)
		if lines := strings.Count(w.log.String(), "level=WARN"); lines != 2 {
			t.Errorf("%d warnings of two outages:\n%s", lines, w.log)
		}
		w.at(116*time.Minute, "", 6)
	})
}

func TestCredentialsShorterThanTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, 2*time.Minute)
		w.at(0, "key-1", 1)
		w.at(time.Second, "key-2", 2)
		w.err = errRefused
		w.at(90*time.Second, "key-2", 3)
		w.at(2*time.Minute+time.Second-1, "key-2", 3)
		w.at(2*time.Minute+time.Second, "", 4)
	})
}

func TestCredentialsWithoutAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, 0)
		w.at(0, "key-1", 1)
		w.at(1000*time.Hour, "key-1", 1)
	})
}

// TestAmbientCredentialsLastToo goes through a session that uses no role.
func TestAmbientCredentialsLastToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{lifetime: time.Hour}
		f := open(t, "http://simulator.invalid", func(o *Options) {
			o.Simulator.Credentials = aws.NewCredentialsCache(i, renewEarly)
		})
		w := newWallet(t, 0)
		w.issuer = i
		w.CredentialsCache, _ = f.Session(Role{}, region).Config(home).Credentials.(*aws.CredentialsCache)
		w.at(0, "key-1", 1)
		w.err = errRefused
		w.at(55*time.Minute, "key-1", 2)
		w.at(time.Hour-1, "key-1", 3)
		w.at(time.Hour, "", 4)
	})
}

func TestCredentialsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet(t, time.Hour)
		w.err = errRefused
		_, err := w.CredentialsCache.Retrieve(t.Context())
		var missing *awserr.CredentialsError
		if !errors.Is(err, errRefused) || !errors.As(err, &missing) {
			t.Errorf("the error is %v, want one that tells of missing credentials and why", err)
		}
	})
}
