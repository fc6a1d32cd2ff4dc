package refresh

import (
	"github.com/prometheus/client_golang/prometheus"

	"guardduty_coverage_exporter/internal/coverage"
)

// Metrics of all refreshes.
type Metrics struct {
	prometheus.Counter // issue texts without a type
}

// NewMetrics returns metrics at zero. They are a prometheus.Collector.
func NewMetrics() *Metrics {
	return &Metrics{prometheus.NewCounter(prometheus.CounterOpts{
		Name: "guardduty_exporter_unclassified_issues_total",
		Help: "Number of issue texts that no known issue type matched, counted anew at each refresh.",
	})}
}

func (m *Metrics) countUnclassified(s *coverage.Snapshot) {
	if s == nil {
		return
	}
	for _, c := range s.Clusters {
		for _, issue := range c.Issues {
			if issue.Type == coverage.Unclassified {
				m.Inc()
			}
		}
	}
}
