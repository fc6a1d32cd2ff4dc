package simulator

import (
	"cmp"
	"slices"
	"strings"
)

// Statuses, kinds and keys of the coverage API that have a meaning here.
const (
	resourceECS = "ECS"

	keyAccountID      = "ACCOUNT_ID"
	keyResourceType   = "RESOURCE_TYPE"
	keyCoverageStatus = "COVERAGE_STATUS"
	keyECSClusterName = "ECS_CLUSTER_NAME"
	keyManagementType = "MANAGEMENT_TYPE"
	keyIssue          = "ISSUE"
	keyUpdatedAt      = "UPDATED_AT"

	orderAscending  = "ASC"
	orderDescending = "DESC"

	maxCriteria = 50
)

// criterionKeys returns the API's CoverageFilterCriterionKey.
func criterionKeys() []string {
	return []string{
		keyAccountID, keyResourceType, keyCoverageStatus, "ADDON_VERSION", "CLUSTER_NAME", keyECSClusterName,
		keyManagementType, "EKS_CLUSTER_NAME", "AGENT_VERSION", "INSTANCE_ID", "CLUSTER_ARN",
	}
}

// sortKeys returns the API's CoverageSortKey.
func sortKeys() []string {
	return []string{
		keyAccountID, keyCoverageStatus, keyIssue, "ADDON_VERSION", keyUpdatedAt, "CLUSTER_NAME",
		"EKS_CLUSTER_NAME", keyECSClusterName, "INSTANCE_ID",
	}
}

// filterCriteria narrows the rows: every criterion must hold.
type filterCriteria struct {
	FilterCriterion []struct {
		CriterionKey    string `json:"criterionKey"`
		FilterCondition struct {
			Equals    []string `json:"equals"`
			NotEquals []string `json:"notEquals"`
		} `json:"filterCondition"`
	} `json:"filterCriterion"`
}

// validate refuses what the API refuses.
func (f filterCriteria) validate() error {
	if n := len(f.FilterCriterion); n > maxCriteria {
		return invalidParameter("filterCriterion has %d criteria, at most %d are allowed", n, maxCriteria)
	}
	for _, c := range f.FilterCriterion {
		if !slices.Contains(criterionKeys(), c.CriterionKey) {
			return invalidParameter("criterionKey %q", c.CriterionKey)
		}
		if c.FilterCondition.Equals == nil && c.FilterCondition.NotEquals == nil {
			return invalidParameter("filterCondition of %s has neither equals nor notEquals", c.CriterionKey)
		}
	}
	return nil
}

// fits reports whether every criterion holds for the row: its attribute is
// one of equals, and none of notEquals. A row without the attribute is none of
// any values.
func (f filterCriteria) fits(r row) bool {
	for _, c := range f.FilterCriterion {
		value, has := r.attribute(c.CriterionKey)
		equals, notEquals := c.FilterCondition.Equals, c.FilterCondition.NotEquals
		if equals != nil && (!has || !slices.Contains(equals, value)) {
			return false
		}
		if has && slices.Contains(notEquals, value) {
			return false
		}
	}
	return true
}

// names reports whether a criterion asks for the value of the key.
func (f filterCriteria) names(key, value string) bool {
	for _, c := range f.FilterCriterion {
		if c.CriterionKey == key && slices.Contains(c.FilterCondition.Equals, value) {
			return true
		}
	}
	return false
}

// sortCriteria orders the rows. The zero value orders by resource ID.
type sortCriteria struct {
	AttributeName string `json:"attributeName"`
	OrderBy       string `json:"orderBy"`
}

// validate refuses what the API refuses, given the filter beside it.
func (c sortCriteria) validate(f filterCriteria) error {
	if c.AttributeName != "" && !slices.Contains(sortKeys(), c.AttributeName) {
		return invalidParameter("attributeName %q", c.AttributeName)
	}
	if !slices.Contains([]string{"", orderAscending, orderDescending}, c.OrderBy) {
		return invalidParameter("orderBy %q", c.OrderBy)
	}
	if c.AttributeName == keyIssue && f.names(keyResourceType, "EC2") {
		return invalidParameter("attributeName ISSUE does not go with the resource type EC2")
	}
	return nil
}

// position is a row's place in an order. It says where a page ended whatever
// happens to the rows around it.
type position struct {
	Key, ID string
}

// compare orders two positions.
func (c sortCriteria) compare(a, b position) int {
	n := cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.ID, b.ID))
	if c.OrderBy == orderDescending {
		return -n
	}
	return n
}

// row is one cluster as a detector shows it.
type row struct {
	cluster             *Cluster
	account, detectorID string
	resourceID          string
	at                  position
}

// attribute returns the row's value of a filter or sort key and whether an ECS
// cluster has such a thing at all.
func (r row) attribute(key string) (string, bool) {
	c := r.cluster
	switch key {
	case keyAccountID:
		return r.account, true
	case keyResourceType:
		return resourceECS, true
	case keyCoverageStatus:
		return c.CoverageStatus(), true
	case keyECSClusterName:
		return c.Name, true
	case keyManagementType:
		return c.ManagementType, c.ManagementType != ""
	case keyIssue:
		return strings.Join(append([]string{c.Issue}, c.Issues...), "\n"), true
	case keyUpdatedAt: // of a fixed width, so that the text sorts as the time does
		return c.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000000000"), true
	default:
		return "", false
	}
}
