package exposition

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// Options of the handler of a page. All but Bound are required.
type Options struct {
	Page   func() *Page                         // the current one, never nil; safe for concurrent use
	Self   *prometheus.Registry                 // of the process's own metrics
	Limit  func(next http.Handler) http.Handler // refuses requests when there are too many; nil for none
	Logger *slog.Logger
}

// MetricsHandler serves the page and, after it, the process's own metrics, as
// text or OpenMetrics. A family of these that cannot be gathered is left out
// and logged; the others are served. It registers promhttp's metrics with Self.
func MetricsHandler(o Options) http.Handler {
	own := promhttp.HandlerFor(o.Self, promhttp.HandlerOpts{
		ErrorLog:           scrapeErrors{o.Logger},
		ErrorHandling:      promhttp.ContinueOnError,
		Registry:           o.Self,
		DisableCompression: true,
		AcceptedFormats:    []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText},
	})
	handler := Handler(o.Page, own)
	if o.Limit != nil {
		handler = o.Limit(handler)
	}
	return promhttp.InstrumentMetricHandler(o.Self, handler)
}

// scrapeErrors logs what keeps a page from being whole. That the client has
// gone is not worth a line for each family that it does not get.
type scrapeErrors struct{ logger *slog.Logger }

// Println implements promhttp.Logger.
func (e scrapeErrors) Println(v ...any) {
	for _, value := range v {
		if err, ok := value.(error); ok && errors.Is(err, errNotSent) {
			return
		}
	}
	e.logger.Error("a page of the metrics is not whole", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}
