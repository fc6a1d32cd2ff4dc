package guardduty

import (
	"context"
	"fmt"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// checkDeadline returns an error if listing these resources takes longer at the
// request rate than the time left.
func (c *Client) checkDeadline(ctx context.Context, statistics map[coverage.ResourceType]coverage.Counts) error {
	deadline, ok := ctx.Deadline()
	if !ok || c.o.RequestsPerSecond == 0 {
		return nil
	}
	var resources, calls int64
	for _, n := range statistics {
		resources += n.Sum()
		calls += max(1, (n.Sum()+pageSize-1)/pageSize) + 1 // and the statistics after them
	}
	needed := time.Duration(float64(calls) / c.o.RequestsPerSecond * float64(time.Second))
	left := time.Until(deadline)
	if needed <= left {
		return nil
	}
	return fmt.Errorf("%w: listing %d resources takes %d requests, at least %s at %v requests per second, "+
		"and %s remain: raise aws.requests_per_second, or the timeout and the interval of the target",
		awserr.ErrDeadlineTooShort, resources, calls, (needed + time.Second - 1).Truncate(time.Second), c.o.RequestsPerSecond, left.Truncate(time.Second))
}

// hasTime reports whether the deadline is further away than needed.
func hasTime(ctx context.Context, needed time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || needed < time.Until(deadline)
}
