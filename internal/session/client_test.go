package session

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestDeadConnectionsAreGivenUpTogether has three idle connections that no
// longer answer. The one request that meets one of them is the last to do so.
func TestDeadConnectionsAreGivenUpTogether(t *testing.T) {
	const idle = 3
	var (
		mu   sync.Mutex
		dead = map[string]bool{} // by the client's address
		open sync.WaitGroup      // so many at the same time that each has a connection of its own
	)
	open.Add(idle)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		known, first := dead[r.RemoteAddr], len(dead) < idle
		if first {
			dead[r.RemoteAddr] = true
		}
		mu.Unlock()
		switch {
		case first:
			open.Done()
			open.Wait()
		case known:
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	client, _ := newClients(&http.Transport{MaxIdleConnsPerHost: idle})
	ask := func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}

	var asking sync.WaitGroup
	for range idle {
		asking.Go(func() {
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := ask(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first request: %v, want a dead connection", err)
	}
	long, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := ask(long); err != nil {
		t.Errorf("the second request: %v", err)
	}
}

func TestRedirectionsAreNotFollowed(t *testing.T) {
	elsewhere, requests := serve(t, func(int, http.ResponseWriter) {})
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if id, err := open(t, url, nil).Session(Role{}, region).AccountID(t.Context()); err == nil {
		t.Errorf("the account is %q", id)
	}
	if requests() != 0 {
		t.Error("what was signed for one host has gone to another")
	}
}
