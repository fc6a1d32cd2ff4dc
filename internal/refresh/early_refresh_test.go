package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// TestEarlyRefreshFails has more events than one partial read takes. The refresh
// for them fails, and is then not repeated: each is an error, so that no event is
// deleted.
func TestEarlyRefreshFails(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		failing := false
		w.read = func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			id, s, err := w.readAll(ctx)
			if failing {
				return id, nil, errors.New("throttled")
			}
			return id, s, err
		}
		h.set(refresh.Settings{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: time.Hour}, w.target("one"))
		h.advance(time.Second)
		failing = true
		var events []coverage.Event
		for i := range 60 {
			events = append(events, eventOf(row(ownAccount, fmt.Sprint(i), coverage.Unhealthy, 2)))
		}
		for _, want := range []string{"throttled", "the last refresh of the target failed, so it is not refreshed early"} {
			for _, got := range h.apply(events...) {
				if got != want {
					t.Fatalf("an outcome is %q, want the error %q", got, want)
				}
			}
		}
	})
}
