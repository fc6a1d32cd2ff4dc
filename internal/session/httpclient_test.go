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

// TestDeadConnectionsAreClosed has three idle connections without responses. The
// first request that uses one of them closes all.
func TestDeadConnectionsAreClosed(t *testing.T) {
	const idle = 3
	var (
		mu   sync.Mutex
		dead = map[string]bool{} // by client address
		open sync.WaitGroup      // until each has its own connection
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
	get := func(ctx context.Context) error {
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

	var requests sync.WaitGroup
	for range idle {
		requests.Go(func() {
			if err := get(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	requests.Wait()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := get(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("first request: %v, want a dead connection", err)
	}
	long, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := get(long); err != nil {
		t.Errorf("second request: %v", err)
	}
}

// TestRedirectsAreNotFollowed uses a GET, which Go's client would follow.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, requests := serve(t, func(int, http.ResponseWriter) {})
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		url, _ := serve(t, func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(status)
		})
		standard, longPoll := newClients(&http.Transport{DisableKeepAlives: true})
		for _, client := range []httpClient{standard, longPoll} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil || resp.StatusCode != status {
				t.Errorf("status %d, %v, want %d", resp.StatusCode, err, status)
			}
		}
	}
	if n := requests(); n != 0 {
		t.Errorf("%d redirects followed", n)
	}
}

func TestLargestResponse(t *testing.T) {
	const size = 24 << 20
	url, _ := serve(t, func(_ int, w http.ResponseWriter) { _, _ = w.Write(make([]byte, size)) })
	client, _ := newClients(&http.Transport{DisableKeepAlives: true})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || n != size {
		t.Errorf("%d bytes, %v, want %d", n, err, size)
	}
}
