// Package statuspage serves [status.Status]: as the page at /, and as JSON.
package statuspage

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// Source returns the values that are served. The functions must be safe for
// concurrent use.
type Source struct {
	Status   func(status.Query) *status.Status
	Clusters func(status.PageQuery) *status.Clusters
}

// StatusJSON serves the status as JSON. It takes the parameters of
// [status.ParseQuery].
func StatusJSON(s Source) http.Handler {
	return serveJSON(func(r *http.Request) (any, error) {
		q, err := status.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, err
		}
		return s.Status(q), nil
	})
}

// ClustersJSON serves pages of all clusters as JSON. It takes the parameters of
// [status.ParsePageQuery].
func ClustersJSON(s Source) http.Handler {
	return serveJSON(func(r *http.Request) (any, error) {
		q, err := status.ParsePageQuery(r.URL.RawQuery)
		if err != nil {
			return nil, err
		}
		return s.Clusters(q), nil
	})
}

// serveJSON serves a value, or the error of the request's parameters.
func serveJSON(value func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusOK
		v, err := value(r)
		if err != nil {
			code, v = http.StatusBadRequest, map[string]string{"error": err.Error()}
		}
		respond(w, r, code, "application/json", func(out io.Writer) error {
			encoder := json.NewEncoder(out)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			return encoder.Encode(v)
		})
	})
}

// respond writes a response, compressed if the client accepts it.
func respond(w http.ResponseWriter, r *http.Request, code int, contentType string, write func(io.Writer) error) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
	h.Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		w.WriteHeader(code)
		return
	}
	if !exposition.AcceptsGzip(r.Header) {
		w.WriteHeader(code)
		_ = write(w) // the client may have disconnected
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err) // impossible: the level is valid
	}
	_ = write(compressed)
	_ = compressed.Close()
}
