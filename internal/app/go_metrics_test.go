package app

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestGoMetricsHaveUniqueNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newGoMetrics())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range families {
		name := strings.TrimSuffix(f.GetName(), "_total")
		if names[name] {
			t.Errorf("two families are called %s in OpenMetrics", name)
		}
		names[name] = true
	}
	if !names["go_memstats_alloc_bytes"] || !names["go_goroutines"] {
		t.Errorf("families are missing: %v", names)
	}
}
