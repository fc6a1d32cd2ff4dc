package guardduty

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Filter narrows what is asked of the API. Its zero value asks for every
// resource that the detector shows.
type Filter struct {
	AccountID      Condition
	ECSClusterName Condition // of ECS clusters alone
	CoverageStatus Condition
	ManagementType Condition
}

// Condition is the API's FilterCondition: equal to one of these values, and to
// none of those.
type Condition struct {
	Equals    []string
	NotEquals []string
}

func (c Condition) isEmpty() bool { return len(c.Equals) == 0 && len(c.NotEquals) == 0 }

func (c Condition) admits(value string) bool {
	return (len(c.Equals) == 0 || slices.Contains(c.Equals, value)) && !slices.Contains(c.NotEquals, value)
}

// speaksFor says whether a listing without a row of an account means that the
// account has no resource.
func (f Filter) speaksFor(accountID string) bool {
	return f.AccountID.admits(accountID) && f.ECSClusterName.isEmpty() && f.ManagementType.isEmpty()
}

// admits says whether a resource of that key may be listed.
func (f Filter) admits(k coverage.Key) bool {
	return f.AccountID.admits(k.AccountID) && (k.Type != coverage.ECS || f.ECSClusterName.admits(k.Name))
}

// criteria asks for the resources of a type.
func (f Filter) criteria(t coverage.ResourceType) *types.CoverageFilterCriteria {
	if t != coverage.ECS {
		f.ECSClusterName = Condition{}
	}
	return f.criteriaWith(t, f.ECSClusterName)
}

// criteriaOf asks for the resources of a type that have the account of one of
// these keys and the name of one of them. The filter admits the keys.
func (f Filter) criteriaOf(t coverage.ResourceType, keys []coverage.Key) *types.CoverageFilterCriteria {
	var accounts, names []string
	for _, k := range keys {
		accounts, names = append(accounts, k.AccountID), append(names, k.Name)
	}
	f.AccountID = Condition{Equals: distinct(accounts)}
	return f.criteriaWith(t, Condition{Equals: distinct(names)})
}

func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func (f Filter) criteriaWith(t coverage.ResourceType, name Condition) *types.CoverageFilterCriteria {
	criteria := []types.CoverageFilterCriterion{
		criterion(types.CoverageFilterCriterionKeyResourceType, Condition{Equals: []string{string(t)}}),
	}
	for _, c := range []struct {
		key       types.CoverageFilterCriterionKey
		condition Condition
	}{
		{types.CoverageFilterCriterionKeyAccountId, f.AccountID},
		{nameKey(t), name},
		{types.CoverageFilterCriterionKeyCoverageStatus, f.CoverageStatus},
		{types.CoverageFilterCriterionKeyManagementType, f.ManagementType},
	} {
		if !c.condition.isEmpty() {
			criteria = append(criteria, criterion(c.key, c.condition))
		}
	}
	return &types.CoverageFilterCriteria{FilterCriterion: criteria}
}

func nameKey(t coverage.ResourceType) types.CoverageFilterCriterionKey {
	switch t {
	case coverage.EC2:
		return types.CoverageFilterCriterionKeyInstanceId
	case coverage.EKS:
		return types.CoverageFilterCriterionKeyEksClusterName
	}
	return types.CoverageFilterCriterionKeyEcsClusterName
}

// criterion leaves an empty list out of the request: to be equal to none of no
// values is no condition.
func criterion(key types.CoverageFilterCriterionKey, c Condition) types.CoverageFilterCriterion {
	condition := &types.CoverageFilterCondition{}
	if len(c.Equals) > 0 {
		condition.Equals = c.Equals
	}
	if len(c.NotEquals) > 0 {
		condition.NotEquals = c.NotEquals
	}
	return types.CoverageFilterCriterion{CriterionKey: key, FilterCondition: condition}
}
