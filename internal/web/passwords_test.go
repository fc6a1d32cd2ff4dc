package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
	"golang.org/x/crypto/bcrypt"
)

// login is a request of a client with the password of prometheus.
func login(ctx context.Context, address, password string) *http.Request {
	return loginOf(ctx, address, "prometheus", password)
}

func loginOf(ctx context.Context, address, user, password string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	r.RemoteAddr = address
	r.SetBasicAuth(user, password)
	return r
}

// prometheusWith lets prometheus in with a password, and always another user.
func prometheusWith(t *testing.T, password string) *policy {
	t.Helper()
	p := &policy{users: map[string]config.Secret{
		"prometheus": config.Secret(hashed(t, password)), "another": config.Secret(hashed(t, "right")),
	}}
	if err := p.choose(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFloodOfPasswords holds up the comparison, so that whoever waits stays.
func TestFloodOfPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, p := prometheusWith(t, "right"), newPasswords()
		if got := p.check(login(t.Context(), "192.0.2.1:1", "right"), asked); got != right {
			t.Fatalf("the first login: %d", got)
		}
		p.turn <- struct{}{}
		var waiting sync.WaitGroup
		wait := func(r *http.Request, want verdict) {
			waiting.Go(func() {
				if got := p.check(r, asked); got != want {
					t.Errorf("%s waits for %d, want %d", r.RemoteAddr, got, want)
				}
			})
			synctest.Wait()
		}
		full := func(address string) {
			t.Helper()
			if got := p.check(login(t.Context(), address, "wrong"), asked); got != tooMany {
				t.Errorf("%s: %d, want too many", address, got)
			}
		}
		for port := range maxComparisonsOfOne {
			wait(login(t.Context(), fmt.Sprintf("192.0.2.66:%d", port), "wrong"), wrong)
		}
		full("192.0.2.66:99")
		full("[::ffff:192.0.2.66]:99")
		if got := p.check(login(t.Context(), "192.0.2.66:99", "right"), asked); got != right {
			t.Errorf("one that was let in before, from wherever: %d", got)
		}
		wait(loginOf(t.Context(), "192.0.2.2:1", "another", "right"), right) // whom nobody has let in before
		for host := maxComparisonsOfOne + 1; host < maxComparisons; host++ {
			wait(login(t.Context(), fmt.Sprintf("[2001:db8:0:%x::1]:1", host), "wrong"), wrong)
		}
		full("192.0.2.3:1")
		<-p.turn
		waiting.Wait()
		if p.waiting.sum != 0 || len(p.waiting.taken) != 0 {
			t.Errorf("%d are left waiting: %v", p.waiting.sum, p.waiting.taken)
		}
	})
}

func TestClientThatGivesUpDoesNotWait(t *testing.T) {
	asked, p := prometheusWith(t, "right"), newPasswords()
	p.turn <- struct{}{}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := p.check(login(gone, "192.0.2.1:1", "right"), asked); got != tooMany || p.waiting.sum != 0 {
		t.Errorf("%d, and %d wait", got, p.waiting.sum)
	}
}

func TestRememberedPasswordIsOfItsHash(t *testing.T) {
	p := newPasswords()
	for _, tc := range []struct {
		set, sent string
		want      verdict
	}{
		{"one", "one", right},
		{"one", "two", wrong},
		{"two", "one", wrong},
		{"two", "two", right},
		{"two", "two", right},
		{"one", "two", wrong},
	} {
		if got := p.check(login(t.Context(), "192.0.2.1:1", tc.sent), prometheusWith(t, tc.set)); got != tc.want {
			t.Errorf("the password is %s, sent is %s: %d, want %d", tc.set, tc.sent, got, tc.want)
		}
	}
	for _, password := range []string{"one", "right"} { // one of them is the decoy's
		stranger := loginOf(t.Context(), "192.0.2.1:1", "stranger", password)
		if got := p.check(stranger, prometheusWith(t, "one")); got != wrong {
			t.Errorf("a user that does not exist: %d", got)
		}
	}
}

func TestClientOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8::1:2]:80": "2001:db8::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "invalid Prefix", "vm(2):80": "invalid Prefix",
	} {
		if got := clientOf(login(t.Context(), address, "")).String(); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}

func TestRemovedUserWithTheSameHash(t *testing.T) {
	p, hash := newPasswords(), config.Secret(hashed(t, "right"))
	both, one := &policy{users: map[string]config.Secret{"prometheus": hash, "another": hash}}, &policy{users: map[string]config.Secret{"another": hash}}
	for _, x := range []*policy{both, one} {
		if err := x.choose(); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.check(login(t.Context(), "192.0.2.1:1", "right"), both); got != right {
		t.Fatal(got)
	}
	if got := p.check(login(t.Context(), "192.0.2.1:1", "right"), one); got != wrong {
		t.Errorf("a removed user is let in: %d", got)
	}
}

func TestStrangerTakesAsLong(t *testing.T) {
	p := newPasswords()
	h, err := bcrypt.GenerateFromPassword([]byte("right"), 10)
	if err != nil {
		t.Fatal(err)
	}
	asked := &policy{users: map[string]config.Secret{"prometheus": config.Secret(h)}}
	if err := asked.choose(); err != nil {
		t.Fatal(err)
	}
	took := func(user string) time.Duration {
		b := time.Now()
		p.check(loginOf(t.Context(), "192.0.2.1:1", user, "wrong"), asked)
		return time.Since(b)
	}
	if known, stranger := took("prometheus"), took("stranger"); stranger < known/2 {
		t.Errorf("%s and %s", known, stranger)
	}
}
