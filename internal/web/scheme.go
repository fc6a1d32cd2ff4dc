package web

import (
	"net/http"
	"slices"
)

// Scheme returns the scheme of the server's URLs, http or https. It must not be
// called after Serve.
func (s *Server) Scheme() string {
	if slices.ContainsFunc(s.servers, func(server *http.Server) bool {
		return server.TLSConfig != nil && server.TLSConfig.GetConfigForClient != nil
	}) {
		return "https"
	}
	return "http"
}
