package app

import (
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// SelfMetrics are the exporter's metrics about itself: AWS requests, refreshes,
// events, reloads, web configuration and build. They do not include those of the
// Go runtime, the process and promhttp.
type SelfMetrics struct {
	sessions    *session.Metrics
	refreshes   *refresh.Metrics
	events      *events.Metrics
	reloads     *reloadMetrics
	web         *web.Metrics
	transitions *transitionMetrics
}

// NewSelfMetrics registers the metrics with reg. log is nil for none.
func NewSelfMetrics(reg prometheus.Registerer, log *LogWriter) *SelfMetrics {
	promauto.With(reg).NewCounterFunc(prometheus.CounterOpts{
		Name: "guardduty_exporter_log_lines_dropped_total",
		Help: "Number of log lines dropped because standard error was blocked or closed.",
	}, func() float64 { return float64(log.Dropped()) })
	reg.MustRegister(versioncollector.NewCollector("guardduty_exporter"))
	return &SelfMetrics{
		sessions:    session.NewMetrics(reg),
		refreshes:   refresh.NewMetrics(reg),
		events:      events.NewMetrics(reg),
		reloads:     newReloadMetrics(reg),
		web:         web.NewMetrics(reg),
		transitions: newTransitionMetrics(reg),
	}
}

// reloadMetrics are the metrics of configuration reloads.
type reloadMetrics struct {
	successful  prometheus.Gauge
	lastSuccess prometheus.Gauge
}

func newReloadMetrics(reg prometheus.Registerer) *reloadMetrics {
	factory := promauto.With(reg)
	return &reloadMetrics{
		successful: factory.NewGauge(prometheus.GaugeOpts{
			Name: "guardduty_exporter_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration succeeded (1) or failed (0).",
		}),
		lastSuccess: factory.NewGauge(prometheus.GaugeOpts{
			Name: "guardduty_exporter_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration in use was loaded, in seconds since the epoch.",
		}),
	}
}

func (m *reloadMetrics) succeeded() {
	m.successful.Set(1)
	m.lastSuccess.SetToCurrentTime()
}

func (m *reloadMetrics) failed() { m.successful.Set(0) }
