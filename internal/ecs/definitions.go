package ecs

import (
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// maxDefinitions limits a cache of task definitions.
const maxDefinitions = 2_000

// definitions caches task definitions by ARN. A revision never changes. The zero
// value is empty.
type definitions struct {
	mu    sync.Mutex
	byARN map[string]diagnosis.TaskDefinition
}

func (d *definitions) get(arn string) (diagnosis.TaskDefinition, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	definition, ok := d.byARN[arn]
	return definition, ok
}

// put adds a task definition. A full cache loses another one, which is read again
// if it is still used.
func (d *definitions) put(arn string, definition diagnosis.TaskDefinition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byARN == nil {
		d.byARN = map[string]diagnosis.TaskDefinition{}
	}
	if len(d.byARN) >= maxDefinitions {
		for other := range d.byARN {
			delete(d.byARN, other)
			break
		}
	}
	d.byARN[arn] = definition
}
