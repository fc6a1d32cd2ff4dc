package web

import (
	"net/http"
	"net/http/pprof" // registers with http.DefaultServeMux too, which is never served
	"time"
)

// profiles is the path of the profiles of the process.
const profiles = "/debug/pprof/"

// maxProfileTime limits how long a profile of a requested length may take.
const maxProfileTime = 5 * time.Minute

// profileRoutes returns the routes of net/http/pprof.
func profileRoutes() []route {
	return []route{
		{"GET " + profiles, longRequest(pprof.Index)},
		{"GET " + profiles + "cmdline", longRequest(pprof.Cmdline)},
		{"GET " + profiles + "profile", longRequest(pprof.Profile)},
		{"GET " + profiles + "trace", longRequest(pprof.Trace)},
		{"GET " + profiles + "symbol", longRequest(pprof.Symbol)},
		{"POST " + profiles + "symbol", longRequest(pprof.Symbol)},
	}
}

// longRequest returns a handler of requests that take longer than readTimeout,
// after which net/http would cancel the request's context. The package pprof
// extends the write timeout itself.
func longRequest(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxProfileTime)); err != nil {
			respond(w, http.StatusInternalServerError, "The read timeout cannot be extended.")
			return
		}
		next(w, r)
	})
}
