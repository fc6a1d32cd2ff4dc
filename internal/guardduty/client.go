// Package guardduty reads the coverage of one target from the GuardDuty API. It
// is the only importer of the SDK's service/guardduty and returns none of its
// types.
//
// Source: the operations ListDetectors, GetCoverageStatistics, ListCoverage,
// GetDetector, ListMembers and GetMemberDetectors of the GuardDuty API reference.
package guardduty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// Options configures a Client. Fields are required unless documented otherwise.
type Options struct {
	Region string
	// AccountID returns the account whose detector is read, "" while it is not
	// known. It is called for each Read.
	AccountID func(context.Context) (string, error)
	// Config returns the client's configuration, with its credentials, limits
	// and metrics. It is called by the first Read, with "" if the account is not
	// known then.
	Config     func(accountID string) aws.Config
	DetectorID string // "" to find it with ListDetectors
	Filter     coverage.Filter
	Logger     *slog.Logger
	// Types are the resource types to list.
	Types []coverage.ResourceType
	// OnlyECS excludes EC2 instances that are in no ECS cluster.
	OnlyECS bool
	// Detector enables reading the detector's status and features.
	Detector bool
	// Members enables reading an administrator's member accounts and their features.
	Members bool
	// RequestsPerSecond is the rate limit that Config has; 0 for none.
	RequestsPerSecond float64
}

// Client reads one target. Read must not be called concurrently with itself; the
// other methods are safe for concurrent use, including with Read.
type Client struct {
	o           Options
	api         *api // nil until the first Read
	accountID   string
	detectorID  string          // "" until it is found
	denied      map[string]bool // optional data whose denial has been logged
	listingSize int64
	// otherAccounts is set if the last snapshot with resources included other
	// accounts: the detector is an administrator's.
	otherAccounts  bool
	lastDetectorID atomic.Pointer[string] // the detector of the last successful Read; nil before
}

// NewClient returns a Client. It makes no calls.
func NewClient(o Options) *Client {
	return &Client{o: o, denied: map[string]bool{}, listingSize: listingSize}
}

// ServiceID is the aws_service label of the client's requests.
const ServiceID = guardduty.ServiceID

// Operations returns the operations that the client calls.
func (c *Client) Operations() []string {
	operations := []string{"GetCoverageStatistics", "ListCoverage"}
	if c.o.DetectorID == "" {
		operations = append(operations, "ListDetectors")
	}
	if c.o.Detector {
		operations = append(operations, "GetDetector")
	}
	if c.o.Members {
		operations = append(operations, "ListMembers", "GetMemberDetectors")
	}
	return operations
}

// Read returns a complete snapshot of the target or an error, see [awserr.State].
// With [coverage.ErrInvalidResponse] it may also return the optional data that it
// read before, for [coverage.Snapshot.WithOptional]. known is the last snapshot,
// nil for none. The detector's account is returned as soon as it is known, even
// with an error; while the credentials' is unknown, it is that of the resources if
// all have the same.
func (c *Client) Read(ctx context.Context, known *coverage.Snapshot) (accountID string, s *coverage.Snapshot, err error) {
	if err := c.connect(ctx); err != nil {
		return "", nil, err
	}
	if others := c.includesOthers(known); others || known != nil && len(known.Resources) > 0 {
		c.otherAccounts = others
	}
	s, err = c.read(ctx, known)
	if isStaleDetector(err) && c.o.DetectorID == "" {
		// The detector was deleted and may have been created again.
		c.detectorID = ""
		s, err = c.read(ctx, known)
	}
	if err == nil {
		c.lastDetectorID.Store(aws.String(c.detectorID))
	}
	if c.accountID == "" {
		return onlyAccount(s), s, err
	}
	return c.accountID, s, err
}

// onlyAccount returns the account of all resources of a snapshot, nil for none. It
// returns "" if there are members, or resources of several accounts.
func onlyAccount(s *coverage.Snapshot) string {
	if s == nil || len(s.Resources) == 0 || len(s.Members) > 0 {
		return ""
	}
	id := s.Resources[0].AccountID
	if slices.ContainsFunc(s.Resources, func(r coverage.Resource) bool { return r.AccountID != id }) {
		return ""
	}
	return id
}

func (c *Client) connect(ctx context.Context) error {
	accountID, err := c.o.AccountID(ctx)
	if err != nil {
		return err
	}
	c.accountID = cmp.Or(accountID, c.accountID)
	if c.api == nil {
		c.api = newAPI(guardduty.NewFromConfig(c.o.Config(accountID), guardduty.WithAPIOptions(recordFirstByte)))
	}
	return nil
}

// pass is one reading of the target.
type pass struct {
	snapshot *coverage.Snapshot // being built
	known    *coverage.Snapshot // the last one; empty for none
	features []coverage.Feature // the detector's own; nil if they were not read
	// memberFeatures is set if the features of all enabled members were read.
	memberFeatures bool
	accounts       []string  // whose resources the detector shows; nil if that is not known
	beforeAt       time.Time // the time of the first statistics' response, by AWS's clock; zero if there are none
}

func (c *Client) read(ctx context.Context, known *coverage.Snapshot) (*coverage.Snapshot, error) {
	if err := c.findDetector(ctx); err != nil {
		return nil, err
	}
	if known == nil {
		known = &coverage.Snapshot{}
	}
	p := &pass{known: known, snapshot: &coverage.Snapshot{
		ReadAt:           time.Now(),
		Types:            c.o.Types,
		Statistics:       map[coverage.ResourceType]coverage.Counts{},
		NarrowedByStatus: !c.o.Filter.CoverageStatus.IsEmpty(),
	}}
	if c.accountID != "" && c.o.Filter.IncludesAll(c.accountID) {
		p.snapshot.Accounts = []string{c.accountID}
	}
	for _, step := range []func(context.Context, *pass) error{
		c.readDetector, c.readMembers, c.readStatistics, c.readResources,
	} {
		err := step(ctx, p)
		if errors.Is(err, coverage.ErrInvalidResponse) {
			return p.optionalData(), err
		}
		if err != nil {
			return nil, err
		}
	}
	return p.snapshot, nil
}

func (c *Client) findDetector(ctx context.Context) error {
	if c.o.DetectorID != "" {
		c.detectorID = c.o.DetectorID
	}
	if c.detectorID != "" {
		return nil
	}
	var ids []string
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		out, err := c.api.listDetectors(ctx, &guardduty.ListDetectorsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		if out.DetectorIds == nil {
			return nil, fmt.Errorf("%w: no detectorIds", coverage.ErrInvalidResponse)
		}
		if slices.Contains(out.DetectorIds, "") {
			return nil, fmt.Errorf("%w: an empty detector ID", coverage.ErrInvalidResponse)
		}
		ids = append(ids, out.DetectorIds...)
		return out.NextToken, nil
	})
	if err != nil {
		return fmt.Errorf("find the detector: %w", err)
	}
	if len(ids) == 0 {
		return awserr.ErrNoDetector
	}
	c.detectorID = ids[0] // an account has at most one in a Region
	return nil
}

// isStaleDetector reports whether the detector no longer exists. The API has no
// error code for that, only a BadRequestException.
func isStaleDetector(err error) bool {
	var bad *types.BadRequestException
	return errors.As(err, &bad) && strings.Contains(bad.ErrorMessage(), "is not owned by the current account")
}
