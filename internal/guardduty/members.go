package guardduty

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// readMembers reads an administrator's members and their Runtime Monitoring.
func (c *Client) readMembers(ctx context.Context, p *pass) error {
	if !c.o.Members {
		return nil
	}
	s := p.snapshot
	ok, err := c.readOptional(s, coverage.MembersCapability, "guardduty:ListMembers", func() error {
		err := c.listMembers(ctx, s)
		if c.confirmOff(ctx, p, coverage.ECS, err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if !ok {
		s.Capabilities = append(s.Capabilities, coverage.Capability{Name: coverage.MemberDetectorsCapability})
		return nil
	}
	enabled := enabledMembers(s.Members)
	for _, id := range enabled {
		if c.o.Filter.IncludesAll(id) {
			s.Accounts = append(s.Accounts, id)
		}
	}
	if c.accountID != "" {
		p.accounts = append([]string{c.accountID}, enabled...)
	}
	own, unprocessed := len(s.Features), 0
	p.memberFeatures, err = c.readOptional(s, coverage.MemberDetectorsCapability, "guardduty:GetMemberDetectors", func() error {
		for chunk := range slices.Chunk(enabled, pageSize) {
			n, err := c.readMemberDetectors(ctx, chunk, s)
			if err != nil {
				s.Features = s.Features[:own]
				return fmt.Errorf("get the members' detectors: %w", asNotAdministrator(err))
			}
			unprocessed += n
		}
		s.UnprocessedMembers = &unprocessed
		return nil
	})
	p.memberFeatures = p.memberFeatures && unprocessed == 0
	return err
}

// enabledMembers returns the accounts whose resources the administrator sees,
// in the order of members, without duplicates: a member may move from one page
// to the next.
func enabledMembers(members []coverage.Member) (enabled []string) {
	seen := map[string]bool{}
	for _, m := range members {
		if m.Relationship == coverage.RelationshipEnabled && !seen[m.AccountID] {
			seen[m.AccountID] = true
			enabled = append(enabled, m.AccountID)
		}
	}
	return enabled
}

// listMembers reads each member's account and relationship, not its e-mail address.
func (c *Client) listMembers(ctx context.Context, s *coverage.Snapshot) error {
	in := &guardduty.ListMembersInput{
		DetectorId: aws.String(c.detectorID), MaxResults: aws.Int32(pageSize),
		OnlyAssociated: aws.String("false"), // includes members that have left
	}
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		in.NextToken = token
		return c.listMembersPage(ctx, in, func(m coverage.Member, _ string) { s.Members = append(s.Members, m) })
	})
	if err != nil {
		s.Members = nil
		return fmt.Errorf("list the members: %w", err)
	}
	return nil
}

// listMembersPage calls add for the members of one page, with the relationship as AWS
// has it. It returns the token of the next page.
func (c *Client) listMembersPage(
	ctx context.Context, in *guardduty.ListMembersInput, add func(coverage.Member, string),
) (*string, error) {
	out, err := c.api.listMembers(ctx, in)
	if err != nil {
		return nil, asNotAdministrator(err)
	}
	if out.Members == nil {
		return nil, missing("members", out.ResultMetadata)
	}
	for _, m := range out.Members {
		if aws.ToString(m.AccountId) == "" {
			return nil, fmt.Errorf("%w: a member without an account", coverage.ErrInvalidResponse)
		}
		add(coverage.Member{
			AccountID: keep(aws.ToString(m.AccountId)), Region: c.o.Region,
			Relationship: coverage.Relationship(aws.ToString(m.RelationshipStatus)),
		}, aws.ToString(m.RelationshipStatus))
	}
	return out.NextToken, nil
}

// readMemberDetectors reads the Runtime Monitoring of these members. Accounts that
// AWS does not return, because it leaves them unprocessed, have no features. Those
// that were not requested are ignored.
func (c *Client) readMemberDetectors(ctx context.Context, accountIDs []string, s *coverage.Snapshot) (unprocessed int, err error) {
	out, err := c.api.getMemberDetectors(ctx, &guardduty.GetMemberDetectorsInput{
		DetectorId: aws.String(c.detectorID), AccountIds: accountIDs,
	})
	if err != nil {
		return 0, err
	}
	if out.MemberDataSourceConfigurations == nil {
		return 0, fmt.Errorf("%w: no members", coverage.ErrInvalidResponse)
	}
	returned := map[string]bool{}
	for _, m := range out.MemberDataSourceConfigurations {
		if !slices.Contains(accountIDs, aws.ToString(m.AccountId)) {
			continue
		}
		returned[aws.ToString(m.AccountId)] = true
		for _, f := range m.Features {
			if f.Name != types.OrgFeatureRuntimeMonitoring {
				continue
			}
			member := coverage.Feature{
				AccountID: keep(aws.ToString(m.AccountId)), Region: c.o.Region, Name: runtimeMonitoring,
			}
			s.Features = append(s.Features, withStatus(member, f.Status, f.ManagedBy, f.UpdatedAt))
			for _, a := range f.AdditionalConfiguration {
				member.Additional = keep(string(a.Name))
				s.Features = append(s.Features, withStatus(member, a.Status, a.ManagedBy, a.UpdatedAt))
			}
		}
	}
	return len(accountIDs) - len(returned), nil
}

// errNotAdministrator means that the account may not call an operation that
// only administrators may call.
var errNotAdministrator = errors.New("the account is not an administrator")

// asNotAdministrator marks the BadRequestException that operations for
// administrators return to a member account.
func asNotAdministrator(err error) error {
	var bad *types.BadRequestException
	if errors.As(err, &bad) && !isStaleDetector(err) {
		return fmt.Errorf("%w: %w", errNotAdministrator, err)
	}
	return err
}
