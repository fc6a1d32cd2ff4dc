package coverage_test

import (
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestSanitizeIdentifier: what AWS may return is kept as it is.
func TestSanitizeIdentifier(t *testing.T) {
	long := strings.Repeat("x", 1024)
	for s, kept := range map[string]bool{"": true, "!arn:aws~": true, long: true, long + "x": false, "a b": false, "ä": false, "a\x7f": false} {
		want := s
		if !kept {
			want = coverage.SanitizeName(s)
		}
		if got := coverage.SanitizeIdentifier(s); got != want {
			t.Errorf("of %d bytes, %.20q: got %d bytes, %.20q", len(s), s, len(got), got)
		}
	}
	if got := coverage.SanitizeIdentifier(long + "x"); len(got) >= len(long) {
		t.Errorf("%d bytes are not cut", len(got))
	}
}
