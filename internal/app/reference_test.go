package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
)

// reference hands a registry the table's samples at each scrape, as exporters
// usually do. What the exporter shows and costs is held against it.
type reference struct {
	input    func() collector.Input
	families []collector.Family
	descs    []*prometheus.Desc // one for each family
}

func newReference(input func() collector.Input) *reference {
	c := &reference{input: input, families: collector.Families()}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	return c
}

func (c *reference) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		ch <- desc
	}
}

func (c *reference) Collect(ch chan<- prometheus.Metric) {
	in := c.input()
	for i, f := range c.families {
		f.Each(in, func(value float64, labelValues ...string) {
			m, err := prometheus.NewConstMetric(c.descs[i], prometheus.GaugeValue, value, labelValues...)
			if err != nil {
				m = prometheus.NewInvalidMetric(c.descs[i], err)
			}
			ch <- m
		})
	}
}
