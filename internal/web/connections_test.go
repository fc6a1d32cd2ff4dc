package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"testing"
)

// fakeConn is a connection from an address.
type fakeConn struct {
	net.Conn // nil
	remote   string
	closed   int
}

func (c *fakeConn) RemoteAddr() net.Addr { return fakeAddr(c.remote) }
func (c *fakeConn) Close() error         { c.closed++; return nil }

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (a fakeAddr) String() string { return string(a) }

// from returns n connections of a client, added to the limit if there is
// room.
func from(limit *connectionLimit, host string, n int) (dialled []*fakeConn, added []*connection) {
	for port := range n {
		c := &fakeConn{remote: net.JoinHostPort(host, strconv.Itoa(1+port))}
		dialled, added = append(dialled, c), append(added, limit.add(c))
	}
	return dialled, added
}

func TestConnectionsScaleWithOpenFiles(t *testing.T) {
	for files, want := range map[uint64]struct{ total, perClient int }{
		1 << 63: {512, 64}, 1024: {512, 64}, 256: {128, 16}, 64: {32, 4}, 0: {8, 1},
	} {
		if c := newConnectionLimit(files); c.max != want.total || c.maxPerClient != want.perClient {
			t.Errorf("%d files: %d connections, %d per client, want %v", files, c.max, c.maxPerClient, want)
		}
	}
	if n := maxOpenFiles(); n < 1 {
		t.Errorf("the process may open %d files", n)
	}
}

func TestConnectionsOfOneClient(t *testing.T) {
	limit := newConnectionLimit(64) // 32 connections, 4 per client
	other, _ := from(limit, "192.0.2.1", 1)
	dialled, added := from(limit, "192.0.2.66", 4)
	limit.begin(added[0]) // in use
	limit.begin(added[1])
	limit.end(added[1]) // used last
	next, _ := from(limit, "192.0.2.66", 2)
	for i, want := range []int{0, 0, 1, 1} {
		if dialled[i].closed != want {
			t.Errorf("connection %d was closed %d times, want %d", i, dialled[i].closed, want)
		}
	}
	for _, c := range limit.all() {
		if c.client == added[0].client && c.requests == 0 {
			limit.begin(c)
		}
	}
	if _, rejected := from(limit, "192.0.2.66", 1); rejected[0] != nil {
		t.Error("a fifth connection replaces one that is in use")
	}
	if next[0].closed+next[1].closed+other[0].closed > 0 {
		t.Error("a connection that is in use, or another client's, was closed")
	}
}

func TestConnectionsInTotal(t *testing.T) {
	limit := newConnectionLimit(64) // 32 connections, 4 per client
	quiet, _ := from(limit, "192.0.2.1", 1)
	var greedy []*fakeConn
	for _, host := range []string{"192.0.2.61", "192.0.2.62", "192.0.2.63", "192.0.2.64", "192.0.2.65", "192.0.2.66", "192.0.2.67"} {
		dialled, _ := from(limit, host, 4)
		greedy = append(greedy, dialled...)
	}
	greedier, _ := from(limit, "192.0.2.68", 3) // the last three of all 32
	newcomers := 0
	for _, host := range []string{"192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		_, added := from(limit, host, 1)
		if added[0] == nil {
			t.Fatalf("%s is rejected", host)
		}
		newcomers++
	}
	closed := 0
	for _, c := range greedy {
		closed += c.closed
	}
	if closed != newcomers || quiet[0].closed+greedier[0].closed > 0 || len(limit.all()) != 32 {
		t.Errorf("%d connections of the clients with most of them were closed, want %d; %d are open", closed, newcomers, len(limit.all()))
	}
	for _, c := range limit.all() {
		if c.requests == 0 {
			limit.begin(c)
		}
	}
	if _, added := from(limit, "192.0.2.5", 1); added[0] != nil {
		t.Error("a connection that is in use was replaced")
	}
	for _, c := range limit.all() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		_ = c.Close() // as net/http may
	}
	if len(limit.all()) > 0 || len(limit.clients) > 0 {
		t.Errorf("%d connections are left, of %d clients", len(limit.all()), len(limit.clients))
	}
}

// all returns the open connections.
func (c *connectionLimit) all() []*connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*connection
	for conn := range c.open {
		all = append(all, conn)
	}
	return all
}

func TestConnectionOfARequest(t *testing.T) {
	limit := newConnectionLimit(64)
	_, added := from(limit, "192.0.2.1", 1)
	for name, conn := range map[string]net.Conn{"HTTP": added[0], "HTTPS": tls.Server(added[0], &tls.Config{MinVersion: tls.VersionTLS13})} {
		r, err := http.NewRequestWithContext(withConnection(t.Context(), conn), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		limit.trackRequests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if added[0].requests != 1 {
				t.Errorf("%s: %d requests while one is served", name, added[0].requests)
			}
		})).ServeHTTP(nil, r)
		if added[0].requests != 0 {
			t.Errorf("%s: %d requests afterwards", name, added[0].requests)
		}
	}
}

// TestConnectionsOfAllListeners opens more connections than the server has room
// for, at two addresses.
func TestConnectionsOfAllListeners(t *testing.T) {
	s, err := Listen(t.Context(), options(t, "", 2, example()))
	if err != nil {
		t.Fatal(err)
	}
	first, ok := s.listeners[0].(limitedListener)
	second, limited := s.listeners[1].(limitedListener)
	if !ok || !limited || first.limit != second.limit {
		t.Fatal("the listeners do not share a limit")
	}
	limit := first.limit
	limit.max, limit.maxPerClient = 10, 4
	run(t, s)
	var conns []net.Conn
	for n := range 40 {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%5))}}
		conn, err := from.DialContext(t.Context(), "tcp", s.Addresses()[n%2].String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for _, address := range s.Addresses() {
		if got := statusFor(t, 99, "http://"+address.String()+"/metrics"); got != http.StatusOK {
			t.Errorf("%s: %d", address, got)
		}
	}
	if n := len(limit.all()); n > 10 {
		t.Errorf("%d connections are open", n)
	}
}

// TestCloseWhileAccepting ends Accept with the listener's error.
func TestCloseWhileAccepting(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := newConnectionLimit(64).listener(l)
	_ = l.Close()
	if conn, err := limited.Accept(); err == nil || conn != nil {
		t.Errorf("got %v, %v", conn, err)
	}
}
