package web

import (
	"net/http"
	"net/netip"
	"sync"
)

const (
	// maxScrapes is the number of scrapes in flight; more get status 503.
	maxScrapes = 20
	// maxClientScrapes is the number of scrapes in flight of one client. A
	// client that reads slowly holds its scrapes for up to writeTimeout, so it
	// takes five clients to use up maxScrapes.
	maxClientScrapes = 4
)

// LimitRequests returns a handler that serves at most 20 requests at a time, and
// at most 4 of one client. Other requests get status 503. Each such handler has
// limits of its own, so that readers of one path do not keep others from another.
func LimitRequests(next http.Handler) http.Handler {
	limit := &inFlight{clients: map[netip.Prefix]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := clientOf(r.RemoteAddr)
		if !limit.acquire(client) {
			respond(w, http.StatusServiceUnavailable, "Too many requests in flight.")
			return
		}
		defer limit.release(client)
		next.ServeHTTP(w, r)
	})
}

// inFlight counts requests in total and per client. It is safe for concurrent
// use.
type inFlight struct {
	mu      sync.Mutex
	total   int
	clients map[netip.Prefix]int
}

func (f *inFlight) acquire(client netip.Prefix) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.total >= maxScrapes || f.clients[client] >= maxClientScrapes {
		return false
	}
	f.total++
	f.clients[client]++
	return true
}

func (f *inFlight) release(client netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total--
	if f.clients[client]--; f.clients[client] == 0 {
		delete(f.clients, client)
	}
}

// clientOf returns what identifies the client with a remote address: its IPv4
// address, or its /64 network for IPv6. All clients without an IP address are
// the zero Prefix.
func clientOf(remote string) netip.Prefix {
	const network = 64 // bits, what one IPv6 subscriber is assigned
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address := from.Addr().Unmap().WithZone("")
	client, err := address.Prefix(min(network, address.BitLen()))
	if err != nil {
		return netip.Prefix{}
	}
	return client
}
