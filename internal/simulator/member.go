package simulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// Values of relationshipStatus. Disabled is a member whose monitoring the
// administrator has stopped.
const (
	relationEnabled  = "Enabled"
	relationDisabled = "Disabled"
	relationInvited  = "Invited"
	relationRemoved  = "Removed"
)

// member is an element of ListMembers' members; its times are text.
type member struct {
	AccountID          string `json:"accountId"`
	DetectorID         string `json:"detectorId,omitempty"`
	MasterID           string `json:"masterId"`
	AdministratorID    string `json:"administratorId"`
	Email              string `json:"email"`
	RelationshipStatus string `json:"relationshipStatus"`
	InvitedAt          string `json:"invitedAt"`
	UpdatedAt          string `json:"updatedAt"`
}

// associated reports whether the account was invited and has not left.
func (m member) associated() bool {
	return slices.Contains([]string{relationEnabled, relationDisabled, relationInvited}, m.RelationshipStatus)
}

// relationship returns the relationshipStatus of one of d's members.
func (s *Server) relationship(d *Detector, member string) string {
	if status := d.Relationships[member]; status != "" {
		return status
	}
	if a := s.index.accounts[member]; a != nil && a.Detector(d.Region) != nil {
		return relationEnabled
	}
	return relationRemoved
}

// administers reports whether the administrator's detector d manages the account.
func (s *Server) administers(d *Detector, accountID string) bool {
	return slices.Contains(d.Members, accountID) &&
		slices.Contains([]string{relationEnabled, relationDisabled}, s.relationship(d, accountID))
}

// administratorDetector is ownDetector for calls that members may not make.
func (s *Server) administratorDetector(req *request) (*Detector, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	for _, above := range s.index.administrators {
		if above.Region == d.Region && s.administers(above, req.session.AccountID) {
			return nil, badRequest("the current account is a member account and cannot call %s.", req.call.Operation)
		}
	}
	return d, nil
}

// listMembers lists the members by account ID.
func (s *Server) listMembers(req *request) (any, error) {
	d, err := s.administratorDetector(req)
	if err != nil {
		return nil, err
	}
	page, err := readPage(req, "maxResults", "nextToken", "onlyAssociated")
	if err != nil {
		return nil, err
	}
	onlyAssociated := page.query.Get("onlyAssociated")
	if !slices.Contains([]string{"", "true", "false"}, onlyAssociated) {
		return nil, invalidParameter("onlyAssociated %q", onlyAssociated)
	}
	scope := strings.Join([]string{req.call.Operation, d.ID, onlyAssociated}, "\n")
	var after string
	if page.token != "" && !s.tokens.Decode(scope, page.token, &after) {
		return nil, invalidParameter("nextToken")
	}

	out := struct {
		Members   []member `json:"members"`
		NextToken string   `json:"nextToken,omitempty"`
	}{Members: []member{}}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(d.Members))) {
		if id <= after {
			continue
		}
		m := s.member(req.session.AccountID, id, d)
		if !m.associated() && onlyAssociated != "false" {
			continue
		}
		if len(out.Members) == page.limit {
			if out.NextToken, err = s.tokens.Encode(scope, out.Members[page.limit-1].AccountID); err != nil {
				return nil, fmt.Errorf("encode the page token: %w", err)
			}
			break
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

// member returns the member account id of the administrator's detector d.
func (s *Server) member(administrator, id string, d *Detector) member {
	m := member{
		AccountID: id, MasterID: administrator, AdministratorID: administrator,
		RelationshipStatus: s.relationship(d, id),
		InvitedAt:          d.CreatedAt.UTC().Format(isoLayout), UpdatedAt: d.CreatedAt.UTC().Format(isoLayout),
	}
	if a := s.index.accounts[id]; a != nil {
		m.Email = a.Email
		if own := a.Detector(d.Region); own != nil {
			m.DetectorID = own.ID
			m.UpdatedAt = own.CreatedAt.UTC().Format(isoLayout)
		}
	}
	return m
}

// memberFeatures is an element of GetMemberDetectors' members.
type memberFeatures struct {
	AccountID   string      `json:"accountId"`
	DataSources dataSources `json:"dataSources"`
	Features    []feature   `json:"features"`
}

// unprocessedAccount is an account without a result in a call for several.
type unprocessedAccount struct {
	AccountID string `json:"accountId"`
	Result    string `json:"result"`
}

// getMembers returns members of any relationship. Accounts that were never
// members are listed as unprocessed.
func (s *Server) getMembers(req *request) (any, error) {
	return forAccounts(s, req, func(d *Detector, id string) (member, bool) {
		return s.member(req.session.AccountID, id, d), slices.Contains(d.Members, id)
	})
}

// getMemberDetectors returns the features of members. Accounts that are not
// members are listed as unprocessed.
func (s *Server) getMemberDetectors(req *request) (any, error) {
	return forAccounts(s, req, func(d *Detector, id string) (memberFeatures, bool) {
		a := s.index.accounts[id]
		if a == nil || !s.administers(d, id) || a.Detector(d.Region) == nil {
			return memberFeatures{}, false
		}
		own := a.Detector(d.Region)
		return memberFeatures{id, own.dataSources(), own.memberFeatures()}, true
	})
}

// forAccounts returns the response of a call for several accounts of the
// caller's members. get reports whether the account is a member.
func forAccounts[M any](s *Server, req *request, get func(d *Detector, id string) (M, bool)) (any, error) {
	d, err := s.administratorDetector(req)
	if err != nil {
		return nil, err
	}
	var in struct {
		AccountIDs []string `json:"accountIds"`
	}
	if err := awswire.Decode(req.body, &in, "accountIds"); err != nil {
		return nil, badRequest("%v", err)
	}
	if n := len(in.AccountIDs); n < 1 || n > pageLimit {
		return nil, invalidParameter("accountIds has %d accounts, not between 1 and %d", n, pageLimit)
	}
	out := struct {
		Members     []M                  `json:"members"`
		Unprocessed []unprocessedAccount `json:"unprocessedAccounts"`
	}{[]M{}, []unprocessedAccount{}}
	for _, id := range in.AccountIDs {
		if m, found := get(d, id); found {
			out.Members = append(out.Members, m)
			continue
		}
		out.Unprocessed = append(out.Unprocessed, unprocessedAccount{
			id, "The request is rejected because the given account ID is not an associated member of account the current account.",
		})
	}
	return out, nil
}
