package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// maxScrapes is how many scrapes are answered at a time; more get a 503.
	maxScrapes = 20
	// maxScrapesOfOne is how many of them one client may have, which it keeps
	// for as long as it reads.
	maxScrapesOfOne = 8
)

// LimitScrapes has a handler answer no more scrapes at a time than 20, and 8 of
// one client; others get a 503.
func LimitScrapes(next http.Handler) http.Handler {
	return newSeats(maxScrapes, maxScrapesOfOne).before(next)
}

// Metrics of a server.
type Metrics struct{ successful prometheus.Gauge }

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{successful: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "guardduty_exporter_web_config_last_reload_successful",
		Help: "Whether the web configuration in force is what its file says (1), or the file was refused and the one before stays in force (0). 1 without a file.",
	})}
	m.reloaded(true)
	return m
}

func (m *Metrics) reloaded(successful bool) {
	if successful {
		m.successful.Set(1)
	} else {
		m.successful.Set(0)
	}
}
