package simulator

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// accountsLimit is the maximum and default number of accounts of a page.
const accountsLimit = 20

// organizationAccount is an element of ListAccounts' Accounts. JoinedTimestamp
// is a number of epoch seconds.
type organizationAccount struct {
	ID              string  `json:"Id"`
	ARN             string  `json:"Arn"`
	Email           string  `json:"Email"`
	Name            string  `json:"Name"`
	Status          string  `json:"Status,omitempty"`
	State           string  `json:"State"`
	JoinedMethod    string  `json:"JoinedMethod"`
	JoinedTimestamp float64 `json:"JoinedTimestamp,omitempty"`
}

// accountsPosition is the end of a page of ListAccounts.
type accountsPosition struct {
	After string // the last account ID
	Empty int    // how many empty pages followed it
}

// ids returns the sorted IDs of all accounts of the organization.
func (o *Organization) ids() []string {
	ids := slices.Concat([]string{o.ManagementAccount}, o.Delegated, o.Accounts)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// callerOrganization returns the caller's organization, if the caller may list its
// accounts.
func (s *Server) callerOrganization(req *request) (*Organization, error) {
	o, caller := s.world.Organization, req.session.AccountID
	if o == nil || !slices.Contains(o.ids(), caller) {
		return nil, &awswire.APIError{
			Status: http.StatusBadRequest, Code: "AWSOrganizationsNotInUseException",
			Message: "Your account is not a member of an organization.",
		}
	}
	if caller != o.ManagementAccount && !slices.Contains(o.Delegated, caller) {
		return nil, &awswire.APIError{
			Status: http.StatusBadRequest, Code: "AccessDeniedException",
			Message: "You don't have permissions to access this resource.",
		}
	}
	return o, nil
}

// listAccounts lists the accounts of the caller's organization by ID.
func (s *Server) listAccounts(req *request) (any, error) {
	o, err := s.callerOrganization(req)
	if err != nil {
		return nil, err
	}
	in := struct {
		MaxResults int    `json:"MaxResults"`
		NextToken  string `json:"NextToken"`
	}{MaxResults: accountsLimit}
	if err := awswire.Decode(req.body, &in, "MaxResults", "NextToken"); err != nil {
		return nil, invalidInput("%v", err)
	}
	if in.MaxResults < 1 || in.MaxResults > accountsLimit {
		return nil, invalidInput("MaxResults %d is not between 1 and %d", in.MaxResults, accountsLimit)
	}
	const scope = "ListAccounts"
	var at accountsPosition
	if in.NextToken != "" && !s.tokens.Decode(scope+o.ManagementAccount, in.NextToken, &at) {
		return nil, invalidInput("NextToken is invalid")
	}

	out := struct {
		Accounts  []organizationAccount `json:"Accounts"`
		NextToken string                `json:"NextToken,omitempty"`
	}{Accounts: []organizationAccount{}}
	rest := slices.DeleteFunc(o.ids(), func(id string) bool { return id <= at.After })
	switch {
	case at.Empty < o.EmptyPages:
		at.Empty++
	case len(rest) > in.MaxResults:
		rest = rest[:in.MaxResults]
		at = accountsPosition{After: rest[in.MaxResults-1]}
		out.Accounts = s.describe(o, rest)
	default:
		out.Accounts = s.describe(o, rest)
		return out, nil
	}
	if out.NextToken, err = s.tokens.Encode(scope+o.ManagementAccount, at); err != nil {
		return nil, fmt.Errorf("encode the page token: %w", err)
	}
	return out, nil
}

// describe returns accounts in the form of the API. Accounts that are not in the
// world have no name.
func (s *Server) describe(o *Organization, ids []string) []organizationAccount {
	list := []organizationAccount{}
	for _, id := range ids {
		out := organizationAccount{
			ID: id, ARN: "arn:" + s.world.partition() + ":organizations::" + o.ManagementAccount + ":account/o-simulator0/" + id,
			State: "ACTIVE", JoinedMethod: "CREATED",
		}
		if id == o.ManagementAccount {
			out.JoinedMethod = "INVITED"
		}
		if a := s.index.accounts[id]; a != nil {
			out.Name, out.Email = a.Name, a.Email
			if a.State != "" {
				out.State = a.State
			}
			if !a.JoinedAt.IsZero() {
				out.JoinedTimestamp = float64(a.JoinedAt.UnixMilli()) / 1000
			}
		}
		// Status, the deprecated member, has fewer values than State.
		if slices.Contains([]string{"ACTIVE", "SUSPENDED", "PENDING_CLOSURE"}, out.State) {
			out.Status = out.State
		}
		list = append(list, out)
	}
	return list
}

// invalidInput returns Organizations' error for an invalid input.
func invalidInput(format string, args ...any) error {
	return awswire.Errorf("InvalidInputException", format, args...)
}
