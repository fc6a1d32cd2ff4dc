package faulttest

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const network = "Network"

// networkRows are about the way to one Region's endpoint, and so about every
// account in that Region.
func networkRows() []row {
	proxied := func(name string, state coverage.State, fault func(*rig, *toxiproxy.Proxy) (end func())) row {
		var proxy *toxiproxy.Proxy
		return fails(network, name, state, func(r *rig) func() { return fault(r, proxy) }).
			with(func(r *row) { r.arrange = func(r *rig) { proxy = r.proxy() } })
	}
	all := []row{
		proxied("refused", coverage.Failed, func(r *rig, p *toxiproxy.Proxy) func() {
			p.Stop()
			return func() { r.check(p.Start()) }
		}).stands(),
		proxied("reset", coverage.Failed, toxic(`{"type": "reset_peer"}`)),
		proxied("latency beyond the deadline", coverage.Timeout, toxic(`{"type": "latency", "attributes": {"latency": 10000}}`)),
		dripping(),
		brokenName(),
		expiredCertificate(),
		halfOpen("connections half open after an idle hour, all given up with the first refresh that meets one", false),
		halfOpen("the same, HTTP 2 offered", true),
	}
	for i := range all {
		all[i].concerned = []target{near(), far()}
	}
	return all
}

// check fails the row on an error.
func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// proxy puts a proxy on the way to the faulty Region.
func (r *rig) proxy() *toxiproxy.Proxy {
	upstream := strings.TrimPrefix(r.server.URL, "http://")
	logger := zerolog.Nop()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), logger), r.Name(), "127.0.0.1:0", upstream)
	r.check(p.Start())
	r.closers = append(r.closers, p.Stop)
	r.reach("http://" + p.Listen)
	return p
}

// reach makes an endpoint that of the faulty Region.
func (r *rig) reach(endpoint string) {
	r.options.Simulator.Regions = map[string]string{faulty: endpoint}
}

// toxic is what a proxy does to what it passes on.
func toxic(json string) func(*rig, *toxiproxy.Proxy) func() {
	return func(r *rig, p *toxiproxy.Proxy) func() {
		_, err := p.Toxics.AddToxicJson(strings.NewReader(json))
		r.check(err)
		return func() {
			p.Stop() // and with it the connections that something still sticks in
			p.Toxics.ResetToxics(r.Context())
			r.check(p.Start())
		}
	}
}

// brokenName is a name server that fails, and connections that do not last.
func brokenName() row {
	const name = "guardduty.reliability.test"
	return fails(network, "DNS failure", coverage.Failed, func(r *rig) func() {
		setHost(name, true)
		r.server.CloseClientConnections()
		return func() { setHost(name, false) }
	}).with(func(row *row) {
		row.arrange = func(r *rig) {
			setHost(name, false)
			at, err := url.Parse(r.server.URL)
			r.check(err)
			r.reach("http://" + net.JoinHostPort(name, at.Port()))
		}
	})
}

// expiredCertificate is an endpoint that shows an old certificate to whoever
// connects.
func expiredCertificate() row {
	var mu sync.Mutex
	shown := certificates().valid
	show := func(server *httptest.Server, c *tls.Certificate) {
		mu.Lock()
		defer mu.Unlock()
		shown = c
		server.CloseClientConnections()
	}
	var server *httptest.Server
	return fails(network, "expired TLS certificate", coverage.Failed, func(*rig) func() {
		show(server, certificates().expired)
		return func() { show(server, certificates().valid) }
	}).stands().with(func(row *row) {
		row.arrange = func(r *rig) {
			shown = certificates().valid
			server = r.serveTLS(false, &wire{}, func() *tls.Certificate {
				mu.Lock()
				defer mu.Unlock()
				return shown
			})
		}
	})
}

// serveTLS opens the simulator's endpoint to TLS, over a wire, for the faulty
// Region.
func (r *rig) serveTLS(http2 bool, w *wire, shown func() *tls.Certificate) *httptest.Server {
	server := httptest.NewUnstartedServer(r.endpoint)
	server.EnableHTTP2 = http2
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := server.TLS.Clone()
		c.Certificates = []tls.Certificate{*shown()}
		return c, nil
	}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.Listener, server.Listener = server.Listener, w
	w.set(whole, whole)
	server.StartTLS()
	r.closers = append(r.closers, server.Close, server.CloseClientConnections)
	r.reach(server.URL)
	return server
}

func validCertificate() *tls.Certificate { return certificates().valid }

// dripping is a wire that carries a few bytes a second.
func dripping() row {
	w := &wire{}
	return fails(network, "a few bytes a second", coverage.Timeout, func(*rig) func() {
		w.set(slowed, slowed)
		return func() { w.set(whole, whole) }
	}).with(func(row *row) {
		row.arrange = func(r *rig) { r.serveTLS(false, w, validCertificate) }
	})
}

// halfOpen is a connection whose far end has gone without a word. Nothing ends
// the fault: whoever keeps the connection waits for ever.
func halfOpen(name string, http2 bool) row {
	w := &wire{}
	return fails(network, name, coverage.OK, func(*rig) func() {
		w.set(dead, whole)
		return func() {}
	}).with(func(row *row) {
		row.stumbles = 1
		row.arrange = func(r *rig) { r.serveTLS(http2, w, validCertificate) }
		row.also = func(r *rig) {
			timedOut := func(a attempt) bool { return a.state == coverage.Timeout }
			if !slices.ContainsFunc(r.concerned(), func(t target) bool {
				return slices.ContainsFunc(r.journal.of(t, time.Time{}, time.Now()), timedOut)
			}) {
				r.Error("no refresh has met the dead connection")
			}
		}
	})
}

// The conditions of a connection.
const (
	whole  int32 = iota
	slowed       // a byte goes out every 200 ms
	dead         // everything is taken and nothing is answered
)

// wire is a listener whose connections can be made to fail.
type wire struct {
	net.Listener
	mu    sync.Mutex
	conns []*conn
	fresh int32 // the condition of those that are accepted
}

// Accept implements net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	accepted, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, closed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.condition.Store(w.fresh)
	w.conns = append(w.conns, c)
	return c, nil
}

// set puts the connections there are into one condition, and those to come into
// another.
func (w *wire) set(now, fresh int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fresh = fresh
	for _, c := range w.conns {
		c.condition.Store(now)
	}
}

// conn is a connection of a wire.
type conn struct {
	net.Conn
	condition atomic.Int32
	once      sync.Once
	closed    chan struct{}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.condition.Load() == dead {
		n, err = c.Conn.Read(p)
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (written int, err error) {
	for c.condition.Load() == slowed && written < len(p) && err == nil {
		var n int
		n, err = c.Conn.Write(p[written : written+1])
		written += n
		select {
		case <-time.After(200 * time.Millisecond):
		case <-c.closed:
		}
	}
	if c.condition.Load() == dead {
		return len(p), err
	}
	if err != nil || written == len(p) {
		return written, err
	}
	n, err := c.Conn.Write(p[written:])
	return written + n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
