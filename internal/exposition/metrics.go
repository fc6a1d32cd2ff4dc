package exposition

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// maxScrapes is how many scrapes are answered at a time; more get a 503.
const maxScrapes = 20

// MetricsHandler serves the page and, after it, the process's own metrics, as
// text or OpenMetrics. A family of these that cannot be gathered is left out
// and logged; the others are served. It registers promhttp's metrics with self.
func MetricsHandler(page func() *Page, self *prometheus.Registry, logger *slog.Logger) http.Handler {
	own := promhttp.HandlerFor(self, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(logger.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            self,
		DisableCompression:  true,
		MaxRequestsInFlight: maxScrapes,
		AcceptedFormats:     []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText},
	})
	return promhttp.InstrumentMetricHandler(self, Handler(page, own))
}
