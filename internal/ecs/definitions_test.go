package ecs

import (
	"fmt"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// TestDefinitionsAreLimited: a full cache has room for a new task definition, and
// loses one other.
func TestDefinitionsAreLimited(t *testing.T) {
	var d definitions
	put := func(i int) { d.put(fmt.Sprint(i), diagnosis.TaskDefinition{ExecutionRole: fmt.Sprint(i)}) }
	has := func(i int) bool {
		definition, ok := d.get(fmt.Sprint(i))
		return ok && definition.ExecutionRole == fmt.Sprint(i)
	}
	for i := range maxDefinitions + 10 {
		if has(i) {
			t.Fatalf("%d is there before it was put", i)
		}
		put(i)
		if !has(i) {
			t.Fatalf("%d is not there", i)
		}
		if want := min(i+1, maxDefinitions); len(d.byARN) != want {
			t.Fatalf("%d task definitions after %d, want %d", len(d.byARN), i+1, want)
		}
	}
}
