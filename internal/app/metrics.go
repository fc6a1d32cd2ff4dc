package app

import (
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// SelfMetrics are the exporter's metrics of itself: its requests to AWS, its
// refreshes, its reloads, its web configuration and its build. They are a
// prometheus.Collector. Those of the Go runtime, the process and promhttp are
// not among them.
type SelfMetrics struct {
	sessions  *session.Metrics
	refreshes *refresh.Metrics
	events    *events.Metrics
	reloads   *reloadMetrics
	web       *web.Metrics
	// transitions are here, and not with the other metrics of coverage, for
	// they are counted and not read.
	transitions *prometheus.CounterVec
	build       prometheus.Collector
}

// NewSelfMetrics returns metrics of an exporter that has done nothing yet.
func NewSelfMetrics() *SelfMetrics {
	return &SelfMetrics{
		sessions: session.NewMetrics(func(region string, err error) string {
			return string(guardduty.StateOf(region, err))
		}),
		refreshes: refresh.NewMetrics(),
		events:    events.NewMetrics(),
		reloads:   newReloadMetrics(),
		web:       web.NewMetrics(),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_coverage_transitions_total",
			Help: "Changes of an ECS cluster's coverage status to this one, as the exporter has seen them. Absent before the first.",
		}, []string{"account_id", "region", "coverage_status"}),
		build: versioncollector.NewCollector("guardduty_exporter"),
	}
}

func (m *SelfMetrics) countTransitions(transitions []coverage.Transition) {
	for _, t := range transitions {
		m.transitions.WithLabelValues(t.AccountID, t.Region, string(t.Status)).Inc()
	}
}

// Describe implements prometheus.Collector.
func (m *SelfMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *SelfMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
}

func (m *SelfMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.sessions, m.refreshes, m.events, m.reloads, m.web, m.transitions, m.build}
}

// reloadMetrics tell whether the running configuration is the file's.
type reloadMetrics struct {
	successful  prometheus.Gauge
	lastSuccess prometheus.Gauge
}

func newReloadMetrics() *reloadMetrics {
	return &reloadMetrics{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "guardduty_exporter_config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration succeeded (1) or failed (0).",
		}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "guardduty_exporter_config_last_reload_success_timestamp_seconds",
			Help: "When the running configuration was loaded, in seconds since the epoch.",
		}),
	}
}

func (m *reloadMetrics) succeeded() {
	m.successful.Set(1)
	m.lastSuccess.SetToCurrentTime()
}

func (m *reloadMetrics) failed() { m.successful.Set(0) }

// Describe implements prometheus.Collector.
func (m *reloadMetrics) Describe(ch chan<- *prometheus.Desc) {
	m.successful.Describe(ch)
	m.lastSuccess.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *reloadMetrics) Collect(ch chan<- prometheus.Metric) {
	m.successful.Collect(ch)
	m.lastSuccess.Collect(ch)
}
