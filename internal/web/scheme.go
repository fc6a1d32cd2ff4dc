package web

import "slices"

// Scheme returns the scheme of the server's URLs, http or https.
func (s *Server) Scheme() string {
	if slices.ContainsFunc(s.servers, usesTLS) {
		return "https"
	}
	return "http"
}
