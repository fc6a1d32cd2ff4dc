package coverage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestClassifyLongTexts has texts that are longer than what is classified.
func TestClassifyLongTexts(t *testing.T) {
	tasks := func(first, n int) string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("'%032x'", first+i))
		}
		return "Agent not provisioned: Tasks started when clusters had exclusion tag. Impacted task ID(s): " + strings.Join(ids, ", ")
	}
	one, other := coverage.Classify(tasks(1, 200)), coverage.Classify(tasks(5000, 300))
	if one != other || one.Type() != coverage.ExclusionTag {
		t.Errorf("two long lists of tasks make two issues: %+v, %+v", one, other)
	}
	long := strings.Repeat("long ", 1<<20)
	begun := time.Now()
	got := coverage.Classify("Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:7' " + long)
	if got.Type() != coverage.AgentExited || got.TaskDefinition() != "web:7" {
		t.Errorf("the issue is %+v", got)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("5 MiB took %v", took)
	}
	if got := coverage.Classify(strings.Repeat("ß", 1<<10)); len(got.Text()) != coverage.MaxTextBytes {
		t.Errorf("the text has %d bytes", len(got.Text()))
	}
}
