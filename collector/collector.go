package collector

import "github.com/prometheus/client_golang/prometheus"

// Collector is a [prometheus.Collector] over [Families]. It computes all
// samples at each scrape; the exporter serves the same samples from a page that
// is rendered in advance, and is tested against this one.
type Collector struct {
	input    func() Input
	families []Family
	descs    []*prometheus.Desc // of families, in their order
}

// New returns a Collector of what input returns. input is called at each
// scrape and must be safe for concurrent use. tags are those of [Families].
func New(input func() Input, tags ...string) *Collector {
	c := &Collector{input: input, families: Families(tags...)}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		ch <- desc
	}
}

// Collect implements [prometheus.Collector].
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
