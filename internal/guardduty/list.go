package guardduty

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"guardduty_coverage_exporter/internal/coverage"
	"guardduty_coverage_exporter/internal/paging"
)

const (
	pageSize = 50
	// maxPages ends a listing that gives new tokens for ever; it has room for
	// five million resources.
	maxPages = 100_000
)

// readStatistics does without them where the call is denied: the least that a
// target needs is ListDetectors and ListCoverage.
func (c *Client) readStatistics(ctx context.Context, s *coverage.Snapshot) error {
	counted := slices.DeleteFunc(slices.Clone(c.o.Types), func(t coverage.ResourceType) bool {
		return t == coverage.EC2 && c.o.OnlyECS // they would count instances that are left out
	})
	if len(counted) == 0 {
		return nil
	}
	return c.part(s, "statistics", "guardduty:GetCoverageStatistics", func() error {
		for _, t := range counted {
			counts, err := c.statistics(ctx, t)
			if err != nil {
				return fmt.Errorf("get the coverage statistics of %s: %w", t, err)
			}
			s.Statistics[t] = counts
		}
		return nil
	})
}

func (c *Client) statistics(ctx context.Context, t coverage.ResourceType) (map[coverage.Status]int64, error) {
	out, err := c.api.GetCoverageStatistics(ctx, &guardduty.GetCoverageStatisticsInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: c.o.Filter.criteria(t),
		StatisticsType: []types.CoverageStatisticsType{types.CoverageStatisticsTypeCountByCoverageStatus},
	})
	if err != nil {
		return nil, err
	}
	if out.CoverageStatistics == nil {
		return nil, fmt.Errorf("%w: no coverageStatistics", coverage.ErrInvalidResponse)
	}
	return convertCounts(out.CoverageStatistics.CountByCoverageStatus), nil
}

func (c *Client) readResources(ctx context.Context, s *coverage.Snapshot) error {
	for _, t := range c.o.Types {
		if err := c.list(ctx, t, s); err != nil {
			return fmt.Errorf("list coverage of %s: %w", t, err)
		}
	}
	s.Resources = coverage.Distinct(s.Resources)
	return nil
}

// list reads every page of one resource type.
func (c *Client) list(ctx context.Context, t coverage.ResourceType, s *coverage.Snapshot) error {
	in := &guardduty.ListCoverageInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: c.o.Filter.criteria(t),
		MaxResults:     aws.Int32(pageSize),
		SortCriteria:   &types.CoverageSortCriteria{AttributeName: sortKey(t), OrderBy: types.OrderByAsc},
	}
	return paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		out, err := c.api.ListCoverage(ctx, in)
		if err != nil {
			return nil, err
		}
		if out.Resources == nil {
			return nil, fmt.Errorf("%w: no resources", coverage.ErrInvalidResponse)
		}
		for _, resource := range out.Resources {
			if !isOfType(resource, t) {
				continue
			}
			row, err := convert(resource, t, c.o.Region)
			if err != nil {
				return nil, err
			}
			if t == coverage.EC2 && c.o.OnlyECS && row.Instance.ECSCluster() == "" {
				continue
			}
			s.Resources = append(s.Resources, coverage.New(row))
		}
		return out.NextToken, nil
	})
}

// sortKey returns an attribute that does not change while the pages are read.
func sortKey(t coverage.ResourceType) types.CoverageSortKey {
	switch t {
	case coverage.EC2:
		return types.CoverageSortKeyInstanceId
	case coverage.EKS:
		return types.CoverageSortKeyEksClusterName
	}
	return types.CoverageSortKeyEcsClusterName
}
