package refresh

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Metrics of all refreshes.
type Metrics struct {
	unclassified prometheus.Counter // issue texts without a type
}

// NewMetrics returns metrics at zero. They are a prometheus.Collector.
func NewMetrics() *Metrics {
	return &Metrics{unclassified: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "guardduty_exporter_unclassified_issues_total",
		Help: "Number of issue texts that no known issue type matched, counted anew at each refresh.",
	})}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { m.unclassified.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) { m.unclassified.Collect(ch) }

func (m *Metrics) countUnclassified(s *coverage.Snapshot) {
	if s == nil {
		return
	}
	for _, c := range s.Resources {
		for issue := range c.Issues.All() {
			if issue.Type == coverage.Unclassified {
				m.unclassified.Inc()
			}
		}
	}
}
