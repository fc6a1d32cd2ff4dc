// Package guardduty reads the coverage of one target from the GuardDuty API. It
// is the only importer of the SDK's service/guardduty, whose types end here.
//
// Source: the operations ListDetectors, GetCoverageStatistics, ListCoverage,
// GetDetector, ListMembers and GetMemberDetectors of the GuardDuty API reference.
package guardduty

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Options of a Client. Those without a word on being empty are required.
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
	// Types are the resource types to list.
	Types []coverage.ResourceType
	// OnlyECS leaves EC2 instances out that serve no ECS cluster.
	OnlyECS bool
	// Detector asks for the detector's status and features too.
	Detector bool
	// Members asks an administrator's detector for the member accounts too.
	Members bool
	// RequestsPerSecond is the rate that Config brings; 0 for none.
	RequestsPerSecond float64
}

// Client reads one target. Read is for one goroutine at a time; the other
// methods may be called beside it, and by several.
type Client struct {
	o           Options
	api         *guardduty.Client // nil until the account is known
	accountID   string
	detector    string          // as found; "" when it has to be asked for
	refused     map[string]bool // parts that are not permitted, and the log says so
	chainLength int64
	answering   atomic.Pointer[string] // the detector of the last good Read; nil before
}

// NewClient returns a Client. It calls nothing yet.
func NewClient(o Options) *Client {
	return &Client{o: o, refused: map[string]bool{}, chainLength: chainLength}
}

// Read makes a whole snapshot of the target or returns an error, see [awserr.State].
// known is the last one, nil for none. It returns the account of the detector
// as soon as that is known, also with an error.
func (c *Client) Read(ctx context.Context, known *coverage.Snapshot) (accountID string, s *coverage.Snapshot, err error) {
	if err := c.connect(ctx); err != nil {
		return "", nil, err
	}
	s, err = c.read(ctx, known)
	if isForeignDetector(err) && c.o.DetectorID == "" {
		// The detector was deleted and perhaps created again: ask once more.
		c.detector = ""
		s, err = c.read(ctx, known)
	}
	if err == nil {
		c.answering.Store(aws.String(c.detector))
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

func (c *Client) read(ctx context.Context, known *coverage.Snapshot) (*coverage.Snapshot, error) {
	if err := c.findDetector(ctx); err != nil {
		return nil, err
	}
	s := &coverage.Snapshot{
		Types:            c.o.Types,
		Statistics:       map[coverage.ResourceType]map[coverage.Status]int64{},
		NarrowedByStatus: !c.o.Filter.CoverageStatus.isEmpty(),
	}
	if c.o.Filter.speaksFor(c.accountID) {
		s.Accounts = []string{c.accountID}
	}
	if err := c.readDetector(ctx, s); err != nil {
		return nil, err
	}
	if err := c.readMembers(ctx, s); err != nil {
		return nil, err
	}
	began, err := c.readStatistics(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.readResources(ctx, began, s, known); err != nil {
		return nil, err
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
		return fmt.Errorf("find the detector: %w: ListDetectors answered without detectorIds", coverage.ErrInvalidResponse)
	}
	if len(out.DetectorIds) == 0 {
		return awserr.ErrNoDetector
	}
	c.detector = out.DetectorIds[0] // an account has at most one in a Region
	return nil
}
