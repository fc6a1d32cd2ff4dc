package guardduty

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// criteria returns the criteria for the resources of a type that match f.
func criteria(f coverage.Filter, t coverage.ResourceType) *types.CoverageFilterCriteria {
	if t != coverage.ECS {
		f.ECSClusterName = coverage.Condition{}
	}
	return criteriaByName(f, t, f.ECSClusterName)
}

// criteriaForKeys returns the criteria for the resources of a type that have the
// account of one of these keys and the name of one of them. The keys match f.
func criteriaForKeys(f coverage.Filter, t coverage.ResourceType, keys []coverage.Key) *types.CoverageFilterCriteria {
	var accounts, names []string
	for _, k := range keys {
		accounts, names = append(accounts, k.AccountID), append(names, k.Name)
	}
	f.AccountID = coverage.Condition{Equals: dedupe(accounts)}
	return criteriaByName(f, t, coverage.Condition{Equals: dedupe(names)})
}

func dedupe(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func criteriaByName(f coverage.Filter, t coverage.ResourceType, name coverage.Condition) *types.CoverageFilterCriteria {
	var all []types.CoverageFilterCriterion
	for _, c := range []struct {
		key       types.CoverageFilterCriterionKey
		condition coverage.Condition
	}{
		{types.CoverageFilterCriterionKeyResourceType, coverage.Condition{Equals: []string{string(t)}}},
		{types.CoverageFilterCriterionKeyAccountId, f.AccountID},
		{resourceTypes[t].nameKey, name},
		{types.CoverageFilterCriterionKeyCoverageStatus, f.CoverageStatus},
		{types.CoverageFilterCriterionKeyManagementType, f.ManagementType},
	} {
		if c.condition.IsEmpty() {
			continue
		}
		condition := &types.CoverageFilterCondition{} // an empty list would be sent and match nothing
		if len(c.condition.Equals) > 0 {
			condition.Equals = c.condition.Equals
		}
		if len(c.condition.NotEquals) > 0 {
			condition.NotEquals = c.condition.NotEquals
		}
		all = append(all, types.CoverageFilterCriterion{CriterionKey: c.key, FilterCondition: condition})
	}
	return &types.CoverageFilterCriteria{FilterCriterion: all}
}
