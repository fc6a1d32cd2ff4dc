package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// optedRegion is an element of ListRegions' Regions.
type optedRegion struct {
	Name   string `json:"RegionName"`
	Status string `json:"RegionOptStatus"`
}

// listRegions lists the Regions of the caller's account by name.
func (s *Server) listRegions(req *request) (any, error) {
	var in struct {
		AccountID               string   `json:"AccountId"`
		MaxResults              *int     `json:"MaxResults"`
		NextToken               string   `json:"NextToken"`
		RegionOptStatusContains []string `json:"RegionOptStatusContains"`
	}
	if err := awswire.Decode(req.body, &in, "AccountId", "MaxResults", "NextToken", "RegionOptStatusContains"); err != nil {
		return nil, validationException("%v", err)
	}
	if in.AccountID != "" && in.AccountID != req.session.AccountID {
		return nil, &awswire.APIError{
			Status: http.StatusForbidden, Code: "AccessDeniedException",
			Message: "User: " + req.session.callerARN() + " is not authorized to perform: account:ListRegions on another account",
		}
	}
	for _, status := range in.RegionOptStatusContains {
		if !slices.Contains([]string{regionEnabled, "ENABLING", "DISABLING", regionDisabled, regionByDefault}, status) {
			return nil, validationException("RegionOptStatusContains %q is not a status", status)
		}
	}
	limit := pageLimit
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > pageLimit {
		return nil, validationException("MaxResults %d is not between 1 and %d", limit, pageLimit)
	}
	scope := strings.Join(append([]string{req.call.Operation, req.session.AccountID}, in.RegionOptStatusContains...), "\n")
	var after string
	if in.NextToken != "" && !s.tokens.Decode(scope, in.NextToken, &after) {
		return nil, validationException("NextToken is invalid")
	}

	out := struct {
		Regions   []optedRegion `json:"Regions"`
		NextToken string        `json:"NextToken,omitempty"`
	}{Regions: []optedRegion{}}
	for _, name := range slices.Sorted(slices.Values(s.world.regions())) {
		status := s.world.regionStatus(s.index.accounts[req.session.AccountID], name)
		if name <= after || len(in.RegionOptStatusContains) > 0 && !slices.Contains(in.RegionOptStatusContains, status) {
			continue
		}
		if len(out.Regions) == limit {
			var err error
			if out.NextToken, err = s.tokens.Encode(scope, out.Regions[limit-1].Name); err != nil {
				return nil, fmt.Errorf("encode the page token: %w", err)
			}
			break
		}
		out.Regions = append(out.Regions, optedRegion{name, status})
	}
	return out, nil
}

// validationException returns the Account API's error for an invalid input.
func validationException(format string, args ...any) error {
	return awswire.Errorf("ValidationException", format, args...)
}
