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
		err := c.list(ctx, listing{c.detector, t, c.o.Filter.criteria(t)}, func(r coverage.Resource) {
			s.Resources = append(s.Resources, r)
		})
		if err != nil {
			return err
		}
	}
	s.Resources = coverage.Distinct(s.Resources)
	return nil
}

// listing is what is asked of ListCoverage.
type listing struct {
	detector string
	of       coverage.ResourceType
	criteria *types.CoverageFilterCriteria
}

// list adds the resources of every page. What it has added before an error is
// not the whole.
func (c *Client) list(ctx context.Context, l listing, add func(coverage.Resource)) error {
	in := &guardduty.ListCoverageInput{
		DetectorId:     aws.String(l.detector),
		FilterCriteria: l.criteria,
		MaxResults:     aws.Int32(pageSize),
		SortCriteria:   &types.CoverageSortCriteria{AttributeName: sortKey(l.of), OrderBy: types.OrderByAsc},
	}
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		out, err := c.api.ListCoverage(ctx, in)
		if err != nil {
			return nil, err
		}
		if out.Resources == nil {
			return nil, fmt.Errorf("%w: no resources", coverage.ErrInvalidResponse)
		}
		return out.NextToken, c.take(out.Resources, l.of, add)
	})
	if err != nil {
		return fmt.Errorf("list coverage of %s: %w", l.of, err)
	}
	return nil
}

// take adds the rows of one page that are wanted.
func (c *Client) take(rows []types.CoverageResource, t coverage.ResourceType, add func(coverage.Resource)) error {
	for _, resource := range rows {
		if !isOfType(resource, t) {
			continue
		}
		row, err := convert(resource, t, c.o.Region)
		if err != nil {
			return err
		}
		if t == coverage.EC2 && c.o.OnlyECS && row.Instance.ECSCluster() == "" {
			continue
		}
		add(coverage.New(row))
	}
	return nil
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
