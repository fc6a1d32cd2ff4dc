package events

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Reasons for which an event is discarded, beside the verdicts that are not
// [coverage.Applied].
const (
	foreign   = "foreign"
	malformed = "malformed"
)

// Metrics of all queues.
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
			Help: "Number of messages received from event queues, each delivery of the same message counted.",
		}),
		applied: factory.NewCounter(prometheus.CounterOpts{
			Name: "guardduty_exporter_events_applied_total",
			Help: "Number of events after which a resource was read again and what was found is shown.",
		}),
		discarded: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_events_discarded_total",
			Help: "Number of events that changed nothing, by reason; those that are malformed are left in their queue.",
		}, []string{"reason"}),
		up: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "guardduty_event_queue_up",
			Help: "Whether the last attempts to receive from an event queue and to delete from it succeeded.",
		}, []string{"queue"}),
		lag: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "guardduty_exporter_event_lag_seconds",
			Help:    "How long after an event was published what was read because of it is shown.",
			Buckets: []float64{.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}),
	}
	for _, reason := range []string{foreign, malformed} {
		m.discarded.WithLabelValues(reason)
	}
	for _, verdict := range coverage.Outcomes() {
		if verdict != coverage.Applied {
			m.discarded.WithLabelValues(string(verdict))
		}
	}
	return m
}

// apply counts an event that was published then; zero where that is not known.
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
