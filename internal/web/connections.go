package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// maxConnections limits the connections of all listeners together.
const maxConnections = 512

// connectionLimit limits how many connections are open, in total and per client.
//
// A new connection never waits. If its client has too many, it replaces the
// client's own connection that has been without a request for the longest time.
// If there are too many in total, it replaces one of the client that has the most.
// A connection that is serving a request is never replaced; if all are, the new
// connection is closed. The methods are safe for concurrent use.
type connectionLimit struct {
	max, maxPerClient int

	mu      sync.Mutex
	open    map[*connection]struct{}
	clients map[netip.Prefix]int // number of open connections
	clock   uint64               // increases with each use of a connection
}

// connection is an open connection. The fields are guarded by limit.mu.
type connection struct {
	net.Conn
	limit    *connectionLimit
	client   netip.Prefix
	requests int    // that are being served
	used     uint64 // clock at which it was accepted or last served a request
}

// newConnectionLimit returns a limit for a process that may open maxFiles files.
// Half of the files are reserved for other uses. No client gets more than an
// eighth of the connections.
func newConnectionLimit(maxFiles uint64) *connectionLimit {
	limit := int(max(8, min(maxConnections, maxFiles/2)))
	return &connectionLimit{
		max: limit, maxPerClient: limit / 8,
		open: map[*connection]struct{}{}, clients: map[netip.Prefix]int{},
	}
}

// listener returns l with the limit. Several listeners can share one limit.
func (c *connectionLimit) listener(l net.Listener) net.Listener { return limitedListener{l, c} }

type limitedListener struct {
	net.Listener
	limit *connectionLimit
}

// Accept implements net.Listener.
func (l limitedListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn := l.limit.add(accepted); conn != nil {
			return conn, nil
		}
		_ = accepted.Close()
	}
}

// add returns nil for a connection that is over the limit.
func (c *connectionLimit) add(accepted net.Conn) *connection {
	conn := &connection{Conn: accepted, limit: c, client: clientOf(accepted.RemoteAddr().String())}
	c.mu.Lock()
	defer c.mu.Unlock()
	var replaced *connection
	switch {
	case c.clients[conn.client] >= c.maxPerClient:
		replaced = c.idle(func(other *connection) bool { return other.client == conn.client })
	case len(c.open) >= c.max:
		replaced = c.idle(func(*connection) bool { return true })
	default:
		c.insert(conn)
		return conn
	}
	if replaced == nil {
		return nil
	}
	c.remove(replaced)
	_ = replaced.Conn.Close()
	c.insert(conn)
	return conn
}

// idle returns the connection to replace among those that match: one of the
// client with the most connections, the longest unused one, nil if all serve
// a request.
func (c *connectionLimit) idle(match func(*connection) bool) *connection {
	var found *connection
	for conn := range c.open {
		if conn.requests > 0 || !match(conn) {
			continue
		}
		if found == nil || c.clients[conn.client] > c.clients[found.client] ||
			c.clients[conn.client] == c.clients[found.client] && conn.used < found.used {
			found = conn
		}
	}
	return found
}

func (c *connectionLimit) insert(conn *connection) {
	c.open[conn] = struct{}{}
	c.clients[conn.client]++
	c.use(conn)
}

func (c *connectionLimit) remove(conn *connection) {
	if _, open := c.open[conn]; !open {
		return
	}
	delete(c.open, conn)
	if c.clients[conn.client]--; c.clients[conn.client] == 0 {
		delete(c.clients, conn.client)
	}
}

func (c *connectionLimit) use(conn *connection) {
	c.clock++
	conn.used = c.clock
}

// Close implements net.Conn.
func (conn *connection) Close() error {
	conn.limit.mu.Lock()
	conn.limit.remove(conn)
	conn.limit.mu.Unlock()
	return conn.Conn.Close()
}

type connectionKey struct{}

// withConnection is http.Server's ConnContext. It lets trackRequests find the
// connection of a request.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// trackRequests returns a handler that marks the connection of a request as in use
// while next serves it.
func (c *connectionLimit) trackRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			c.begin(conn)
			defer c.end(conn)
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connectionLimit) begin(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.requests++
}

func (c *connectionLimit) end(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.requests--
	c.use(conn)
}
