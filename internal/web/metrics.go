package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxScrapes is how many scrapes are answered at a time; more get a 503.
	maxScrapes = 20
	// maxScrapesOfOne is how many of them one client may have, which it keeps
	// for as long as it reads.
	maxScrapesOfOne = 8
)

// BoundScrapes has a handler answer no more scrapes at a time than 20, and 8 of
// one client; others get a 503.
func BoundScrapes(next http.Handler) http.Handler {
	return newSeats(maxScrapes, maxScrapesOfOne).before(next)
}

// Metrics tell whether the web configuration in force is that of its file. They
// are a prometheus.Collector.
type Metrics struct{ successful prometheus.Gauge }

// NewMetrics returns metrics of a server that has refused no file yet.
func NewMetrics() *Metrics {
	m := &Metrics{successful: prometheus.NewGauge(prometheus.GaugeOpts{
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

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { m.successful.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) { m.successful.Collect(ch) }
