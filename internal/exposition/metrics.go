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

// Options configures MetricsHandler. Only Limit is optional.
type Options struct {
	Page   func() *Page                         // returns the current page, never nil; safe for concurrent use
	Self   *prometheus.Registry                 // of the exporter's own metrics
	Limit  func(next http.Handler) http.Handler // limits concurrent requests
	Logger *slog.Logger
}

// MetricsHandler serves the page followed by the exporter's own metrics, as
// text or OpenMetrics. A family that cannot be gathered is logged and left out.
// MetricsHandler registers the metrics of promhttp with Self.
func MetricsHandler(o Options) http.Handler {
	self := promhttp.HandlerFor(o.Self, promhttp.HandlerOpts{
		ErrorLog:           errorLog{o.Logger},
		ErrorHandling:      promhttp.ContinueOnError,
		Registry:           o.Self,
		DisableCompression: true,
		AcceptedFormats:    []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText},
	})
	handler := Handler(o.Page, self)
	if o.Limit != nil {
		handler = o.Limit(handler)
	}
	return promhttp.InstrumentMetricHandler(o.Self, handler)
}

// errorLog logs promhttp's errors, except that the client disconnected, which
// promhttp reports for every family that is left.
type errorLog struct{ logger *slog.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	for _, value := range v {
		if err, ok := value.(error); ok && errors.Is(err, errClientGone) {
			return
		}
	}
	l.logger.Error("error gathering metrics", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}
