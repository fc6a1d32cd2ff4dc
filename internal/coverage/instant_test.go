package coverage_test

import (
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestInstant(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for given, want := range map[time.Time]time.Time{
		{}: {},
		time.Date(2026, 3, 1, 13, 0, 0, 250_999_999, berlin): time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC):     time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got := coverage.InstantOf(given).Time(); got != want {
			t.Errorf("%v becomes %v, want %v", given, got, want)
		}
	}
	if none := coverage.InstantOf(time.Time{}); none != 0 {
		t.Errorf("no time is %d", none)
	}
}
