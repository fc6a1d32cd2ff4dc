package simulator

import (
	"fmt"
	"net/http"
	"slices"
)

// accountsLimit is the most, and by default, that a page of ListAccounts holds.
const accountsLimit = 20

// organisationAccount is an element of ListAccounts' Accounts. JoinedTimestamp
// is a number of epoch seconds.
type organisationAccount struct {
	ID              string  `json:"Id"`
	ARN             string  `json:"Arn"`
	Email           string  `json:"Email"`
	Name            string  `json:"Name"`
	Status          string  `json:"Status,omitempty"`
	State           string  `json:"State"`
	JoinedMethod    string  `json:"JoinedMethod"`
	JoinedTimestamp float64 `json:"JoinedTimestamp,omitempty"`
}

// accountsPosition is where a page of ListAccounts ended.
type accountsPosition struct {
	After string // the last account ID
	Empty int    // how many empty pages came after it
}

// ids returns the IDs of every account of the organisation, in order.
func (o *Organisation) ids() []string {
	ids := slices.Concat([]string{o.ManagementAccount}, o.Delegated, o.Accounts)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// callerOrganisation returns the organisation of the caller, who must be one
// that may list its accounts.
func (s *Server) callerOrganisation(req *request) (*Organisation, error) {
	o, caller := s.world.Organisation, req.session.AccountID
	if o == nil || !slices.Contains(o.ids(), caller) {
		return nil, &fault{
			status: http.StatusBadRequest, code: "AWSOrganizationsNotInUseException",
			message: "Your account is not a member of an organization.",
		}
	}
	if caller != o.ManagementAccount && !slices.Contains(o.Delegated, caller) {
		return nil, &fault{
			status: http.StatusBadRequest, code: "AccessDeniedException",
			message: "You don't have permissions to access this resource.",
		}
	}
	return o, nil
}

// listAccounts lists the accounts of the caller's organisation by ID.
func (s *Server) listAccounts(req *request) (any, error) {
	o, err := s.callerOrganisation(req)
	if err != nil {
		return nil, err
	}
	in := struct {
		MaxResults int    `json:"MaxResults"`
		NextToken  string `json:"NextToken"`
	}{MaxResults: accountsLimit}
	if err := decode(req.body, &in, "MaxResults", "NextToken"); err != nil {
		return nil, invalidInput("%v", err)
	}
	if in.MaxResults < 1 || in.MaxResults > accountsLimit {
		return nil, invalidInput("MaxResults %d is not between 1 and %d", in.MaxResults, accountsLimit)
	}
	const purpose = "ListAccounts"
	var at accountsPosition
	if in.NextToken != "" && !s.sealer.open(purpose+o.ManagementAccount, in.NextToken, &at) {
		return nil, invalidInput("NextToken is invalid")
	}

	out := struct {
		Accounts  []organisationAccount `json:"Accounts"`
		NextToken string                `json:"NextToken,omitempty"`
	}{Accounts: []organisationAccount{}}
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
	if out.NextToken, err = s.sealer.seal(purpose+o.ManagementAccount, at); err != nil {
		return nil, fmt.Errorf("seal the page token: %w", err)
	}
	return out, nil
}

// describe writes accounts of the organisation as the API does. Those that the
// world does not have otherwise are without a name.
func (s *Server) describe(o *Organisation, ids []string) []organisationAccount {
	list := []organisationAccount{}
	for _, id := range ids {
		out := organisationAccount{
			ID: id, ARN: "arn:aws:organizations::" + o.ManagementAccount + ":account/o-simulator0/" + id,
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
		// the elder member, which knows fewer words
		if slices.Contains([]string{"ACTIVE", "SUSPENDED", "PENDING_CLOSURE"}, out.State) {
			out.Status = out.State
		}
		list = append(list, out)
	}
	return list
}

// invalidInput is Organizations' refusal of an input.
func invalidInput(format string, args ...any) error {
	return &fault{status: http.StatusBadRequest, code: "InvalidInputException", message: fmt.Sprintf(format, args...)}
}
