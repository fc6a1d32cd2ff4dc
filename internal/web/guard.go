package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// guard rejects all requests (status 503) and TLS handshakes while the web
// configuration file is invalid or requires less of clients than before.
//
// The toolkit reads the file for each request and handshake, and allows everyone
// if the file is empty at that moment. So the guard reads the file before and
// after the toolkit, and rejects the request if the two differ. The methods are
// safe for concurrent use.
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
	current, _, err := readVersion(file)
	if err != nil {
		return nil, err
	}
	g.required, err = parse([]byte(current.content))
	g.valid = current
	return g, err
}

// maxFileSize limits the memory of a check, in bytes.
const maxFileSize = 1 << 20

// readVersion also returns how long ago the file was modified. It does not read a
// file that is not regular, and does not block on opening a FIFO.
func readVersion(file string) (version, time.Duration, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return version{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return version{}, 0, err
	}
	if !info.Mode().IsRegular() {
		return version{}, 0, errors.New("it is not a regular file")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(content) > maxFileSize {
		err = fmt.Errorf("it is larger than %d bytes", maxFileSize)
	}
	return version{string(content), info.ModTime().UnixNano()}, time.Since(info.ModTime()), err
}

// minFileAge is how long a file has to be unmodified. It is longer than the
// resolution of a file system's times, so that a later modification changes the
// time.
const minFileAge = 50 * time.Millisecond

// readStable waits once for a file that was modified just now.
func readStable(file string) (version, error) {
	for waited := false; ; waited = true {
		current, age, err := readVersion(file)
		switch {
		case err != nil:
			return version{}, err
		case age < 0 || age >= minFileAge: // the clock may be behind that of the file system
			return current, nil
		case waited:
			return version{}, errors.New("the file is being written")
		}
		<-time.After(minFileAge - age)
	}
}

// check returns the version of the file, or an error if it is rejected.
func (g *guard) check() (version, error) {
	current, err := readStable(g.file)
	g.mu.Lock()
	isNew := err == nil && current != g.valid
	if isNew {
		err = g.load(current)
	}
	problem := g.newProblem(badFile, err)
	g.mu.Unlock()
	if isNew && err == nil {
		g.logger.Info("web configuration loaded", "file", g.file)
	}
	g.log(badFile, problem)
	return current, err
}

// load validates a version of the file. The caller holds g.mu.
func (g *guard) load(current version) error {
	next, err := parse([]byte(current.content))
	if err != nil {
		return err
	}
	if err := g.required.allow(next); err != nil {
		return err
	}
	if err := toolkit.Validate(g.file); err != nil {
		return err
	}
	g.required, g.valid = next, current
	return nil
}

// unchanged reports whether the file is still in that version.
func (g *guard) unchanged(checked version) bool {
	current, _, err := readVersion(g.file)
	return err == nil && current == checked
}

// log logs what newProblem returned, without the lock.
func (g *guard) log(kind problem, text string) {
	if text != "" {
		g.logger.Error("web configuration cannot be used", "effect", string(kind), "file", g.file, "err", text)
	}
}

// newProblem sets the metric. It returns the text of an error that differs from
// the last one of its kind, otherwise "". The caller holds g.mu.
func (g *guard) newProblem(kind problem, err error) (text string) {
	if err == nil {
		delete(g.problems, kind)
	} else if text = quoted.ReplaceAllString(err.Error(), "…"); text == g.problems[kind] {
		text = ""
	} else {
		g.problems[kind] = text
	}
	g.metrics.setValid(len(g.problems) == 0)
	return text
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
	server.Handler = g.recheckFile(server.Handler)
	// The toolkit's own log messages are about that listener.
	if err := toolkit.Serve(unopened{}, server, flags, slog.New(slog.DiscardHandler)); !errors.Is(err, errUnopened) {
		return err
	}
	server.Handler = g.checkFile(server.Handler)
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

// authWriter is the ResponseWriter of a request while the toolkit authenticates
// it.
type authWriter struct{ http.ResponseWriter }

// WriteHeader writes the status of a request that the toolkit rejects, and has
// its connection closed. 500 is the toolkit's status for a file that it cannot
// use.
func (w authWriter) WriteHeader(status int) {
	w.Header().Set("Connection", "close")
	if status == http.StatusInternalServerError {
		status = http.StatusServiceUnavailable
	}
	w.ResponseWriter.WriteHeader(status)
}

// versionKey is the key of the checked version in the context of a request.
type versionKey struct{}

// checkFile returns the handler of all requests; authenticate is the toolkit's,
// with recheckFile behind it.
func (g *guard) checkFile(authenticate http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked, err := g.check()
		if err != nil {
			reject(w)
			return
		}
		authenticate.ServeHTTP(authWriter{w}, r.WithContext(context.WithValue(r.Context(), versionKey{}, checked)))
	})
}

func (g *guard) recheckFile(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if authenticated, ok := w.(authWriter); ok {
			w = authenticated.ResponseWriter
		}
		checked, ok := r.Context().Value(versionKey{}).(version)
		if !ok || !g.unchanged(checked) {
			reject(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func reject(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	respond(w, http.StatusServiceUnavailable, "The web configuration is invalid; see the log.")
}

// handshake wraps the toolkit's tls.Config.GetConfigForClient.
func (g *guard) handshake(
	configure func(*tls.ClientHelloInfo) (*tls.Config, error),
) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		checked, err := g.check()
		if err != nil {
			return nil, err
		}
		c, err := configure(hello)
		g.mu.Lock()
		problem := g.newProblem(badHandshake, err)
		g.mu.Unlock()
		g.log(badHandshake, problem)
		if err != nil {
			return nil, err
		}
		if !g.unchanged(checked) {
			return nil, errors.New("the web configuration changed")
		}
		// A resumed session is not verified against names and authorities that
		// have changed since.
		c.SessionTicketsDisabled = c.ClientAuth != tls.NoClientCert
		return c, nil
	}
}
