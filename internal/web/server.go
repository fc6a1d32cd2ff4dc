// Package web serves HTTP: the metrics, a landing page, health and readiness,
// reloads, and profiles where they are wanted. TLS and authentication stand
// before every route, as the web configuration file of exporter-toolkit says.
package web

import (
	"context"
	"crypto/tls"
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
	writeTimeout   = 2 * time.Minute
	idleTimeout    = 5 * time.Minute
	maxHeaderBytes = 64 << 10
)

// Server is one http.Server for each listener.
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

// Listen opens the addresses that the flags name, or takes systemd's sockets,
// after it has read the web configuration file. Either [Server.Serve] or
// [Server.Shutdown] closes them.
func Listen(ctx context.Context, o Options) (*Server, error) {
	handler, tlsOf := o.Handler, func(*http.Server) *tls.Config { return nil }
	if file := *o.Flags.WebConfigFile; file != "" {
		door, err := newDoor(file, o.Metrics, o.Logger)
		if err != nil {
			return nil, fmt.Errorf("web configuration file %s: %w", file, err)
		}
		handler = door.before(handler)
		tlsOf = func(server *http.Server) *tls.Config {
			// Serving sets TLSNextProto up before the first handshake.
			return door.tls(func() bool { return server.TLSNextProto["h2"] != nil })
		}
	}
	s := &Server{logger: o.Logger}
	if err := s.open(ctx, o.Flags); err != nil {
		s.closeListeners()
		return nil, err
	}
	for range s.listeners {
		server := &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			// OPTIONS * goes through the door as well.
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
		}
		server.TLSConfig = tlsOf(server)
		s.servers = append(s.servers, server)
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, flags *toolkit.FlagConfig) error {
	if *flags.WebSystemdSocket {
		listeners, err := activation.Listeners()
		if err != nil {
			return fmt.Errorf("take the sockets of systemd: %w", err)
		}
		// A socket that is no stream is nil.
		s.listeners = slices.DeleteFunc(listeners, func(l net.Listener) bool { return l == nil })
		if len(s.listeners) == 0 {
			return errors.New("take the sockets of systemd: there are none")
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

// Addresses returns where the server listens.
func (s *Server) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, l := range s.listeners {
		addresses = append(addresses, l.Addr())
	}
	return addresses
}

// Serve serves until one listener fails or Shutdown is called, after which it
// returns nil. It is called once.
func (s *Server) Serve() error {
	var all errgroup.Group
	for i, l := range s.listeners {
		all.Go(func() error {
			err := s.serve(l, s.servers[i])
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			s.closeListeners() // so that the others end too
			return fmt.Errorf("serve on %s: %w", l.Addr(), err)
		})
	}
	return all.Wait()
}

func (s *Server) serve(l net.Listener, server *http.Server) error {
	s.logger.Info("listening", "address", l.Addr().String(), "tls", server.TLSConfig != nil)
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// Shutdown stops accepting and waits for the answers under way, until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.closeListeners() // those that were never served on
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
		_ = l.Close() // whoever accepts on it learns of it
	}
}
