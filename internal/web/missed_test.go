package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"golang.org/x/crypto/bcrypt"
)

// What the door of HEAD misses.

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
	h, _ := bcrypt.GenerateFromPassword([]byte("right"), 10)
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

func TestHashWithLineBreak(t *testing.T) {
	g := guard(t, "basic_auth_users:\n  prometheus: |\n    "+hashed(t, "right")+"\n", example())
	if none, ok := g.status("wrong"), g.status("right"); none != 401 || ok != 200 {
		t.Error(none, ok)
	}
}

func TestLargeHeaders(t *testing.T) {
	url := open(t, example())
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	req.Header.Set("X-Large", strings.Repeat("a", 2*maxHeaderBytes))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(resp.StatusCode)
	}
}
