package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

// rateLimited returns a factory with a fake client and one request per interval.
func rateLimited(t *testing.T, n *fakeClient) *Factory {
	f := open(t, "http://simulator.invalid", func(o *Options) { o.RequestsPerSecond = 0.125 })
	f.base.HTTPClient = n
	return f
}

const interval = 8 * time.Second // of rateLimited

func TestAttemptsAreRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), &fakeClient{status: func(n int) int { return []int{500, 429, 200}[n] }}
		client := sts.NewFromConfig(rateLimited(t, n).Session(Role{}, region).Config(home))
		if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		var sent []time.Duration
		for _, at := range n.sent {
			sent = append(sent, at.Sub(start).Round(time.Millisecond))
		}
		if diff := cmp.Diff([]time.Duration{0, interval, 2 * interval}, sent); diff != "" {
			t.Errorf("sent at, -want +got:\n%s", diff)
		}
	})
}

// TestRateLimitPerAccountAndRegion has two clients each of two targets call at once.
func TestRateLimitPerAccountAndRegion(t *testing.T) {
	for _, tc := range []struct {
		name           string
		account, where string // of the second target; the first is home's in region
		want           time.Duration
	}{
		{"the same", home, region, 3 * interval},
		{"another account", other, region, interval},
		{"another Region", home, "us-east-1", interval},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := rateLimited(t, &fakeClient{})
				f.base.APIOptions = slices.Grow(f.base.APIOptions, 4) // so that configurations could share it
				start := time.Now()
				first := sts.NewFromConfig(f.Session(Role{}, region).Config(home))
				second := sts.NewFromConfig(f.Session(Role{}, region).InRegion(tc.where).Config(tc.account))
				var wg sync.WaitGroup
				for _, client := range []*sts.Client{first, second, first, second} {
					wg.Go(func() {
						if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(start).Round(time.Millisecond); took != tc.want {
					t.Errorf("two calls of each took %v, want %v", took, tc.want)
				}
			})
		})
	}
}

// TestConfigsOfOneSession makes the config of a second account before that of the
// first is used.
func TestConfigsOfOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := rateLimited(t, &fakeClient{})
		f.base.APIOptions = slices.Grow(f.base.APIOptions, 4)
		s := f.Session(Role{}, region)
		first, second := s.Config(home), s.Config(other)
		start := time.Now()
		for _, client := range []*sts.Client{sts.NewFromConfig(first), sts.NewFromConfig(second)} {
			if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("one account waited %v for the other", took)
		}
	})
}

// TestRateLimitOfECS: requests to ECS have a lower rate, which all clients of an
// account and Region share, and do not delay other requests.
func TestRateLimitOfECS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := rateLimited(t, &fakeClient{}).Session(Role{}, region), time.Now()
		took := func(configs ...aws.Config) time.Duration {
			for _, cfg := range configs {
				if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start).Round(time.Millisecond)
		}
		if got := took(s.ConfigForECS(home), s.Config(home), s.ConfigForECS(other)); got != 0 {
			t.Errorf("one request of each took %v", got)
		}
		if got, want := took(s.ConfigForECS(home), s.ConfigForECS(home)), 2*interval*5/2; got != want {
			t.Errorf("three requests to ECS took %v, want %v", got, want)
		}
	})
}

// TestRateLimitFollowsTheAccount makes a client before the account of its
// credentials is known.
func TestRateLimitFollowsTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rateLimited(t, &fakeClient{}).Session(Role{}, region)
		unknown := sts.NewFromConfig(s.Config(""))
		id := home
		s.identity.accountID.Store(&id)
		start := time.Now()
		for _, client := range []*sts.Client{sts.NewFromConfig(s.Config(home)), unknown} {
			if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start).Round(time.Millisecond); took != interval {
			t.Errorf("one call of each took %v, want %v", took, interval)
		}
	})
}

func TestRateLimitExceedsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeClient{}
		client := sts.NewFromConfig(rateLimited(t, n).Session(Role{}, region).Config(home))
		if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), interval/2)
		defer cancel()
		_, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "request rate") {
			t.Errorf("error %v, want a deadline that names the request rate", err)
		}
		if len(n.sent) != 1 || time.Since(start) != 0 {
			t.Errorf("%d requests, failed after %v; want 1 and at once", len(n.sent), time.Since(start))
		}
	})
}

func TestBrokenResponsesAreRetried(t *testing.T) {
	good := func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `{"Regions": [{"RegionName": "eu-west-1"}]}`) }
	for _, tc := range []struct {
		name   string
		handle func(http.ResponseWriter)
		want   int // requests
	}{
		{"good", good, 1},
		{"truncated JSON", func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `{"Regions": [{"RegionName": "eu-`) }, 2},
		{"connection closed", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = fmt.Fprint(w, `{"Regions": [`)
		}, 2},
		{"HTML", func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `<html>Please log in</html>`) }, 2},
		{"429 without a code", func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, 2},
		{"429 with HTML", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = fmt.Fprint(w, `<html>Slow down</html>`)
		}, 2},
		{"500", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, 2},
		{"403", func(w http.ResponseWriter) {
			w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"message": "no"}`)
		}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, requests := serve(t, func(n int, w http.ResponseWriter) {
				if n > 0 {
					good(w)
					return
				}
				tc.handle(w)
			})
			client := accountClient(open(t, url, nil).Session(Role{}, region).Config(home))
			out, err := client.ListRegions(t.Context(), &account.ListRegionsInput{})
			if requests() != tc.want {
				t.Errorf("%d requests, want %d; the error is %v", requests(), tc.want, err)
			}
			if tc.name != "403" && (err != nil || len(out.Regions) != 1) {
				t.Errorf("%v, %v; want the good response at last", out, err)
			}
		})
	}
}

func TestTooLargeResponse(t *testing.T) {
	const frame = `{"Regions":[],"X":""}`
	for status, size := range map[int]int{http.StatusOK: 24<<20 + 1, http.StatusBadRequest: 48 << 20} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			url, requests := serve(t, func(_ int, w http.ResponseWriter) {
				w.WriteHeader(status)
				_, _ = fmt.Fprint(w, strings.TrimSuffix(frame, `"}`))
				_, _ = w.Write(bytes.Repeat([]byte("x"), size-len(frame)))
				_, _ = fmt.Fprint(w, `"}`)
			})
			client := accountClient(open(t, url, nil).Session(Role{}, region).Config(home))
			if _, err := client.ListRegions(t.Context(), &account.ListRegionsInput{}); !errors.Is(err, errBodyTooLarge) {
				t.Errorf("error %v", err)
			}
			if requests() != 1 {
				t.Errorf("%d requests, want 1", requests())
			}
		})
	}
}

func TestLimitedBody(t *testing.T) {
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
		"half": iotest.HalfReader, "data with its end": iotest.DataErrReader,
	}
	for name, reader := range readers {
		for _, size := range []int{0, 1, 9, 10, 11, 100} {
			body := &limitedBody{ReadCloser: io.NopCloser(reader(strings.NewReader(strings.Repeat("x", size)))), left: 10}
			got, err := io.ReadAll(body)
			if len(got) != min(size, 10) || (size > 10) != errors.Is(err, errBodyTooLarge) || size <= 10 && err != nil {
				t.Errorf("%s: %d bytes: read %d, %v", name, size, len(got), err)
			}
			if size > 10 {
				if rest, err := io.ReadAll(body); len(rest) > 0 || !errors.Is(err, errBodyTooLarge) {
					t.Errorf("%s: %d bytes: the rest can be read", name, size)
				}
			}
		}
	}
}

// TestLongPolling checks the clients' timeouts, without waiting for them.
func TestLongPolling(t *testing.T) {
	setEnvironment(t, nil)
	for name, change := range map[string]func(*Options){"simulator": nil, "environment": func(o *Options) { o.Simulator = nil }} {
		s := open(t, "http://simulator.invalid", change).Session(Role{}, region)
		for what, tc := range map[string]struct {
			client aws.HTTPClient
			want   time.Duration
		}{"LongPolling": {s.LongPolling().HTTPClient, 40 * time.Second}, "Config": {s.Config(home).HTTPClient, 20 * time.Second}} {
			if made, ok := tc.client.(httpClient); !ok || made.Timeout != tc.want {
				t.Errorf("%s: client of %s: %+v", name, what, tc.client)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), &fakeClient{}
		f := rateLimited(t, n)
		f.longPoll = n
		client := sts.NewFromConfig(f.Session(Role{}, region).LongPolling())
		for range 3 {
			if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took >= interval {
			t.Errorf("three calls took %v, want no rate limit", took)
		}
	})
}

// TestECSRate: the rate for ECS is a share of the configured one, but never more
// than what leaves an account's deployments enough.
func TestECSRate(t *testing.T) {
	for _, tc := range []struct {
		o    Options
		want float64
	}{
		{Options{RequestsPerSecond: 0.5}, 0.2},
		{Options{RequestsPerSecond: 5}, 2},
		{Options{RequestsPerSecond: 50}, 2},
		{Options{RequestsPerSecond: 50, Simulator: &Simulator{}}, 20},
	} {
		if got := tc.o.ecsRate(); got != tc.want {
			t.Errorf("%v requests per second, simulator %v: %v, want %v", tc.o.RequestsPerSecond, tc.o.Simulator != nil, got, tc.want)
		}
	}
}
