package web

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Routes of the server. All fields are required; functions must be safe for
// concurrent use.
type Routes struct {
	TelemetryPath string // of Metrics, an absolute path
	Metrics       http.Handler
	Version       string
	Ready         func() bool
	Lifecycle     bool         // whether Reload may be called over HTTP
	Reload        func() error // its error is shown to the caller
	Profiling     bool         // whether the process's profiles are served
}

// route is one pattern of http.ServeMux and what answers it.
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

// all returns every route there is.
func (r Routes) all() ([]route, error) {
	if p := r.TelemetryPath; !strings.HasPrefix(p, "/") || isReserved(p) || path.Clean(p) != p || strings.ContainsAny(p, " {}?#%") {
		return nil, fmt.Errorf("the telemetry path %q must be a plain absolute path, such as /metrics, and not one under /-/ or %s", p, profiles)
	}
	all := []route{
		{"GET /-/healthy", http.HandlerFunc(healthy)},
		{"GET /-/ready", http.HandlerFunc(r.ready)},
		{"POST /-/reload", http.HandlerFunc(r.reload)},
		{"PUT /-/reload", http.HandlerFunc(r.reload)},
	}
	if r.Profiling {
		all = append(
			all,
			route{"GET " + profiles + "{profile}", http.HandlerFunc(serveProfile)},
			route{"GET " + profiles + "profile", http.HandlerFunc(serveCPUProfile)},
		)
	}
	if r.TelemetryPath == "/" {
		return append(all, route{"GET /{$}", r.Metrics}), nil
	}
	landing, err := r.landingPage()
	if err != nil {
		return nil, fmt.Errorf("make the landing page: %w", err)
	}
	return append(all, route{"GET /{$}", landing}, route{"GET " + r.TelemetryPath, r.Metrics}), nil
}

// profiles is where the profiles of the process are.
const profiles = "/debug/pprof/"

func isReserved(path string) bool {
	return strings.HasPrefix(path, "/-/") || strings.HasPrefix(path+"/", profiles)
}

func healthy(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "Healthy.") }

func (r Routes) ready(w http.ResponseWriter, _ *http.Request) {
	if !r.Ready() {
		answer(w, http.StatusServiceUnavailable, "Not ready: some targets have not finished their first refresh.")
		return
	}
	answer(w, http.StatusOK, "Ready.")
}

func (r Routes) reload(w http.ResponseWriter, _ *http.Request) {
	if !r.Lifecycle {
		answer(w, http.StatusForbidden, "Reloads over HTTP are not enabled: start with --web.enable-lifecycle.")
		return
	}
	if err := r.Reload(); err != nil {
		answer(w, http.StatusInternalServerError, "Reload failed, the running configuration is unchanged:\n"+err.Error())
		return
	}
	answer(w, http.StatusOK, "Reloaded.")
}

func (r Routes) landingPage() (http.Handler, error) {
	return toolkit.NewLandingPage(toolkit.LandingConfig{
		Name:        "GuardDuty coverage exporter",
		Description: "Coverage of Amazon GuardDuty Runtime Monitoring for Amazon ECS clusters",
		Version:     r.Version,
		Profiling:   strconv.FormatBool(r.Profiling),
		Links: []toolkit.LandingLinks{
			{Address: html.EscapeString(r.TelemetryPath), Text: "Metrics"},
			{Address: "/-/healthy", Text: "Health", Description: "200 while the process serves"},
			{Address: "/-/ready", Text: "Readiness", Description: "200 when every target has finished an attempt"},
		},
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client may be gone
}
