package web

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics of a server.
type Metrics struct{ valid prometheus.Gauge }

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{valid: promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "guardduty_exporter_web_config_last_reload_successful",
		Help: "Whether the web configuration file and its certificate are valid (1) or not (0); while 0, requests get status 503 or TLS handshakes fail. 1 without a file.",
	})}
	m.setValid(true)
	return m
}

func (m *Metrics) setValid(valid bool) {
	if valid {
		m.valid.Set(1)
	} else {
		m.valid.Set(0)
	}
}
