package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

func TestScrapesInFlightAreBounded(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	routes := example()
	routes.Metrics = LimitRequests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	url := serveOpen(t, routes) + "/metrics"

	var scrapes sync.WaitGroup
	for n := range maxScrapes {
		client := byte(1 + n/maxClientScrapes)
		scrapes.Go(func() {
			if status := statusFor(t, client, url); status != http.StatusOK {
				t.Errorf("a scrape within the limits: %d", status)
			}
		})
		<-entered
		if n == maxClientScrapes-1 {
			if status := statusFor(t, client, url); status != http.StatusServiceUnavailable {
				t.Errorf("a scrape over the limit of one client: %d", status)
			}
		}
	}
	if status := statusFor(t, 99, url); status != http.StatusServiceUnavailable {
		t.Errorf("a scrape over the limit: %d", status)
	}
	close(leave)
	scrapes.Wait()
	go func() { <-entered }()
	if status := statusFor(t, 99, url); status != http.StatusOK {
		t.Errorf("a scrape after the others ended: %d", status)
	}
}

// statusFor sends a request from 127.0.0.client.
func statusFor(t *testing.T, client byte, url string) int {
	t.Helper()
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, client)}}
	transport := &http.Transport{DialContext: from.DialContext}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestInFlightForgetsClients checks that the memory is bounded.
func TestInFlightForgetsClients(t *testing.T) {
	limit, client := &inFlight{clients: map[netip.Prefix]int{}}, clientOf("192.0.2.1:1")
	for range 2 {
		if !limit.acquire(client) {
			t.Fatal("rejected")
		}
	}
	limit.release(client)
	if limit.total != 1 || limit.clients[client] != 1 {
		t.Errorf("%d in flight, %v", limit.total, limit.clients)
	}
	limit.release(client)
	if limit.total != 0 || len(limit.clients) != 0 {
		t.Errorf("%d in flight, %v", limit.total, limit.clients)
	}
}

func TestClientOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32",
		"[2001:db8::1:2]:80": "2001:db8::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "invalid Prefix", "vm(2):80": "invalid Prefix",
	} {
		if got := clientOf(address).String(); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}
