package demo

import (
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The exporter knows every issue text of the demo, except the one that is meant
// to be unclassified.
func TestIssuesAreClassified(t *testing.T) {
	for key := range clusterIssues() {
		text := clusterIssue(key, cluster{account: shopID, region: "us-east-1", name: "search"}, 0)
		if got := coverage.Classify(text).Type(); string(got) != key {
			t.Errorf("%q is of type %s, want %s", text, got, key)
		}
	}
	for _, texts := range []map[string]string{instanceIssues(), eksIssues()} {
		for key, text := range texts {
			text = expand(text, hashOf(key), "search", shopID, 0)
			if got := coverage.Classify(text).Type(); got == coverage.Unclassified {
				t.Errorf("%s: %q is unclassified", key, text)
			}
		}
	}
}
