// Package guardduty reads the coverage of one target from the GuardDuty API. It
// is the only importer of the SDK's service/guardduty, whose types end here.
//
// Source: the operations ListDetectors, GetCoverageStatistics and ListCoverage
// of the GuardDuty API reference.
package guardduty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/smithy-go"

	"guardduty_coverage_exporter/internal/coverage"
)

// Options of a Client. All but DetectorID and Filter are required.
type Options struct {
	Region string
	// AccountID finds the account whose detector is asked.
	AccountID func(context.Context) (string, error)
	// Config makes the client's configuration once the account is known. It
	// brings credentials, limits and metrics.
	Config     func(accountID string) aws.Config
	DetectorID string // "" to ask ListDetectors
	Filter     Filter
	Logger     *slog.Logger
}

// Client reads one target. It is for one goroutine at a time.
type Client struct {
	o         Options
	criteria  *types.CoverageFilterCriteria
	api       *guardduty.Client // nil until the account is known
	accountID string
	detector  string // as found; "" when it has to be asked for
	noStats   bool   // GetCoverageStatistics is denied, and the log says so
}

// NewClient returns a Client. It calls nothing yet.
func NewClient(o Options) *Client {
	return &Client{o: o, criteria: o.Filter.criteria()}
}

// Read makes a whole snapshot of the target or returns an error, see [StateOf].
// It returns the account of the detector as soon as that is known, also with
// an error.
func (c *Client) Read(ctx context.Context) (accountID string, s *coverage.Snapshot, err error) {
	if err := c.connect(ctx); err != nil {
		return "", nil, err
	}
	s, err = c.read(ctx)
	if isForeignDetector(err) && c.o.DetectorID == "" {
		// The detector was deleted and perhaps created again: ask once more.
		c.detector = ""
		s, err = c.read(ctx)
	}
	return c.accountID, s, err
}

func (c *Client) connect(ctx context.Context) error {
	if c.api != nil {
		return nil
	}
	accountID, err := c.o.AccountID(ctx)
	if err != nil {
		return err
	}
	c.accountID = accountID
	c.api = guardduty.NewFromConfig(c.o.Config(accountID))
	return nil
}

func (c *Client) read(ctx context.Context) (*coverage.Snapshot, error) {
	if err := c.findDetector(ctx); err != nil {
		return nil, err
	}
	statistics, err := c.statistics(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	s := &coverage.Snapshot{
		Clusters:         coverage.Distinct(clusters),
		Statistics:       statistics,
		NarrowedByStatus: !c.o.Filter.CoverageStatus.isEmpty(),
	}
	if c.o.Filter.AccountID.admits(c.accountID) {
		s.Accounts = []string{c.accountID}
	}
	return s, nil
}

func (c *Client) findDetector(ctx context.Context) error {
	if c.o.DetectorID != "" {
		c.detector = c.o.DetectorID
	}
	if c.detector != "" {
		return nil
	}
	out, err := c.api.ListDetectors(ctx, &guardduty.ListDetectorsInput{})
	if err != nil {
		return fmt.Errorf("find the detector: %w", err)
	}
	if out.DetectorIds == nil {
		return fmt.Errorf("find the detector: %w: ListDetectors answered without detectorIds", ErrInvalidResponse)
	}
	if len(out.DetectorIds) == 0 {
		return ErrNoDetector
	}
	c.detector = out.DetectorIds[0] // an account has at most one in a Region
	return nil
}

// statistics returns nil where the call is denied: the least that a target
// needs is ListDetectors and ListCoverage.
func (c *Client) statistics(ctx context.Context) (map[coverage.Status]int64, error) {
	out, err := c.api.GetCoverageStatistics(ctx, &guardduty.GetCoverageStatisticsInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: c.criteria,
		StatisticsType: []types.CoverageStatisticsType{types.CoverageStatisticsTypeCountByCoverageStatus},
	})
	switch {
	case err != nil && isActionDenied(err):
		if !c.noStats {
			c.noStats = true
			c.o.Logger.Warn("not permitted to call guardduty:GetCoverageStatistics; guardduty_coverage_statistics_resources is absent", "err", err)
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get the coverage statistics: %w", err)
	case out.CoverageStatistics == nil:
		return nil, fmt.Errorf("get the coverage statistics: %w: no coverageStatistics", ErrInvalidResponse)
	}
	c.noStats = false
	return convertCounts(out.CoverageStatistics.CountByCoverageStatus), nil
}

const (
	pageSize = 50
	// maxPages ends a listing that gives new tokens for ever; it has room for
	// five million clusters.
	maxPages = 100_000
)

// list reads every page of ListCoverage. The SDK's paginator would go on for
// ever, or end early without an error, when a token comes again.
func (c *Client) list(ctx context.Context) ([]coverage.Cluster, error) {
	in := &guardduty.ListCoverageInput{
		DetectorId:     aws.String(c.detector),
		FilterCriteria: c.criteria,
		MaxResults:     aws.Int32(pageSize),
		SortCriteria: &types.CoverageSortCriteria{
			AttributeName: types.CoverageSortKeyEcsClusterName,
			OrderBy:       types.OrderByAsc,
		},
	}
	var clusters []coverage.Cluster
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		out, err := c.api.ListCoverage(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list coverage, page %d: %w", page, err)
		}
		if out.Resources == nil {
			return nil, fmt.Errorf("list coverage, page %d: %w: no resources", page, ErrInvalidResponse)
		}
		for _, resource := range out.Resources {
			if !isECS(resource) {
				continue
			}
			row, err := convert(resource, c.o.Region)
			if err != nil {
				return nil, fmt.Errorf("list coverage, page %d: %w", page, err)
			}
			clusters = append(clusters, coverage.New(row))
		}
		token := aws.ToString(out.NextToken)
		if token == "" {
			return clusters, nil
		}
		if seen[token] {
			return nil, fmt.Errorf("list coverage, page %d: %w: the page's token came before", page, ErrInvalidResponse)
		}
		seen[token] = true
		in.NextToken = out.NextToken
	}
	return nil, fmt.Errorf("list coverage: %w: no end after %d pages", ErrInvalidResponse, maxPages)
}

// isForeignDetector recognises the 400 that stands in for a 404: the API has
// no error of its own for a detector that is gone.
func isForeignDetector(err error) bool {
	var bad *types.BadRequestException
	return errors.As(err, &bad) && strings.Contains(bad.ErrorMessage(), "is not owned by the current account")
}

// isActionDenied goes by the code, for the operation's model has no such error.
func isActionDenied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}
