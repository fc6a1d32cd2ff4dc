package app

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// goMetrics are those of the Go runtime but go_memstats_alloc_bytes_total: in
// OpenMetrics the family of that counter is called go_memstats_alloc_bytes, as
// a gauge is already, and a page may not have two of one name.
type goMetrics struct {
	prometheus.Collector
	without *prometheus.Desc
}

func newGoMetrics() goMetrics {
	m := goMetrics{Collector: collectors.NewGoCollector()}
	for desc := range relay(m.Describe) {
		if strings.Contains(desc.String(), `"go_memstats_alloc_bytes_total"`) {
			m.without = desc
		}
	}
	return m
}

// Collect implements prometheus.Collector.
func (m goMetrics) Collect(ch chan<- prometheus.Metric) {
	for metric := range relay(m.Collector.Collect) {
		if metric.Desc() != m.without {
			ch <- metric
		}
	}
}

// relay returns what send sends, to be read to its end.
func relay[T any](send func(chan<- T)) <-chan T {
	sent := make(chan T)
	go func() {
		defer close(sent)
		send(sent)
	}()
	return sent
}
