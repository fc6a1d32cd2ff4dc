package guardduty

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

const (
	pageSize = 50
	// maxPages ends a listing that returns new tokens without end. It allows
	// five million resources.
	maxPages = 100_000
)

// listing is one listing with ListCoverage, of one page or more.
type listing struct {
	detectorID   string
	resourceType coverage.ResourceType
	criteria     *types.CoverageFilterCriteria
	expected     int64              // the approximate number of resources; 0 if unknown
	known        *coverage.Snapshot // the last one; nil for none
}

// listing returns one of all resources of a type that match f.
func (c *Client) listing(t coverage.ResourceType, f coverage.Filter, known *coverage.Snapshot) listing {
	return listing{detectorID: c.detectorID, resourceType: t, criteria: criteria(f, t), known: known}
}

// list calls add for the resources of every page. After an error the resources
// added so far are incomplete.
func (c *Client) list(ctx context.Context, l listing, add func(coverage.Resource)) error {
	texts := interner{}
	in := &guardduty.ListCoverageInput{
		DetectorId:     aws.String(l.detectorID),
		FilterCriteria: l.criteria,
		MaxResults:     aws.Int32(pageSize),
		SortCriteria:   &types.CoverageSortCriteria{AttributeName: resourceTypes[l.resourceType].sortKey, OrderBy: types.OrderByAsc},
	}
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		out, err := c.api.listCoverage(ctx, in)
		if err != nil {
			return nil, err
		}
		if out.Resources == nil {
			if token != nil || aws.ToString(out.NextToken) != "" {
				return nil, fmt.Errorf("%w: no resources", coverage.ErrInvalidResponse)
			}
			return nil, missing("resources", out.ResultMetadata)
		}
		return out.NextToken, c.convertPage(out.Resources, l.resourceType, func(r coverage.Row) {
			add(l.resource(texts.intern(r)))
		})
	})
	if err != nil {
		return fmt.Errorf("list coverage of %s: %w", l.resourceType, err)
	}
	return nil
}

// resource returns the resource of a row, with known issues reused.
func (l listing) resource(r coverage.Row) coverage.Resource {
	if !slices.ContainsFunc(r.Issues, func(text string) bool { return text != "" }) {
		return coverage.New(r) // saves the lookup
	}
	return coverage.NewFrom(l.known.Lookup(r.Key), r)
}

// convertPage calls add for the rows of one page. Rows of other types and
// instances excluded by OnlyECS are skipped.
func (c *Client) convertPage(rows []types.CoverageResource, t coverage.ResourceType, add func(coverage.Row)) error {
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

// interner keeps one copy of each text that most rows have in common.
type interner map[string]string

// intern returns the row with strings that may be kept. The SDK decodes the strings
// of a response into one block of memory, which any of them would keep.
func (i interner) intern(r coverage.Row) coverage.Row {
	r.AccountID = i.text(r.AccountID)
	r.Name = strings.Clone(r.Name)
	r.Status = coverage.Status(i.text(string(r.Status)))
	r.ManagementType = i.text(r.ManagementType)
	r.Instance.Type = i.text(r.Instance.Type)
	r.Instance.AgentVersion = i.text(r.Instance.AgentVersion)
	r.Instance.ClusterARN = i.text(r.Instance.ClusterARN)
	r.Addon.Version = i.text(r.Addon.Version)
	r.Addon.Status = i.text(r.Addon.Status)
	return r
}

func (i interner) text(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := i[s]; ok {
		return known
	}
	s = strings.Clone(s)
	i[s] = s
	return s
}

// keep returns a sanitized copy of a string of a response, see interner.
func keep(s string) string { return coverage.Sanitize(strings.Clone(s)) }
