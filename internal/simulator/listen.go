package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Running is a Server on a listener of its own.
type Running struct {
	// URL is the endpoint for every service, such as http://127.0.0.1:4566.
	URL string

	server *http.Server
	done   chan error    // receives what Serve returned, once
	ending chan struct{} // closed by Stop
}

// Start serves s on a TCP address, such as 127.0.0.1:0, until Stop. ctx bounds
// the start alone.
func (s *Server) Start(ctx context.Context, address string) (*Running, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	ending := make(chan struct{})
	r := &Running{
		URL:    "http://" + listener.Addr().String(),
		ending: ending,
		server: &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, ending) }),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
		done: make(chan error, 1),
	}
	go func() { r.done <- r.server.Serve(listener) }()
	return r, nil
}

// Stop lets the calls in progress end, those that wait for a message without
// one, cuts off those that last longer than ctx, and returns when nothing is
// served any more. It must be called once.
func (r *Running) Stop(ctx context.Context) error {
	close(r.ending)
	err := r.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("wait for the simulator's calls: %w", err), r.server.Close())
	}
	if serveErr := <-r.done; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve the simulator: %w", serveErr))
	}
	return err
}
