package guardduty

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// readStatistics counts the resources of each type. They are optional: a target
// needs no more than ListDetectors and ListCoverage.
func (c *Client) readStatistics(ctx context.Context, p *pass) error {
	counted := slices.DeleteFunc(slices.Clone(c.o.Types), func(t coverage.ResourceType) bool { return !c.hasStatistics(t) })
	if len(counted) == 0 {
		return nil
	}
	_, err := c.optional(p.snapshot, "statistics", "guardduty:GetCoverageStatistics", func() error {
		for _, t := range counted {
			n, at, err := c.statistics(ctx, t)
			if err != nil {
				return err
			}
			if p.snapshot.Statistics[t] = n; p.began.IsZero() {
				p.began = at
			}
		}
		return nil
	})
	return err
}

// hasStatistics reports whether the API can count the listed resources of a type.
func (c *Client) hasStatistics(t coverage.ResourceType) bool {
	return t != coverage.EC2 || !c.o.OnlyECS // it would count the excluded instances too
}

// statistics counts the resources of a type by status. It returns the time of
// the response by AWS's clock.
func (c *Client) statistics(ctx context.Context, t coverage.ResourceType) (counts, time.Time, error) {
	out, err := c.api.GetCoverageStatistics(ctx, &guardduty.GetCoverageStatisticsInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: criteria(c.o.Filter, t),
		StatisticsType: []types.CoverageStatisticsType{types.CoverageStatisticsTypeCountByCoverageStatus},
	})
	if err == nil && out.CoverageStatistics == nil {
		err = fmt.Errorf("%w: no coverageStatistics", coverage.ErrInvalidResponse)
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("get the coverage statistics of %s: %w", t, err)
	}
	for status, n := range out.CoverageStatistics.CountByCoverageStatus {
		if n < 0 || n > maxPages*pageSize {
			return nil, time.Time{}, fmt.Errorf("get the coverage statistics of %s: %w: a count of %d for %q",
				t, coverage.ErrInvalidResponse, n, coverage.Sanitize(status))
		}
	}
	at, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok {
		at = time.Now()
	}
	return convertCounts(out.CoverageStatistics.CountByCoverageStatus), at.Truncate(time.Second), nil
}
