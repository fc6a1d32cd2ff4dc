package web

import (
	"fmt"
	"html/template"
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
	StatusJSON    http.Handler
	ClustersJSON  http.Handler
	Version       string
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
	return append(all, route{"GET /{$}", r.landingPage()}, route{"GET " + r.TelemetryPath, r.Metrics}), nil
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

// landing is the landing page. Its links are relative, so that they work behind
// a path prefix, as does the inline icon.
var landing = template.Must(template.New("landing page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GuardDuty coverage exporter</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>GuardDuty coverage exporter</h1>
<p>Coverage of Amazon GuardDuty Runtime Monitoring for Amazon ECS clusters</p>
<p>Version: {{.Version}}</p>
<ul>
<li><a href=".{{.TelemetryPath}}">Metrics</a></li>
<li><a href="./-/healthy">Health</a>: 200 while the process serves</li>
<li><a href="./-/ready">Readiness</a>: 200 when every target has finished a refresh, successful or not</li>
{{- if .Profiling}}
<li><a href=".` + profiles + `">Profiles</a> of the process</li>
{{- end}}
</ul>
</body>
</html>
`))

func (r Routes) landingPage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = landing.Execute(w, r) // the client may have disconnected
	})
}

func respond(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client may have disconnected
}
