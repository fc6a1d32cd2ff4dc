package coverage

import "slices"

// Filter limits the resources that the API returns. A resource has to meet all
// conditions; the zero value has none. The yaml tags are the keys of the
// configuration file.
type Filter struct {
	AccountID      Condition `yaml:"account_id"`
	ECSClusterName Condition `yaml:"ecs_cluster_name"` // only ECS clusters have to meet it
	CoverageStatus Condition `yaml:"coverage_status"`
	ManagementType Condition `yaml:"management_type"`
}

// Condition is the API's FilterCondition: one of the values of Equals, unless it
// is empty, and none of NotEquals.
type Condition struct {
	Equals    []string `yaml:"equals"`
	NotEquals []string `yaml:"not_equals"`
}

// IsEmpty reports whether every value meets the condition.
func (c Condition) IsEmpty() bool { return len(c.Equals) == 0 && len(c.NotEquals) == 0 }

// Matches reports whether a value meets the condition.
func (c Condition) Matches(value string) bool {
	return (len(c.Equals) == 0 || slices.Contains(c.Equals, value)) && !slices.Contains(c.NotEquals, value)
}

// Matches reports whether a resource with this key may be returned.
func (f Filter) Matches(k Key) bool {
	return f.AccountID.Matches(k.AccountID) && (k.Type != ECS || f.ECSClusterName.Matches(k.Name))
}

// IncludesAll reports whether every resource of an account is returned, apart
// from its coverage status. Then an account without rows has no resources.
func (f Filter) IncludesAll(accountID string) bool {
	return f.AccountID.Matches(accountID) && f.ECSClusterName.IsEmpty() && f.ManagementType.IsEmpty()
}
