package events_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

// TestReasonsStartAtZero checks that the counter of each reason exists from the start.
func TestReasonsStartAtZero(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	events.NewMetrics(registry)
	want := map[string]float64{"foreign": 0, "malformed": 0}
	for _, o := range coverage.Outcomes() {
		if o != coverage.Applied {
			want[string(o)] = 0
		}
	}
	got := map[string]float64{}
	for _, f := range gather(t, registry) {
		if f.GetName() == "guardduty_exporter_events_discarded_total" {
			for _, m := range f.GetMetric() {
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	equal(t, "reasons", want, got)
}
