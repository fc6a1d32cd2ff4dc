package guardduty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Probe is what the calls of a target return if each is made once, with the
// smallest page. Its fields are zero where a call failed or is not made.
type Probe struct {
	Steps      []Step
	AccountID  string // of the credentials; "" if it is not known
	DetectorID string // "" if there is none
	Enabled    bool   // of the detector
	// Features are those of the detector and of the first members; nil if they were
	// not read.
	Features []coverage.Feature
	Members  []coverage.Member // of the first pages
	More     bool              // whether there are more members
	// Relationships counts these members by relationship, as AWS spells it.
	Relationships map[string]int
	// Cluster is an ECS cluster that the target shows; nil if there is none.
	Cluster *coverage.Row
}

// Step is one call of a Probe, or the first pages of a list.
type Step struct {
	Operation string
	Type      coverage.ResourceType // that is listed or counted; "" for none
	Err       error
}

// MaxProbeMembers is how many members a Probe lists.
const MaxProbeMembers = 4 * pageSize

// IsNotAdministrator reports whether an error of ListMembers or GetMemberDetectors
// means that the account is not an administrator's.
func IsNotAdministrator(err error) bool { return errors.Is(err, errNotAdministrator) }

// Probe makes every call of [Client.Read] once. It stops after a call without which
// no other can be made. It must not be called concurrently with itself or with Read.
func (c *Client) Probe(ctx context.Context) (Probe, error) {
	var p Probe
	if err := c.connect(ctx); err != nil {
		return p, err
	}
	p.AccountID = c.accountID
	if c.o.DetectorID == "" && !p.step("ListDetectors", "", c.findDetector(ctx)) {
		return p, nil
	}
	c.detectorID = cmp.Or(c.o.DetectorID, c.detectorID)
	p.DetectorID = c.detectorID
	if c.o.Detector {
		var err error
		p.Enabled, p.Features, err = c.getDetector(ctx)
		p.step("GetDetector", "", err)
	}
	if c.o.Members {
		c.probeMembers(ctx, &p)
	}
	c.probeStatistics(ctx, &p)
	for _, t := range slices.Sorted(slices.Values(c.o.Types)) {
		rows, err := c.listPage(ctx, t, c.o.Filter, Page{Size: 1})
		if c.isOff(ctx, p, t, err) {
			err = nil
		}
		p.step("ListCoverage", t, err)
		if t == coverage.ECS && len(rows) > 0 {
			p.Cluster = &rows[0].Row
		}
	}
	return p, nil
}

// step adds a call and reports whether it succeeded.
func (p *Probe) step(operation string, t coverage.ResourceType, err error) bool {
	p.Steps = append(p.Steps, Step{operation, t, err})
	return err == nil
}

func (c *Client) probeMembers(ctx context.Context, p *Probe) {
	in := &guardduty.ListMembersInput{
		DetectorId: aws.String(c.detectorID), MaxResults: aws.Int32(pageSize), OnlyAssociated: aws.String("false"),
	}
	var s coverage.Snapshot
	var err error
	p.Relationships = map[string]int{}
	add := func(m coverage.Member, relationship string) {
		s.Members = append(s.Members, m)
		p.Relationships[keep(relationship)]++
	}
	for len(s.Members) < MaxProbeMembers && err == nil {
		var next *string
		if next, err = c.listMembersPage(ctx, in, add); aws.ToString(next) == "" {
			break
		}
		in.NextToken = next
		p.More = len(s.Members) >= MaxProbeMembers
	}
	if !p.step("ListMembers", "", err) {
		return
	}
	p.Members = s.Members
	enabled := enabledMembers(s.Members)
	if len(enabled) == 0 {
		return
	}
	_, err = c.readMemberDetectors(ctx, enabled[:min(len(enabled), pageSize)], &s)
	p.step("GetMemberDetectors", "", asNotAdministrator(err))
	p.Features = append(p.Features, s.Features...)
}

func (c *Client) probeStatistics(ctx context.Context, p *Probe) {
	for _, t := range slices.Sorted(slices.Values(c.o.Types)) {
		if !c.hasStatistics(t) {
			continue
		}
		_, _, err := c.countByStatus(ctx, t)
		if c.isOff(ctx, *p, t, err) {
			err = nil
		}
		p.step("GetCoverageStatistics", t, err)
	}
}

// isOff is confirmOff for a probe.
func (c *Client) isOff(ctx context.Context, p Probe, t coverage.ResourceType, err error) bool {
	return c.confirmOff(ctx, &pass{features: p.Features, snapshot: &coverage.Snapshot{}}, t, err)
}

// Page is how many rows of a listing are returned, and in which order.
type Page struct {
	Size     int32
	ByUpdate bool // the last changed first, instead of by name
}

// FoundRow is a row with what the exporter does not use.
type FoundRow struct {
	coverage.Row
	ResourceID string
}

// ErrNoList means that a response is a JSON object without the list.
var ErrNoList = errMissingList

// ListPage returns the first page of a listing, without the target's own filter.
// It must be called after [Client.Probe] has found the detector.
func (c *Client) ListPage(ctx context.Context, t coverage.ResourceType, f coverage.Filter, p Page) ([]FoundRow, error) {
	return c.listPage(ctx, t, f, p)
}

func (c *Client) listPage(ctx context.Context, t coverage.ResourceType, f coverage.Filter, p Page) ([]FoundRow, error) {
	order := &types.CoverageSortCriteria{AttributeName: resourceTypes[t].sortKey, OrderBy: types.OrderByAsc}
	if p.ByUpdate {
		order = &types.CoverageSortCriteria{AttributeName: types.CoverageSortKeyUpdatedAt, OrderBy: types.OrderByDesc}
	}
	out, err := c.api.listCoverage(ctx, &guardduty.ListCoverageInput{
		DetectorId: aws.String(c.detectorID), FilterCriteria: criteria(f, t), MaxResults: aws.Int32(p.Size), SortCriteria: order,
	})
	if err == nil && out.Resources == nil {
		err = missing("resources", out.ResultMetadata)
	}
	if err != nil {
		return nil, fmt.Errorf("list coverage of %s: %w", t, err)
	}
	var rows []FoundRow
	for _, r := range out.Resources {
		if !isOfType(r, t) {
			return nil, fmt.Errorf("list coverage of %s: %w: a row of another type", t, coverage.ErrInvalidResponse)
		}
		row, err := convert(r, t, c.o.Region)
		if err != nil {
			return nil, err
		}
		rows = append(rows, FoundRow{row, aws.ToString(r.ResourceId)})
	}
	return rows, nil
}

// Count counts the resources of a type that match f by status, without the target's
// own filter. It must be called after [Client.Probe] has found the detector.
func (c *Client) Count(ctx context.Context, t coverage.ResourceType, f coverage.Filter) (map[string]int64, time.Time, error) {
	return c.statistics(ctx, types.CoverageStatisticsTypeCountByCoverageStatus, criteria(f, t))
}
