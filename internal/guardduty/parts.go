package guardduty

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// part reads an optional part of the snapshot. Where AWS refuses it, the part
// alone is left out: the snapshot says so, and the log once.
func (c *Client) part(s *coverage.Snapshot, name, action string, read func() error) error {
	err := read()
	if err != nil && !isRefused(err) {
		return err
	}
	if err != nil && !c.refused[name] {
		c.o.Logger.Warn("a part of the target is left out, for AWS refuses to give it",
			"account_id", c.accountID, "part", name, "action", action, "err", err)
	}
	c.refused[name] = err != nil
	s.Capabilities = append(s.Capabilities, coverage.Capability{Name: name, OK: err == nil})
	return nil
}

func (c *Client) readDetector(ctx context.Context, s *coverage.Snapshot) error {
	if !c.o.Detector {
		return nil
	}
	return c.part(s, "detector", "guardduty:GetDetector", func() error {
		out, err := c.api.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(c.detector)})
		if err != nil {
			return fmt.Errorf("get the detector: %w", err)
		}
		if out.Status == "" {
			return fmt.Errorf("get the detector: %w: no status", coverage.ErrInvalidResponse)
		}
		s.Detectors = []coverage.Detector{{
			AccountID: c.accountID, Region: c.o.Region, Enabled: out.Status == types.DetectorStatusEnabled,
		}}
		for _, f := range out.Features {
			s.Features = append(s.Features, c.feature(f)...)
		}
		return nil
	})
}

// feature takes a detector's feature and its additional configurations.
func (c *Client) feature(f types.DetectorFeatureConfigurationResult) []coverage.Feature {
	feature := coverage.Feature{
		AccountID: c.accountID, Region: c.o.Region, Name: coverage.Sanitize(string(f.Name)),
		Enabled: f.Status == types.FeatureStatusEnabled, UpdatedAt: aws.ToTime(f.UpdatedAt),
	}
	features := []coverage.Feature{feature}
	for _, a := range f.AdditionalConfiguration {
		feature.Additional = coverage.Sanitize(string(a.Name))
		feature.Enabled = a.Status == types.FeatureStatusEnabled
		feature.UpdatedAt = aws.ToTime(a.UpdatedAt)
		features = append(features, feature)
	}
	return features
}

func (c *Client) readMembers(ctx context.Context, s *coverage.Snapshot) error {
	if !c.o.Members {
		return nil
	}
	if err := c.part(s, "members", "guardduty:ListMembers", func() error { return c.listMembers(ctx, s) }); err != nil {
		return err
	}
	if c.refused["members"] {
		s.Capabilities = append(s.Capabilities, coverage.Capability{Name: "member_detectors"})
		return nil
	}
	var enabled []string
	seen := map[string]bool{} // a member may move from one page to the next
	for _, m := range s.Members {
		if m.Relationship != coverage.RelationshipEnabled || seen[m.AccountID] {
			continue
		}
		seen[m.AccountID] = true
		enabled = append(enabled, m.AccountID)
		if c.o.Filter.speaksFor(m.AccountID) {
			s.Accounts = append(s.Accounts, m.AccountID)
		}
	}
	own := len(s.Features)
	return c.part(s, "member_detectors", "guardduty:GetMemberDetectors", func() error {
		for batch := range slices.Chunk(enabled, pageSize) {
			if err := c.readMemberDetectors(ctx, batch, s); err != nil {
				s.Features = s.Features[:own]
				return fmt.Errorf("get the members' detectors: %w", asStanding(err))
			}
		}
		return nil
	})
}

// listMembers takes no more of a member than its account and relationship: its
// e-mail address is nobody's business here.
func (c *Client) listMembers(ctx context.Context, s *coverage.Snapshot) error {
	in := &guardduty.ListMembersInput{
		DetectorId: aws.String(c.detector), MaxResults: aws.Int32(pageSize),
		OnlyAssociated: aws.String("false"), // those who have left, too
	}
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		out, err := c.api.ListMembers(ctx, in)
		if err != nil {
			return nil, err
		}
		if out.Members == nil {
			return nil, fmt.Errorf("%w: no members", coverage.ErrInvalidResponse)
		}
		for _, m := range out.Members {
			if aws.ToString(m.AccountId) == "" {
				return nil, fmt.Errorf("%w: a member without an account", coverage.ErrInvalidResponse)
			}
			s.Members = append(s.Members, coverage.Member{
				AccountID: coverage.Sanitize(aws.ToString(m.AccountId)), Region: c.o.Region,
				Relationship: coverage.Relationship(aws.ToString(m.RelationshipStatus)),
			})
		}
		return out.NextToken, nil
	})
	if err != nil {
		s.Members = nil
		return fmt.Errorf("list the members: %w", asStanding(err))
	}
	return nil
}

// readMemberDetectors takes the members' Runtime Monitoring. Accounts that AWS
// leaves unprocessed have no feature.
func (c *Client) readMemberDetectors(ctx context.Context, accountIDs []string, s *coverage.Snapshot) error {
	out, err := c.api.GetMemberDetectors(ctx, &guardduty.GetMemberDetectorsInput{
		DetectorId: aws.String(c.detector), AccountIds: accountIDs,
	})
	if err != nil {
		return err
	}
	if out.MemberDataSourceConfigurations == nil {
		return fmt.Errorf("%w: no members", coverage.ErrInvalidResponse)
	}
	if n := len(out.UnprocessedAccounts); n > 0 {
		c.o.Logger.DebugContext(ctx, "AWS left members unprocessed", "account_id", c.accountID, "members", n)
	}
	for _, m := range out.MemberDataSourceConfigurations {
		for _, f := range m.Features {
			if f.Name != types.OrgFeatureRuntimeMonitoring {
				continue
			}
			feature := coverage.Feature{
				AccountID: coverage.Sanitize(aws.ToString(m.AccountId)), Region: c.o.Region, Name: string(f.Name),
				Enabled: f.Status == types.FeatureStatusEnabled, UpdatedAt: aws.ToTime(f.UpdatedAt),
			}
			s.Features = append(s.Features, feature)
			for _, a := range f.AdditionalConfiguration {
				feature.Additional = coverage.Sanitize(string(a.Name))
				feature.Enabled = a.Status == types.FeatureStatusEnabled
				feature.UpdatedAt = aws.ToTime(a.UpdatedAt)
				s.Features = append(s.Features, feature)
			}
		}
	}
	return nil
}

// errNotAdministrator says that the account has no members to speak of.
var errNotAdministrator = errors.New("the account is no administrator")

// asStanding tells a 400 of a call that is an administrator's alone from a
// failure: that is how a member is refused.
func asStanding(err error) error {
	var bad *types.BadRequestException
	if errors.As(err, &bad) && !isForeignDetector(err) {
		return fmt.Errorf("%w: %w", errNotAdministrator, err)
	}
	return err
}

// isRefused tells a want of permission or standing from a failure. It goes by
// the code, for few operations have such an error in their model.
func isRefused(err error) bool {
	var api smithy.APIError
	return errors.Is(err, errNotAdministrator) || errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}

// isForeignDetector recognises the 400 that stands in for a 404: the API has
// no error of its own for a detector that is gone.
func isForeignDetector(err error) bool {
	var bad *types.BadRequestException
	return errors.As(err, &bad) && strings.Contains(bad.ErrorMessage(), "is not owned by the current account")
}
