package statuspage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"net/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// PageOptions are the paths that the page links to.
type PageOptions struct {
	TelemetryPath string // an absolute path
	Profiling     bool   // whether profiles are served
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// Page serves the status as a page. It takes the parameters of [status.ParseQuery].
func Page(s Source, o PageOptions) http.Handler {
	page := template.New("status").Funcs(functions())
	page = template.Must(page.Funcs(template.FuncMap{"rows": func(v *view, clusters []status.Cluster) (template.HTML, error) {
		return rows(page, v, clusters)
	}}).Parse(pageHTML))
	// The style is the only thing that a browser loads or runs: there is no script.
	sum := sha256.Sum256([]byte(pageCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		q, err := status.ParseQuery(r.URL.RawQuery)
		if err != nil {
			respond(w, r, http.StatusBadRequest, "text/plain; charset=utf-8", func(out io.Writer) error {
				_, err := io.WriteString(out, err.Error()+"\n")
				return err
			})
			return
		}
		v := newView(s.Status(q), o)
		respond(w, r, http.StatusOK, "text/html; charset=utf-8", func(out io.Writer) error { return page.Execute(out, v) })
	})
}
