package repotest

import (
	"strings"
	"testing"
)

// TestCommandsMatchEveryNameOfTheAgent checks the names that AWS has given the
// container of its agent: aws-gd-agent, and aws-guardduty-agent- with a suffix.
func TestCommandsMatchEveryNameOfTheAgent(t *testing.T) {
	const file = "docs/issues.md"
	found := false
	for line := range strings.Lines(read(t, file)) {
		if !strings.Contains(line, "agent:containers[") {
			continue
		}
		found = true
		for _, condition := range []string{"name==`aws-gd-agent`", "starts_with(name,`aws-guardduty-agent`)"} {
			if !strings.Contains(line, condition) {
				t.Errorf("%s: %q lacks %q", file, strings.TrimSpace(line), condition)
			}
		}
	}
	if !found {
		t.Errorf("%s has no command that finds the agent's container", file)
	}
}
