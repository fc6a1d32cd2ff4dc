package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// guard refuses all requests while the web configuration file is unusable or
// requires less of clients than before: status 503, and failing handshakes.
//
// The toolkit reads the file for each request and handshake, and lets everybody
// in where the file is empty at that moment. So the guard reads it before and
// after the toolkit and refuses where it is not the same. The methods are safe
// for concurrent use.
type guard struct {
	file    string
	logger  *slog.Logger
	metrics *Metrics

	mu       sync.Mutex
	required requirements
	valid    version            // the last one that was valid
	problems map[problem]string // the last error of each kind
}

// problem is the effect of an error of the web configuration.
type problem string

const (
	badFile      problem = "all requests get status 503"
	badHandshake problem = "TLS handshakes fail"
)

// version is the state of the file at one time.
type version struct {
	content  string
	modified int64 // Unix time in nanoseconds
}

// newGuard returns a guard that requires what the file requires now.
func newGuard(file string, metrics *Metrics, logger *slog.Logger) (*guard, error) {
	g := &guard{file: file, logger: logger, metrics: metrics, problems: map[problem]string{}}
	now, _, err := readVersion(file)
	if err != nil {
		return nil, err
	}
	g.required, err = parse([]byte(now.content))
	g.valid = now
	return g, err
}

// maxFileSize limits the memory of a check, in bytes.
const maxFileSize = 1 << 20

// readVersion also returns how long ago the file was modified. It does not open a
// file that is not regular, because opening a FIFO blocks.
func readVersion(file string) (version, time.Duration, error) {
	if info, err := os.Stat(file); err != nil {
		return version{}, 0, err
	} else if !info.Mode().IsRegular() {
		return version{}, 0, errors.New("it is not a regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return version{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return version{}, 0, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(content) > maxFileSize {
		err = fmt.Errorf("it is larger than %d bytes", maxFileSize)
	}
	return version{string(content), info.ModTime().UnixNano()}, time.Since(info.ModTime()), err
}

// quiet is how long a file has to be unmodified. It is longer than the
// resolution of a file system's times, so that a later modification changes the
// time.
const quiet = 50 * time.Millisecond

// readQuiet waits once for a file that was modified just now.
func readQuiet(file string) (version, error) {
	for waited := false; ; waited = true {
		now, age, err := readVersion(file)
		switch {
		case err != nil:
			return version{}, err
		case age < 0 || age >= quiet: // the clock may be behind that of the file system
			return now, nil
		case waited:
			return version{}, errors.New("the file is being written")
		}
		<-time.After(quiet - age)
	}
}

// check returns the version of the file, or an error where it cannot be used.
func (g *guard) check() (version, error) {
	now, err := readQuiet(g.file)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil && now != g.valid {
		err = g.load(now)
	}
	g.report(badFile, err)
	return now, err
}

func (g *guard) load(now version) error {
	next, err := parse([]byte(now.content))
	if err != nil {
		return err
	}
	if err := g.required.allow(next); err != nil {
		return err
	}
	if err := toolkit.Validate(g.file); err != nil {
		return err
	}
	g.required, g.valid = next, now
	g.logger.Info("web configuration loaded", "file", g.file)
	return nil
}

// unchanged reports whether the file is still in that version.
func (g *guard) unchanged(before version) bool {
	now, _, err := readVersion(g.file)
	return err == nil && now == before
}

// report sets the metric and logs an error once. The caller holds g.mu.
func (g *guard) report(kind problem, err error) {
	if err == nil {
		delete(g.problems, kind)
	} else if text := quoted.ReplaceAllString(err.Error(), "…"); text != g.problems[kind] {
		g.problems[kind] = text
		g.logger.Error("web configuration cannot be used", "effect", string(kind), "file", g.file, "err", text)
	}
	g.metrics.setValid(len(g.problems) == 0)
}

// unopened is a listener that accepts nothing.
type unopened struct{}

var errUnopened = errors.New("the listener accepts nothing")

func (unopened) Accept() (net.Conn, error) { return nil, errUnopened }
func (unopened) Close() error              { return nil }
func (unopened) Addr() net.Addr            { return &net.TCPAddr{} }

// protect puts the toolkit's authentication and TLS, and the guard around them,
// before the server's handler. The toolkit sets both up when it begins to
// serve, so it serves a listener that accepts nothing.
func (g *guard) protect(server *http.Server, flags *toolkit.FlagConfig) error {
	server.Handler = g.after(server.Handler)
	// The toolkit's own log messages are about that listener.
	if err := toolkit.Serve(unopened{}, server, flags, slog.New(slog.DiscardHandler)); !errors.Is(err, errUnopened) {
		return err
	}
	server.Handler = g.before(server.Handler)
	if usesTLS(server) {
		server.TLSConfig.GetConfigForClient = g.handshake(server.TLSConfig.GetConfigForClient)
	}
	return nil
}

// usesTLS reports whether the toolkit configured TLS. net/http sets TLSConfig
// for plain HTTP too.
func usesTLS(server *http.Server) bool {
	return server.TLSConfig != nil && server.TLSConfig.GetConfigForClient != nil
}

// toAuthenticate is the ResponseWriter of a request while the toolkit
// authenticates it.
type toAuthenticate struct {
	http.ResponseWriter
	file version // that was checked before
}

// WriteHeader writes the status of a request that the toolkit refuses, and has
// its connection closed. 500 is the toolkit's status for a file that it cannot
// use.
func (w *toAuthenticate) WriteHeader(status int) {
	w.Header().Set("Connection", "close")
	if status == http.StatusInternalServerError {
		status = http.StatusServiceUnavailable
	}
	w.ResponseWriter.WriteHeader(status)
}

// before is the handler of all requests; authenticate is the toolkit's, with
// after as the handler behind it.
func (g *guard) before(authenticate http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now, err := g.check()
		if err != nil {
			refuse(w)
			return
		}
		authenticate.ServeHTTP(&toAuthenticate{w, now}, r)
	})
}

func (g *guard) after(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authenticated, ok := w.(*toAuthenticate)
		if !ok || !g.unchanged(authenticated.file) {
			refuse(w)
			return
		}
		next.ServeHTTP(authenticated.ResponseWriter, r)
	})
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	respond(w, http.StatusServiceUnavailable, "The web configuration is invalid; the log has the reason.")
}

// handshake wraps the toolkit's tls.Config.GetConfigForClient.
func (g *guard) handshake(
	configure func(*tls.ClientHelloInfo) (*tls.Config, error),
) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := g.check()
		if err != nil {
			return nil, err
		}
		c, err := configure(hello)
		g.mu.Lock()
		g.report(badHandshake, err)
		g.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if !g.unchanged(now) {
			return nil, errors.New("the web configuration changed")
		}
		// A resumed session is not verified against names and authorities that
		// have changed since.
		c.SessionTicketsDisabled = c.ClientAuth != tls.NoClientCert
		return c, nil
	}
}
