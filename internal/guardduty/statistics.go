package guardduty

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// maxCounts limits the counts in one response. The API has two statuses and three
// resource types.
const maxCounts = 32

// readStatistics counts the resources of each listed type by status, and those of
// all types. They are optional: a target needs no more than ListDetectors and
// ListCoverage.
func (c *Client) readStatistics(ctx context.Context, p *pass) error {
	s := p.snapshot
	ok, err := c.readOptional(s, coverage.StatisticsCapability, "guardduty:GetCoverageStatistics", func() (err error) {
		for _, t := range c.o.Types {
			if !c.hasStatistics(t) {
				continue
			}
			n, readAt, err := c.countByStatus(ctx, t)
			if c.confirmOff(ctx, p, t, err) {
				n, readAt, err = convertCounts(nil), time.Now(), nil
			}
			if err != nil {
				return err
			}
			if s.Statistics[t] = n; p.beforeAt.IsZero() {
				p.beforeAt = readAt
			}
		}
		s.StatisticsByType, err = c.countByType(ctx)
		if c.confirmOff(ctx, p, coverage.EKS, err) {
			s.StatisticsByType, err = map[coverage.ResourceType]int64{}, nil
		}
		return err
	})
	if !ok { // perhaps not at the first call
		s.Statistics, s.StatisticsByType, p.beforeAt = map[coverage.ResourceType]coverage.Counts{}, nil, time.Time{}
	}
	return err
}

// hasStatistics reports whether the API can count the listed resources of a type.
func (c *Client) hasStatistics(t coverage.ResourceType) bool {
	return t != coverage.EC2 || !c.o.OnlyECS // it would count the excluded instances too
}

// countByStatus counts the resources of a type by status. It returns the time of
// the response by AWS's clock.
func (c *Client) countByStatus(ctx context.Context, t coverage.ResourceType) (coverage.Counts, time.Time, error) {
	n, readAt, err := c.statistics(ctx, types.CoverageStatisticsTypeCountByCoverageStatus, criteria(c.o.Filter, t))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("get the coverage statistics of %s: %w", t, err)
	}
	return convertCounts(n), readAt, nil
}

// countByType counts the resources of all types that match the filter, apart from
// its condition for the names of ECS clusters.
func (c *Client) countByType(ctx context.Context) (map[coverage.ResourceType]int64, error) {
	n, _, err := c.statistics(ctx, types.CoverageStatisticsTypeCountByResourceType, criteriaForAllTypes(c.o.Filter))
	if err != nil {
		return nil, fmt.Errorf("get the coverage statistics by resource type: %w", err)
	}
	byType := map[coverage.ResourceType]int64{coverage.ECS: 0, coverage.EC2: 0, coverage.EKS: 0} // the API may omit zeros
	for t, n := range n {
		byType[coverage.ResourceType(coverage.Sanitize(t))] = n
	}
	return byType, nil
}

// statistics returns one kind of statistics and the time of the response by AWS's
// clock.
func (c *Client) statistics(
	ctx context.Context, kind types.CoverageStatisticsType, filter *types.CoverageFilterCriteria,
) (map[string]int64, time.Time, error) {
	out, err := c.api.getCoverageStatistics(ctx, &guardduty.GetCoverageStatisticsInput{
		DetectorId: aws.String(c.detectorID), FilterCriteria: filter, StatisticsType: []types.CoverageStatisticsType{kind},
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	if out.CoverageStatistics == nil {
		return nil, time.Time{}, missing("coverageStatistics", out.ResultMetadata)
	}
	n := out.CoverageStatistics.CountByCoverageStatus
	if kind == types.CoverageStatisticsTypeCountByResourceType {
		n = out.CoverageStatistics.CountByResourceType
	}
	if len(n) > maxCounts {
		return nil, time.Time{}, fmt.Errorf("%w: %d different counts", coverage.ErrInvalidResponse, len(n))
	}
	for name, n := range n {
		if n < 0 || n > maxPages*pageSize {
			return nil, time.Time{}, fmt.Errorf("%w: a count of %d for %q", coverage.ErrInvalidResponse, n, coverage.Sanitize(name))
		}
	}
	readAt, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok {
		readAt = time.Now()
	}
	return n, readAt.Truncate(time.Second), nil
}
