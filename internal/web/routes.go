package web

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"path"
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
}

// Handler returns the routes as one handler.
func (r Routes) Handler() (http.Handler, error) {
	if p := r.TelemetryPath; !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "/-/") || path.Clean(p) != p || strings.ContainsAny(p, " {}?#%") {
		return nil, fmt.Errorf("the telemetry path %q must be a plain absolute path, such as /metrics, and not one under /-/", p)
	}
	mux := http.NewServeMux()
	if r.TelemetryPath == "/" {
		mux.Handle("GET /{$}", r.Metrics)
	} else {
		mux.Handle("GET "+r.TelemetryPath, r.Metrics)
		landing, err := r.landingPage()
		if err != nil {
			return nil, fmt.Errorf("make the landing page: %w", err)
		}
		mux.Handle("GET /{$}", landing)
	}
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "Healthy.")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !r.Ready() {
			answer(w, http.StatusServiceUnavailable, "Not ready: some targets have not finished their first refresh.")
			return
		}
		answer(w, http.StatusOK, "Ready.")
	})
	mux.HandleFunc("POST /-/reload", r.reload)
	mux.HandleFunc("PUT /-/reload", r.reload)
	return mux, nil
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
		Profiling:   "false",
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
