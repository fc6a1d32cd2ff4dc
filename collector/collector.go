// Package collector turns what the store knows into Prometheus metric
// families. [Families] is the table of them; the documentation, the dashboards
// and the alert rules are held against it.
//
// A scrape makes the samples of the view that is current at its beginning. It
// asks no network and no clock.
package collector

import "github.com/prometheus/client_golang/prometheus"

// Collector hands a registry what the table makes of the current input. It is
// safe for concurrent use.
type Collector struct {
	input    func() Input
	families []Family
	descs    []*prometheus.Desc // one for each family
}

// New returns a Collector of what input returns at each scrape. input must be
// safe for concurrent use and its result must not change afterwards.
func New(input func() Input) *Collector {
	c := &Collector{input: input, families: Families()}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
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
