// Package web serves HTTP: the metrics, the status page, health and readiness,
// reloads and, on request, profiles. TLS and authentication are those of
// exporter-toolkit and apply to every route.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/mdlayher/vsock"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/sync/errgroup"
)

const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 30 * time.Second
	writeTimeout   = time.Minute // of a response as a whole, however much of it the client reads
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 12 << 10 // to which net/http adds 4 KiB

	// Of an HTTP/2 connection.
	maxStreams       = 8
	writeByteTimeout = 30 * time.Second // without progress
)

// Server serves the listeners that [Listen] has opened. Shutdown may be called
// while Serve runs; both at most once.
type Server struct {
	logger    *slog.Logger
	listeners []net.Listener
	servers   []*http.Server
}

// Options of a Server. All fields are required.
type Options struct {
	Flags   *toolkit.FlagConfig
	Handler http.Handler
	Metrics *Metrics
	Logger  *slog.Logger
}

// Listen reads the web configuration file and opens the addresses of the flags,
// or takes the sockets of systemd. [Server.Serve] and [Server.Shutdown] close
// them.
func Listen(ctx context.Context, o Options) (*Server, error) {
	var g *guard
	if file := *o.Flags.WebConfigFile; file != "" {
		var err error
		if g, err = newGuard(file, o.Metrics, o.Logger); err != nil {
			return nil, fmt.Errorf("web configuration file %s: %w", file, err)
		}
	}
	s := &Server{logger: o.Logger}
	if err := s.open(ctx, o.Flags); err != nil {
		s.closeListeners()
		return nil, err
	}
	limit := newConnectionLimit(maxOpenFiles())
	for i, l := range s.listeners {
		s.listeners[i] = limit.listener(l)
		server := newServer(o)
		if g != nil {
			if err := g.protect(server, o.Flags); err != nil {
				s.closeListeners()
				return nil, fmt.Errorf("web configuration file %s: %w", g.file, err)
			}
		}
		server.Handler = limit.trackRequests(server.Handler)
		s.servers = append(s.servers, server)
	}
	return s, nil
}

func newServer(o Options) *http.Server {
	return &http.Server{
		Handler:           o.Handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeByteTimeout},
		ConnContext:       withConnection,
		// OPTIONS * needs authentication too.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
	}
}

func (s *Server) open(ctx context.Context, flags *toolkit.FlagConfig) error {
	if *flags.WebSystemdSocket {
		listeners, err := activation.Listeners()
		if err != nil {
			return fmt.Errorf("use systemd sockets: %w", err)
		}
		// A socket that is not a stream is nil.
		s.listeners = slices.DeleteFunc(listeners, func(l net.Listener) bool { return l == nil })
		if len(s.listeners) == 0 {
			return errors.New("use systemd sockets: none was passed")
		}
		return nil
	}
	for _, address := range *flags.WebListenAddresses {
		l, err := listen(ctx, address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		s.listeners = append(s.listeners, l)
	}
	return nil
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	if !strings.HasPrefix(address, "vsock://") {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(u.Port(), 10, 32)
	if err != nil {
		return nil, err
	}
	return vsock.Listen(uint32(port), nil)
}

// Scheme returns the scheme of the server's URLs, http or https.
func (s *Server) Scheme() string {
	if slices.ContainsFunc(s.servers, usesTLS) {
		return "https"
	}
	return "http"
}

// Addresses returns the addresses of the listeners.
func (s *Server) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, l := range s.listeners {
		addresses = append(addresses, l.Addr())
	}
	return addresses
}

// Serve serves until one listener fails, or until Shutdown is called, when it
// returns nil.
func (s *Server) Serve() error {
	var all errgroup.Group
	for i, l := range s.listeners {
		all.Go(func() error {
			err := s.serve(l, s.servers[i])
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			s.closeListeners() // ends the others too
			return fmt.Errorf("serve on %s: %w", l.Addr(), err)
		})
	}
	return all.Wait()
}

func (s *Server) serve(l net.Listener, server *http.Server) error {
	encrypted := usesTLS(server)
	s.logger.Info("listening", "address", l.Addr().String(), "tls", encrypted)
	if encrypted {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// Shutdown closes the listeners and waits for the responses in flight until ctx
// ends.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.closeListeners() // even without Serve
	var all errgroup.Group
	for _, server := range s.servers {
		all.Go(func() error {
			if err := server.Shutdown(ctx); err != nil {
				return errors.Join(fmt.Errorf("drain connections: %w", err), server.Close())
			}
			return nil
		})
	}
	return all.Wait()
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close() // Accept returns an error
	}
}
