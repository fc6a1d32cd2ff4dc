package web

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// Routes are the paths of the server. All fields are required. Functions must be
// safe for concurrent use.
type Routes struct {
	TelemetryPath string // of Metrics; an absolute path
	Metrics       http.Handler
	Status        http.Handler // the page at /, unless the metrics are there
	StatusJSON    http.Handler
	ClustersJSON  http.Handler
	Ready         func() bool
	Lifecycle     bool         // whether Reload may be called over HTTP
	Reload        func() error // its error is shown to the caller
	Profiling     bool         // whether profiles of the process are served
}

// route is a pattern of http.ServeMux and its handler.
type route struct {
	pattern string
	handler http.Handler
}

// Handler returns the routes as one handler.
func (r Routes) Handler() (http.Handler, error) {
	all, err := r.all()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, one := range all {
		mux.Handle(one.pattern, one.handler)
	}
	return mux, nil
}

// all returns all routes.
func (r Routes) all() ([]route, error) {
	if p := r.TelemetryPath; !strings.HasPrefix(p, "/") || isReserved(p) || path.Clean(p) != p || strings.ContainsAny(p, " {}?#%") {
		return nil, fmt.Errorf("the telemetry path %q must be a plain absolute path, such as /metrics, and not one under /-/, %s or %s", p, api, profiles)
	}
	all := []route{
		{"GET " + favicon, http.HandlerFunc(noContent)},
		{"GET /api/v1/status", r.StatusJSON},
		{"GET /api/v1/clusters", r.ClustersJSON},
		{"GET /-/healthy", http.HandlerFunc(healthy)},
		{"GET /-/ready", http.HandlerFunc(r.ready)},
		{"POST /-/reload", http.HandlerFunc(r.reload)},
		{"PUT /-/reload", http.HandlerFunc(r.reload)},
	}
	if r.Profiling {
		all = append(all, profileRoutes()...)
	}
	if r.TelemetryPath == "/" {
		return append(all, route{"GET /{$}", r.Metrics}), nil
	}
	return append(all, route{"GET /{$}", r.Status}, route{"GET " + r.TelemetryPath, r.Metrics}), nil
}

func isReserved(path string) bool {
	return path == favicon || strings.HasPrefix(path, "/-/") || strings.HasPrefix(path+"/", api) || strings.HasPrefix(path+"/", profiles)
}

// api is the prefix of the JSON documents.
const api = "/api/"

// favicon is the path that browsers request with pages that name no icon, such as
// the metrics.
const favicon = "/favicon.ico"

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func healthy(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "Healthy.") }

func (r Routes) ready(w http.ResponseWriter, _ *http.Request) {
	if !r.Ready() {
		respond(w, http.StatusServiceUnavailable, "Not ready: some targets have not finished their first refresh.")
		return
	}
	respond(w, http.StatusOK, "Ready.")
}

func (r Routes) reload(w http.ResponseWriter, _ *http.Request) {
	if !r.Lifecycle {
		respond(w, http.StatusForbidden, "Reloads over HTTP are not enabled: start with --web.enable-lifecycle.")
		return
	}
	if err := r.Reload(); err != nil {
		respond(w, http.StatusInternalServerError, "Reload failed, the running configuration is unchanged:\n"+err.Error())
		return
	}
	respond(w, http.StatusOK, "Reloaded.")
}

func respond(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client may have disconnected
}
