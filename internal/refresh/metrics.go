package refresh

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Metrics are the metrics of all refreshes.
type Metrics struct {
	unclassified prometheus.Counter // issue texts without a type
}

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{unclassified: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "guardduty_exporter_unclassified_issues_total",
		Help: "Number of issue texts that no known issue type matched, counted again at each refresh.",
	})}
}

func (m *Metrics) countUnclassified(rows []coverage.Resource) {
	for i := range rows {
		for _, issue := range rows[i].Issues {
			if issue.Type() == coverage.Unclassified {
				m.unclassified.Inc()
			}
		}
	}
}
