package simulator

import (
	"slices"
	"strings"
)

// Resource types, keys and orders of the coverage API.
const (
	resourceECS = "ECS"
	resourceEC2 = "EC2"
	resourceEKS = "EKS"

	keyAccountID      = "ACCOUNT_ID"
	keyResourceType   = "RESOURCE_TYPE"
	keyCoverageStatus = "COVERAGE_STATUS"
	keyECSClusterName = "ECS_CLUSTER_NAME"
	keyEKSClusterName = "EKS_CLUSTER_NAME"
	keyClusterName    = "CLUSTER_NAME" // the deprecated name of EKS_CLUSTER_NAME
	keyClusterARN     = "CLUSTER_ARN"
	keyInstanceID     = "INSTANCE_ID"
	keyAgentVersion   = "AGENT_VERSION"
	keyAddonVersion   = "ADDON_VERSION"
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
		keyAccountID, keyResourceType, keyCoverageStatus, keyAddonVersion, keyClusterName, keyECSClusterName,
		keyManagementType, keyEKSClusterName, keyAgentVersion, keyInstanceID, keyClusterARN,
	}
}

// sortKeys returns the API's CoverageSortKey.
func sortKeys() []string {
	return []string{
		keyAccountID, keyCoverageStatus, keyIssue, keyAddonVersion, keyUpdatedAt, keyClusterName,
		keyEKSClusterName, keyECSClusterName, keyInstanceID,
	}
}

// filterCriteria filters rows: every criterion must match.
type filterCriteria struct {
	FilterCriterion []struct {
		CriterionKey    string `json:"criterionKey"`
		FilterCondition struct {
			Equals    []string `json:"equals"`
			NotEquals []string `json:"notEquals"`
		} `json:"filterCondition"`
	} `json:"filterCriterion"`
}

// validate returns an error for what the API rejects.
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

// matches reports whether every criterion matches the row: its attribute is in
// equals and not in notEquals. A row without the attribute has no value.
func (f filterCriteria) matches(r coverageRow) bool {
	for _, c := range f.FilterCriterion {
		value, has := r.value(c.CriterionKey)
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

// isNarrow reports whether a criterion has a key other than RESOURCE_TYPE and
// ACCOUNT_ID.
func (f filterCriteria) isNarrow() bool {
	for _, c := range f.FilterCriterion {
		if c.CriterionKey != keyResourceType && c.CriterionKey != keyAccountID {
			return true
		}
	}
	return false
}

// selects reports whether a criterion has the value in equals for the key.
func (f filterCriteria) selects(key, value string) bool {
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

// validate returns an error for what the API rejects, in combination with the
// filter.
func (c sortCriteria) validate(f filterCriteria) error {
	if c.AttributeName != "" && !slices.Contains(sortKeys(), c.AttributeName) {
		return invalidParameter("attributeName %q", c.AttributeName)
	}
	if !slices.Contains([]string{"", orderAscending, orderDescending}, c.OrderBy) {
		return invalidParameter("orderBy %q", c.OrderBy)
	}
	if c.AttributeName == keyIssue && f.selects(keyResourceType, resourceEC2) {
		return invalidParameter("attributeName ISSUE is not supported for the resource type EC2")
	}
	return nil
}

// position is a row's place in an order. It identifies the end of a page even if
// rows are added or removed.
type position struct {
	Key, ID string
}

// compare orders two positions.
func (c sortCriteria) compare(a, b position) int {
	if n := c.compareKeys(a, b); n != 0 {
		return n
	}
	return c.directed(strings.Compare(a.ID, b.ID))
}

// compareKeys orders two positions by Key only.
func (c sortCriteria) compareKeys(a, b position) int {
	return c.directed(strings.Compare(a.Key, b.Key))
}

func (c sortCriteria) directed(n int) int {
	if c.OrderBy == orderDescending {
		return -n
	}
	return n
}
