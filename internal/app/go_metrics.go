package app

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// goMetrics are the metrics of the Go runtime without
// go_memstats_alloc_bytes_total: in OpenMetrics that family would have the same
// name as the gauge go_memstats_alloc_bytes.
type goMetrics struct {
	prometheus.Collector
	excluded *prometheus.Desc
}

func newGoMetrics() goMetrics {
	m := goMetrics{Collector: collectors.NewGoCollector()}
	for desc := range receive(m.Describe) {
		if strings.Contains(desc.String(), `"go_memstats_alloc_bytes_total"`) {
			m.excluded = desc
		}
	}
	return m
}

// Collect implements prometheus.Collector.
func (m goMetrics) Collect(ch chan<- prometheus.Metric) {
	for metric := range receive(m.Collector.Collect) {
		if metric.Desc() != m.excluded {
			ch <- metric
		}
	}
}

// receive returns a channel with all that send sends. The caller reads it to
// its end.
func receive[T any](send func(chan<- T)) <-chan T {
	ch := make(chan T)
	go func() {
		defer close(ch)
		send(ch)
	}()
	return ch
}
