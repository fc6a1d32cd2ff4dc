package coverage_test

import (
	"fmt"
	"sync"
	"testing"

	"guardduty_coverage_exporter/internal/coverage"
)

func TestMemoryClassifiesAsClassifyDoes(t *testing.T) {
	var m coverage.Memory
	for round := range 4 {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				raw := fmt.Sprintf("Agent not reporting for tasks in TaskDefinition - 'web:%d'", i+round)
				if got, want := m.Classify(raw), coverage.Classify(raw); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			})
		}
		all.Wait()
		m.Age()
	}
}
