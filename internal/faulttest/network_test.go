package faulttest

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const network = "Network"

// networkCases affect the connections to the endpoint of one Region, and thus
// all accounts in that Region.
func networkCases() []testCase {
	affected := []target{subject(), other()}
	return []testCase{
		{
			group: network, name: "connection refused", state: coverage.Unreachable, affected: affected, short: true,
			setup: relayHTTP,
			begin: func(h *harness) func() {
				h.relay.close()
				return func() { h.check(h.relay.listen()) }
			},
		},
		{group: network, name: "connection reset", state: coverage.Unreachable, affected: affected, setup: relayHTTP, begin: relayFault(resetting)},
		{group: network, name: "latency beyond the deadline", state: coverage.Timeout, affected: affected, setup: relayHTTP, begin: relayFault(delaying)},
		{group: network, name: "a few bytes per second", state: coverage.Timeout, affected: affected, setup: relayTLS(false), begin: relayFault(slow)},
		{
			group: network, name: "a proxy that is down", state: coverage.Unreachable, affected: affected, setup: proxy,
			begin: func(h *harness) func() {
				h.relay.close()
				return func() { h.check(h.relay.listen()) }
			},
		},
		dnsCase(affected),
		certificateCase("an expired TLS certificate", certificates().expired, affected),
		certificateCase("a TLS certificate of an unknown authority", certificates().untrusted, affected),
		{
			group: network, name: "half-open connections after an idle hour, all closed by the first refresh that uses one", state: coverage.OK,
			affected: affected, failures: 1, setup: relayTLS(false), begin: halfOpenConnections, during: wantTimeout,
		},
		{
			group: network, name: "the same with HTTP/2", state: coverage.OK,
			affected: affected, failures: 1, setup: relayTLS(true), begin: halfOpenConnections, during: wantTimeout,
		},
	}
}

// setEndpoint sets the endpoint of the Region with the fault.
func (h *harness) setEndpoint(url string) {
	h.options.Simulator.Regions = map[string]string{faultRegion: url}
}

// relayIP is an address that only relays listen on, so that a closed relay can
// listen on the same port again.
const relayIP = "127.0.0.2"

// relayTo puts a relay before an address of the simulator.
func (h *harness) relayTo(scheme, upstream string) {
	h.relay = &relay{upstream: upstream, address: relayIP + ":0"}
	h.check(h.relay.listen())
	h.closers = append(h.closers, h.relay.close)
	h.setEndpoint(scheme + "://" + h.relay.address)
}

func relayHTTP(h *harness) { h.relayTo("http", strings.TrimPrefix(h.server.URL, "http://")) }

func relayTLS(http2 bool) func(*harness) {
	return func(h *harness) {
		server := h.serveTLS(http2, func() *tls.Certificate { return certificates().valid })
		h.relayTo("https", strings.TrimPrefix(server.URL, "https://"))
	}
}

// relayFault sets the behavior of all connections.
func relayFault(b behavior) func(*harness) func() {
	return func(h *harness) func() {
		h.relay.set(b, b)
		return func() {
			h.relay.set(forwarding, forwarding)
			h.relay.closeConns() // data may be held back in them
		}
	}
}

// halfOpenConnections makes the existing connections half-open. The fault does
// not end: a client that keeps such a connection waits forever.
func halfOpenConnections(h *harness) func() {
	h.relay.set(discarding, forwarding)
	return func() {}
}

// wantTimeout checks that a refresh used a half-open connection.
func wantTimeout(h *harness) {
	timedOut := func(f refreshResult) bool { return f.state == coverage.Timeout }
	if !slices.ContainsFunc(h.affected(), func(t target) bool {
		return slices.ContainsFunc(h.log.refreshesOf(t, time.Time{}, time.Now()), timedOut)
	}) {
		h.Error("no refresh used a half-open connection")
	}
}

// serveTLS serves the simulator with TLS.
func (h *harness) serveTLS(http2 bool, certificate func() *tls.Certificate) *httptest.Server {
	server := httptest.NewUnstartedServer(h.endpoint)
	server.EnableHTTP2 = http2
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := server.TLS.Clone()
		c.Certificates = []tls.Certificate{*certificate()}
		return c, nil
	}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	h.closers = append(h.closers, server.Close, server.CloseClientConnections)
	return server
}

const (
	// proxyAddress is that of the proxy of the environment. Only one test case
	// listens on it.
	proxyAddress = "127.0.0.3:18080"
	// unproxiedHost is a host name that is not sent to the proxy.
	unproxiedHost = "guardduty.faulttest.test"
)

// proxy puts a proxy before the endpoint. The simulator understands the requests
// that a client sends to a proxy, so a relay is sufficient.
func proxy(h *harness) {
	h.relay = &relay{upstream: strings.TrimPrefix(h.server.URL, "http://"), address: proxyAddress}
	h.check(h.relay.listen())
	h.closers = append(h.closers, h.relay.close)
	h.setEndpoint("http://proxied.faulttest.test")
}

// dnsCase makes the endpoint's name fail to resolve.
func dnsCase(affected []target) testCase {
	return testCase{
		group: network, name: "DNS failure", state: coverage.Unreachable, affected: affected,
		setup: func(h *harness) {
			setHost(unproxiedHost, true)
			endpoint, err := url.Parse(h.server.URL)
			h.check(err)
			h.setEndpoint("http://" + net.JoinHostPort(unproxiedHost, endpoint.Port()))
		},
		begin: func(h *harness) func() {
			setHost(unproxiedHost, false)
			h.server.CloseClientConnections()
			return func() { setHost(unproxiedHost, true) }
		},
	}
}

// certificateCase replaces the endpoint's certificate.
func certificateCase(name string, replacement *tls.Certificate, affected []target) testCase {
	var replaced atomic.Bool
	var server *httptest.Server
	return testCase{
		group: network, name: name, state: coverage.Unreachable, affected: affected, short: true,
		setup: func(h *harness) {
			replaced.Store(false)
			server = h.serveTLS(false, func() *tls.Certificate {
				if replaced.Load() {
					return replacement
				}
				return certificates().valid
			})
			h.setEndpoint(server.URL)
		},
		begin: func(*harness) func() {
			replaced.Store(true)
			server.CloseClientConnections()
			return func() { replaced.Store(false) }
		},
	}
}
