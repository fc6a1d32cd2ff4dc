package simulator

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// pageLimit is the maximum and default number of elements of a page.
const pageLimit = 50

// listCoverageInput is the body of ListCoverage.
type listCoverageInput struct {
	FilterCriteria filterCriteria `json:"filterCriteria"`
	SortCriteria   sortCriteria   `json:"sortCriteria"`
	MaxResults     *int           `json:"maxResults"`
	NextToken      string         `json:"nextToken"`
}

type listCoverageOutput struct {
	Resources []coverageResource `json:"resources"`
	NextToken string             `json:"nextToken,omitempty"`
}

func (s *Server) listCoverage(req *request) (any, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	in, err := readListCoverage(req.body)
	if err != nil {
		return nil, err
	}
	scope, err := in.scope(req, d)
	if err != nil {
		return nil, err
	}
	var after *position
	if in.NextToken != "" && !s.tokens.Decode(scope, in.NextToken, &after) {
		return nil, invalidParameter("nextToken")
	}
	limit := pageLimit
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}

	resources := s.index.accounts
	if s.world.FilteredIndex != nil && in.FilterCriteria.isNarrow() {
		resources = s.index.filtered
	}
	rows := in.page(s.rows(req.session.AccountID, d, resources), after, limit+1) // one more, to detect a next page
	out := listCoverageOutput{Resources: []coverageResource{}}
	for _, r := range rows[:min(limit, len(rows))] {
		out.Resources = append(out.Resources, r.toWire())
	}
	if len(rows) > limit {
		if out.NextToken, err = s.tokens.Encode(scope, rows[limit-1].at); err != nil {
			return nil, fmt.Errorf("encode the page token: %w", err)
		}
	}
	return out, nil
}

// page returns the first n rows that match the filter, in the requested order and
// after the position, if any.
func (in listCoverageInput) page(all iter.Seq[coverageRow], after *position, n int) []coverageRow {
	order := in.SortCriteria
	var page []coverageRow
	for r := range all {
		if !in.FilterCriteria.matches(r) {
			continue
		}
		r.at.Key, _ = r.value(order.AttributeName)
		if after != nil && order.compareKeys(r.at, *after) < 0 || len(page) == n && order.compareKeys(r.at, page[n-1].at) > 0 {
			continue // most rows of a large listing
		}
		r.at.ID = r.arn(r.account)
		if after != nil && order.compare(r.at, *after) <= 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(page, r, func(a, b coverageRow) int { return order.compare(a.at, b.at) })
		if i < n {
			page = slices.Insert(page[:min(len(page), n-1)], i, r)
		}
	}
	return page
}

// readListCoverage decodes and validates the body of ListCoverage.
func readListCoverage(body []byte) (listCoverageInput, error) {
	var in listCoverageInput
	err := awswire.Decode(body, &in, "filterCriteria", "filterCriterion", "criterionKey", "filterCondition", "equals",
		"notEquals", "sortCriteria", "attributeName", "orderBy", "maxResults", "nextToken")
	if err != nil {
		return in, badRequest("%v", err)
	}
	if err := in.FilterCriteria.validate(); err != nil {
		return in, err
	}
	if err := in.SortCriteria.validate(in.FilterCriteria); err != nil {
		return in, err
	}
	if in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > pageLimit) {
		return in, invalidParameter("maxResults %d is not between 1 and %d", *in.MaxResults, pageLimit)
	}
	return in, nil
}

// scope returns the scope of page tokens: the detector, the filter and the order.
func (in listCoverageInput) scope(req *request, d *Detector) (string, error) {
	query, err := json.Marshal([]any{req.call.Operation, d.ID, in.FilterCriteria, in.SortCriteria})
	if err != nil {
		return "", fmt.Errorf("encode the query of a page token: %w", err)
	}
	return string(query), nil
}

// rows returns every row that the account's detector lists: those of the account
// and of its enabled members, in no particular order. The rows are those of
// resources, which has accounts by ID.
func (s *Server) rows(accountID string, d *Detector, resources map[string]*Account) iter.Seq[coverageRow] {
	return func(yield func(coverageRow) bool) {
		if !d.monitors() {
			return
		}
		for _, id := range append([]string{accountID}, d.Members...) {
			a := s.index.accounts[id]
			if a == nil || id != accountID && s.relationship(d, id) != relationEnabled {
				continue
			}
			own := a.Detector(d.Region)
			if own == nil || !own.monitors() || resources[id] == nil {
				continue
			}
			for r := range resources[id].listed(d.Region) {
				if !yield(coverageRow{resource: r, account: id, detectorID: own.ID}) {
					return
				}
			}
		}
	}
}

// Statistics of GetCoverageStatistics.
const (
	countByResourceType   = "COUNT_BY_RESOURCE_TYPE"
	countByCoverageStatus = "COUNT_BY_COVERAGE_STATUS"
)

type coverageStatistics struct {
	ByResourceType   map[string]int64 `json:"countByResourceType,omitempty"`
	ByCoverageStatus map[string]int64 `json:"countByCoverageStatus,omitempty"`
}

func (s *Server) getCoverageStatistics(req *request) (any, error) {
	d, err := s.ownDetector(req)
	if err != nil {
		return nil, err
	}
	var in struct {
		StatisticsType []string       `json:"statisticsType"`
		FilterCriteria filterCriteria `json:"filterCriteria"`
	}
	err = awswire.Decode(req.body, &in, "statisticsType", "filterCriteria", "filterCriterion", "criterionKey",
		"filterCondition", "equals", "notEquals")
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if err := in.FilterCriteria.validate(); err != nil {
		return nil, err
	}
	if len(in.StatisticsType) == 0 {
		return nil, invalidParameter("statisticsType is missing")
	}
	var out struct {
		CoverageStatistics coverageStatistics `json:"coverageStatistics"`
	}
	for _, statistic := range in.StatisticsType {
		switch statistic {
		case countByResourceType:
			out.CoverageStatistics.ByResourceType = map[string]int64{}
		case countByCoverageStatus:
			out.CoverageStatistics.ByCoverageStatus = map[string]int64{}
		default:
			return nil, invalidParameter("statisticsType %q", statistic)
		}
	}
	for r := range s.rows(req.session.AccountID, d, s.index.accounts) {
		if !in.FilterCriteria.matches(r) {
			continue
		}
		if m := out.CoverageStatistics.ByResourceType; m != nil {
			m[r.resourceType()]++
		}
		if m := out.CoverageStatistics.ByCoverageStatus; m != nil {
			m[r.CoverageStatus()]++
		}
	}
	return out, nil
}
