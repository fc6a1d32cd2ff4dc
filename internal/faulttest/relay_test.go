package faulttest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// behavior is what a relay does with the data of a connection.
type behavior int32

const (
	forwarding behavior = iota
	resetting           // resets the connection
	delaying            // delays each response by 10 s
	slow                // sends a byte of the response every 200 ms
	discarding          // accepts all data and sends nothing
)

// relay is a TCP relay whose connections can fail.
type relay struct {
	upstream string
	address  string // where it listens; with port 0 until the first call of listen

	mu       sync.Mutex
	listener net.Listener
	conns    map[*relayConn]bool
	behavior behavior // of new connections
}

// listen starts the relay, after close at the same address.
func (r *relay) listen() error {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listener, r.address, r.conns = l, l.Addr().String(), map[*relayConn]bool{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return nil
}

// close closes all connections. New ones are refused.
func (r *relay) close() {
	r.mu.Lock()
	_ = r.listener.Close()
	r.mu.Unlock()
	r.closeConns()
}

func (r *relay) closeConns() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.close()
	}
}

// set sets the behavior of existing and of new connections.
func (r *relay) set(existing, fresh behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behavior = fresh
	for c := range r.conns {
		c.set(existing)
	}
}

// serve relays one connection.
func (r *relay) serve(client net.Conn) {
	server, err := net.Dial("tcp", r.upstream)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &relayConn{client: client, server: server, closed: make(chan struct{})}
	r.mu.Lock()
	r.conns[c] = true
	c.set(r.behavior)
	r.mu.Unlock()
	go func() {
		defer c.close()
		_, _ = io.Copy(relayWriter{c, server}, client)
	}()
	_, _ = io.Copy(relayWriter{c, client}, server)
	c.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

type relayConn struct {
	client, server net.Conn
	behavior       atomic.Int32
	once           sync.Once
	closed         chan struct{}
}

func (c *relayConn) set(b behavior) {
	c.behavior.Store(int32(b))
	if b == resetting {
		if tcp, ok := c.client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.close()
	}
}

func (c *relayConn) close() {
	c.once.Do(func() {
		close(c.closed)
		_, _ = c.client.Close(), c.server.Close()
	})
}

// relayWriter writes to one end of a connection.
type relayWriter struct {
	*relayConn
	to net.Conn
}

func (w relayWriter) Write(p []byte) (written int, err error) {
	behavior := behavior(w.behavior.Load())
	switch toClient := w.to == w.client; {
	case behavior == discarding:
		return len(p), nil
	case behavior == delaying && toClient:
		w.wait(10 * time.Second)
	case behavior == slow && toClient:
		for ; written < len(p) && err == nil; written++ {
			_, err = w.to.Write(p[written : written+1])
			w.wait(200 * time.Millisecond)
		}
		return written, err
	}
	return w.to.Write(p)
}

// wait waits until the connection is closed.
func (c *relayConn) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.closed:
	}
}
