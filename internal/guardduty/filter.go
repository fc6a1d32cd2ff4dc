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
	return newCriteria(
		condition{types.CoverageFilterCriterionKeyResourceType, coverage.Condition{Equals: []string{string(t)}}},
		condition{types.CoverageFilterCriterionKeyAccountId, f.AccountID},
		condition{resourceTypes[t].nameKey, name},
		condition{types.CoverageFilterCriterionKeyCoverageStatus, f.CoverageStatus},
		condition{types.CoverageFilterCriterionKeyManagementType, f.ManagementType},
	)
}

// criteriaForAllTypes returns the criteria for the resources of any type that
// match f. The condition for the names of ECS clusters is not part of them,
// because it would exclude all other types.
func criteriaForAllTypes(f coverage.Filter) *types.CoverageFilterCriteria {
	return newCriteria(
		condition{types.CoverageFilterCriterionKeyAccountId, f.AccountID},
		condition{types.CoverageFilterCriterionKeyCoverageStatus, f.CoverageStatus},
		condition{types.CoverageFilterCriterionKeyManagementType, f.ManagementType},
	)
}

type condition struct {
	key types.CoverageFilterCriterionKey
	coverage.Condition
}

func newCriteria(conditions ...condition) *types.CoverageFilterCriteria {
	var all []types.CoverageFilterCriterion
	for _, c := range conditions {
		if c.IsEmpty() {
			continue
		}
		sent := &types.CoverageFilterCondition{} // an empty list would be sent and match nothing
		if len(c.Equals) > 0 {
			sent.Equals = c.Equals
		}
		if len(c.NotEquals) > 0 {
			sent.NotEquals = c.NotEquals
		}
		all = append(all, types.CoverageFilterCriterion{CriterionKey: c.key, FilterCondition: sent})
	}
	if len(all) == 0 {
		return nil
	}
	return &types.CoverageFilterCriteria{FilterCriterion: all}
}
