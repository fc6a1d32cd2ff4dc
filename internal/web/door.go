package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// door stands before every route and lets in whom the web configuration file
// lets in. The file is that of exporter-toolkit, and as there a change to it,
// or to a certificate that it names, holds from the next handshake and request
// on. But where the toolkit would open the door to everybody, or shut it, for a
// file that is emptied, half written, wrong or gone, this one keeps to what the
// file said before, and it never asks for less than it did: that takes a
// restart. It is safe for concurrent use.
type door struct {
	file      string
	logger    *slog.Logger
	metrics   *Metrics
	passwords *passwords
	limiter   *rate.Limiter // nil for no limit

	current atomic.Pointer[policy]
	reading sync.Mutex
	read    files // of the last look, good or bad
}

// newDoor makes the door of a file, which has to be right.
func newDoor(file string, metrics *Metrics, logger *slog.Logger) (*door, error) {
	first, read, err := readPolicy(file)
	if err != nil {
		return nil, err
	}
	d := &door{file: file, logger: logger, metrics: metrics, passwords: newPasswords(), read: read}
	if first.limit.Interval != 0 {
		d.limiter = rate.NewLimiter(rate.Every(first.limit.Interval), first.limit.Burst)
	}
	d.current.Store(first)
	return d, nil
}

// policy looks whether the files have changed and returns what holds now.
func (d *door) policy() *policy {
	// Whoever comes while another is looking takes what held until then: a
	// flood has the files read by one at a time, and a file system that hangs
	// holds up one alone.
	if d.reading.TryLock() {
		defer d.reading.Unlock()
		if d.read.changed() {
			d.reload()
		}
	}
	return d.current.Load()
}

func (d *door) reload() {
	next, read, err := readPolicy(d.file)
	d.read = read
	if err == nil {
		if what := d.current.Load().loosened(next); what != "" {
			err = fmt.Errorf("%s without a restart", what)
		}
	}
	d.metrics.reloaded(err == nil)
	if err != nil {
		d.logger.Error("web configuration refused, the last good one stays in force", "file", d.file, "err", err)
		return
	}
	d.current.Store(next)
	d.logger.Info("web configuration loaded", "file", d.file)
}

// before puts the door before a handler.
func (d *door) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := d.policy()
		if d.limiter != nil && !d.limiter.Allow() {
			answer(w, http.StatusTooManyRequests, "Too many requests.")
			return
		}
		for name, value := range asked.headers {
			w.Header().Set(name, value)
		}
		switch d.passwords.check(r, asked) {
		case right:
			next.ServeHTTP(w, r)
		case tooMany:
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusTooManyRequests, "Too many passwords to compare.")
		default:
			w.Header().Set("WWW-Authenticate", "Basic")
			answer(w, http.StatusUnauthorized, "Unauthorized.")
		}
	})
}

// tls returns the configuration to serve with, nil for plain HTTP. Each
// handshake asks it for what holds then. The handshake must not offer HTTP/2
// where speaksHTTP2 says that the server does not speak it (GODEBUG=http2server=0).
func (d *door) tls(speaksHTTP2 func() bool) *tls.Config {
	if d.current.Load().tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := d.policy().tls
			if c == nil {
				return nil, errors.New("no TLS") // never: a reload does not switch it off
			}
			if !speaksHTTP2() {
				c = c.Clone()
				c.NextProtos = []string{"http/1.1"}
			}
			return c, nil
		},
	}
}
