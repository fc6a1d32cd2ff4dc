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
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

const (
	pageSize = 50
	// maxPages ends a listing that gives new tokens for ever; it has room for
	// five million resources.
	maxPages = 100_000
)

// readStatistics does without them where the call is denied: the least that a
// target needs is ListDetectors and ListCoverage. It returns when, by AWS's
// clock, it began.
func (c *Client) readStatistics(ctx context.Context, s *coverage.Snapshot) (began time.Time, err error) {
	counted := slices.DeleteFunc(slices.Clone(c.o.Types), func(t coverage.ResourceType) bool {
		return t == coverage.EC2 && c.o.OnlyECS // they would count instances that are left out
	})
	if len(counted) == 0 {
		return began, nil
	}
	err = c.part(s, "statistics", "guardduty:GetCoverageStatistics", func() error {
		for _, t := range counted {
			n, at, err := c.statistics(ctx, t)
			if err != nil {
				return err
			}
			if s.Statistics[t] = n; began.IsZero() {
				began = at
			}
		}
		return nil
	})
	return began, err
}

// statistics counts the resources of a type and says when, by AWS's clock.
func (c *Client) statistics(ctx context.Context, t coverage.ResourceType) (counts, time.Time, error) {
	out, err := c.api.GetCoverageStatistics(ctx, &guardduty.GetCoverageStatisticsInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: c.o.Filter.criteria(t),
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

// listing is what is asked of ListCoverage.
type listing struct {
	detector string
	of       coverage.ResourceType
	criteria *types.CoverageFilterCriteria
	expected int64              // about how many resources there are, 0 where that is not known
	known    *coverage.Snapshot // from before; nil for none
}

// listing makes one for Read, whose last snapshot is known.
func (c *Client) listing(t coverage.ResourceType, f Filter, known *coverage.Snapshot) listing {
	return listing{detector: c.detector, of: t, criteria: f.criteria(t), known: known}
}

// list adds the resources of every page. What it has added before an error is
// not the whole.
func (c *Client) list(ctx context.Context, l listing, add func(coverage.Resource)) error {
	texts := interned{}
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
		return out.NextToken, c.take(out.Resources, l.of, func(r coverage.Row) { add(l.resource(texts.of(r))) })
	})
	if err != nil {
		return fmt.Errorf("list coverage of %s: %w", l.of, err)
	}
	return nil
}

// take adds the rows of one page that are wanted.
func (c *Client) take(rows []types.CoverageResource, t coverage.ResourceType, add func(coverage.Row)) error {
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
		add(row)
	}
	return nil
}

// resource makes a resource of a row. While AWS says the same of its issues they
// are those of the known row: to classify texts costs more than to receive them.
func (l listing) resource(r coverage.Row) coverage.Resource {
	mark := fingerprint(r.Issues)
	if mark == 0 {
		return coverage.New(r)
	}
	var made coverage.Resource
	if known := l.known.Lookup(r.Key); known != nil && known.IssuesPrint == mark {
		made = coverage.NewWith(known.Issues, r)
		made.Key = known.Key // the same, and in memory already
	} else {
		made = coverage.New(r)
	}
	made.IssuesPrint = mark
	return made
}

// fingerprint tells texts from others, in their order (FNV-1a, 64 bits); it is
// 0 where all are empty.
func fingerprint(texts []string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	var mark uint64
	for _, text := range texts {
		if text == "" {
			continue
		}
		if mark == 0 {
			mark = offset
		}
		for i := range len(text) {
			mark = (mark ^ uint64(text[i])) * prime
		}
		mark = (mark ^ 0xff) * prime // the end: UTF-8 has no such byte
	}
	return mark
}

// interned keeps one copy of each of the texts that most rows share.
type interned map[string]string

func (i interned) of(r coverage.Row) coverage.Row {
	r.AccountID = i.text(r.AccountID)
	r.Status = coverage.Status(i.text(string(r.Status)))
	r.ManagementType = i.text(r.ManagementType)
	return r
}

func (i interned) text(s string) string {
	if known, ok := i[s]; ok {
		return known
	}
	i[s] = s
	return s
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
