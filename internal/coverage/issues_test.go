package coverage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestPackedIssuesAreWhatTheyWere(t *testing.T) {
	full := strings.Repeat("x", coverage.MaxTextBytes)
	for name, sorted := range map[string][]coverage.Issue{
		"none":                             nil,
		"empty":                            {{Type: coverage.AgentExited}},
		"without a task definition":        {{Type: coverage.VPCEndpoint, Text: "VPC Endpoint Creation Failed"}},
		"the task definition in the text":  {{Type: coverage.AgentExited, TaskDefinition: "web:7", Text: "Agent exited for 'web:7'"}},
		"the task definition is no part":   {{Type: coverage.AgentExited, TaskDefinition: "web:7", Text: "Agent exited for"}},
		"the task definition alone":        {{Type: coverage.AgentExited, TaskDefinition: "web:7"}},
		"as long as may be":                {{Type: coverage.AgentExited, TaskDefinition: strings.Repeat("y", coverage.MaxTextBytes), Text: full}},
		"a task definition as long as all": {{Type: coverage.AgentExited, TaskDefinition: full, Text: full}},
		"several": {
			{Type: coverage.AgentExited, TaskDefinition: "a:1", Text: "a:1"},
			{Type: coverage.AgentExited, TaskDefinition: "b:1", Text: "of 'b:1'"},
			{Type: coverage.Unclassified, Text: "other"},
			{Type: coverage.VPCEndpoint, Text: "last"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reversed := slices.Clone(sorted)
			slices.Reverse(reversed)
			packed := coverage.Pack(reversed...)
			if diff := cmp.Diff(sorted, slices.Collect(packed.All())); diff != "" {
				t.Errorf("packed (-), unpacked (+):\n%s", diff)
			}
			if again := coverage.Pack(sorted...); again != packed {
				t.Errorf("%q and, in another order, %q", again, packed)
			}
			for first := range packed.All() {
				if first != sorted[0] {
					t.Errorf("the first is %+v", first)
				}
				break
			}
		})
	}
	for _, issueType := range coverage.IssueTypes() {
		for got := range coverage.Pack(coverage.Issue{Type: issueType}).All() {
			if got.Type != issueType {
				t.Errorf("%s is unpacked as %s", issueType, got.Type)
			}
		}
	}
}
