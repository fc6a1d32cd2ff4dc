package collector

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestCollector compares what a pedantic registry gathers with Families.
func TestCollector(t *testing.T) {
	in := example()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(func() Input { return in }))
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]float64{}
	for _, f := range gathered {
		got[f.GetName()+" "+f.GetHelp()] = map[string]float64{}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetName()+"="+l.GetValue())
			}
			got[f.GetName()+" "+f.GetHelp()][strings.Join(values, ",")] = m.GetGauge().GetValue()
		}
	}
	families := Families()
	if len(got) != len(families) {
		t.Errorf("%d families, want %d", len(got), len(families))
	}
	for _, f := range families {
		n := 0
		f.Each(in, func(want float64, labelValues ...string) {
			n++
			var values []string
			for i, value := range labelValues {
				values = append(values, f.Labels[i]+"="+value)
			}
			slices.Sort(values)
			if value, ok := got[f.Name+" "+f.Help][strings.Join(values, ",")]; !ok || value != want {
				t.Errorf("%s%q: got %v, %t, want %v", f.Name, values, value, ok, want)
			}
		})
		if n != len(got[f.Name+" "+f.Help]) {
			t.Errorf("%s: got %d samples, want %d", f.Name, len(got[f.Name+" "+f.Help]), n)
		}
	}
}

// TestCollectorReportsInvalidLabels: a label value that is not UTF-8 is an
// error of the scrape, and the other samples are gathered.
func TestCollectorReportsInvalidLabels(t *testing.T) {
	in := example()
	in.View.Reports[0].Target.Name = "\xff"
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(func() Input { return in }))
	gathered, err := registry.Gather()
	if err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error: %v", err)
	}
	if len(gathered) == 0 {
		t.Error("no family was gathered")
	}
}
