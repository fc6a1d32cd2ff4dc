package web

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how many scrapes are answered at a time; more get a 503.
const maxScrapes = 20

// MetricsHandler serves the domain's metrics and the process's own, as text or
// OpenMetrics. A family that cannot be gathered is left out and logged; the
// others are served. It registers promhttp's metrics with self.
func MetricsHandler(domain, self *prometheus.Registry, logger *slog.Logger) http.Handler {
	return promhttp.InstrumentMetricHandler(self, promhttp.HandlerFor(
		prometheus.Gatherers{domain, self},
		promhttp.HandlerOpts{
			ErrorLog:            slog.NewLogLogger(logger.Handler(), slog.LevelError),
			ErrorHandling:       promhttp.ContinueOnError,
			Registry:            self,
			MaxRequestsInFlight: maxScrapes,
			EnableOpenMetrics:   true,
		},
	))
}
