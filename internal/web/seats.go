package web

import (
	"net/http"
	"net/netip"
	"sync"
)

// seats bound how much of one kind is done at a time, for all clients and for
// each, so that one client does not keep the others out. They are safe for
// concurrent use.
type seats struct {
	all, each int

	mu    sync.Mutex
	taken map[netip.Prefix]int // by client
	sum   int
}

func newSeats(all, each int) *seats {
	return &seats{all: all, each: each, taken: map[netip.Prefix]int{}}
}

// take takes a seat for a request and returns what gives it back. It does not
// wait for one.
func (s *seats) take(r *http.Request) (leave func(), ok bool) {
	client := clientOf(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sum >= s.all || s.taken[client] >= s.each {
		return nil, false
	}
	s.sum++
	s.taken[client]++
	return func() { s.leave(client) }, true
}

func (s *seats) leave(client netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum--
	if s.taken[client]--; s.taken[client] == 0 {
		delete(s.taken, client)
	}
}

// before has a handler answer those alone who have a seat.
func (s *seats) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := s.take(r)
		if !ok {
			answer(w, http.StatusServiceUnavailable, "Too many scrapes at a time.")
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// clientOf tells clients apart: by address, or by network where one client has
// a whole one. Those without an address are one client.
func clientOf(r *http.Request) netip.Prefix {
	const network = 64 // bits, of IPv6: what a single subscriber is given
	from, err := netip.ParseAddrPort(r.RemoteAddr)
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
