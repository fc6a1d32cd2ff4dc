package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listener is a running HTTP server of a Server.
type Listener struct {
	// URL is the endpoint of every service, such as http://127.0.0.1:4566.
	URL string

	server   *http.Server
	done     chan error    // receives the result of Serve, once
	stopping chan struct{} // closed by Stop
}

// Start listens on a TCP address, such as 127.0.0.1:0, and serves s until Stop.
// ctx limits only the start.
func (s *Server) Start(ctx context.Context, address string) (*Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	stopping := make(chan struct{})
	l := &Listener{
		URL:      "http://" + listener.Addr().String(),
		stopping: stopping,
		server: &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, stopping) }),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
		done: make(chan error, 1),
	}
	go func() { l.done <- l.server.Serve(listener) }()
	return l, nil
}

// Stop stops the listener: long polls return at once, other calls may finish
// until ctx ends. It must be called once.
func (l *Listener) Stop(ctx context.Context) error {
	close(l.stopping)
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("wait for the simulator's calls: %w", err), l.server.Close())
	}
	if serveErr := <-l.done; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve the simulator: %w", serveErr))
	}
	return err
}
