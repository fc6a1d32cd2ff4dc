package events

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Reasons for discarding an event, besides the outcomes other than
// [coverage.Applied].
const (
	foreign   = "foreign"
	malformed = "malformed"
)

// Metrics are the metrics of all queues.
type Metrics struct {
	received  prometheus.Counter
	applied   prometheus.Counter
	discarded *prometheus.CounterVec
	up        *prometheus.GaugeVec
	lag       prometheus.Histogram
}

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	factory := promauto.With(reg)
	m := &Metrics{
		received: factory.NewCounter(prometheus.CounterOpts{
			Name: "guardduty_exporter_events_received_total",
			Help: "Number of messages received from event queues, including redeliveries.",
		}),
		applied: factory.NewCounter(prometheus.CounterOpts{
			Name: "guardduty_exporter_events_applied_total",
			Help: "Number of events whose resource was read again and exported.",
		}),
		discarded: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_events_discarded_total",
			Help: "Number of events discarded without effect, by reason; malformed messages are left for the dead-letter queue.",
		}, []string{"reason"}),
		up: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardduty_event_queue_up",
			Help: "Whether the last receive request and the last delete request to the event queue succeeded (1) or either failed (0).",
		}, []string{"queue"}),
		lag: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "guardduty_exporter_event_lag_seconds",
			Help:    "Time from the publication of an event until its change is exported.",
			Buckets: []float64{.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}),
	}
	for _, reason := range []string{foreign, malformed} {
		m.discarded.WithLabelValues(reason)
	}
	for _, outcome := range coverage.Outcomes() {
		if outcome != coverage.Applied {
			m.discarded.WithLabelValues(string(outcome))
		}
	}
	return m
}

// apply counts an applied event. The zero time means that the time of its publication is unknown.
func (m *Metrics) apply(published time.Time) {
	m.applied.Inc()
	if !published.IsZero() {
		m.lag.Observe(max(0, time.Since(published).Seconds()))
	}
}

func (m *Metrics) discard(reason string) { m.discarded.WithLabelValues(reason).Inc() }

func (m *Metrics) setUp(queue string, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.up.WithLabelValues(queue).Set(value)
}

func (m *Metrics) dropUp(queue string) { m.up.DeleteLabelValues(queue) }
