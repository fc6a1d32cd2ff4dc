package coverage

import (
	"maps"
	"slices"
)

// InScope returns the totals without the resources that are excluded.
func (v *View) InScope(excluded func(Key) bool) []Total {
	totals := slices.Clone(v.Totals)
	index := make(map[totalKey]int, len(totals))
	for i, t := range totals {
		totals[i].ByStatus = maps.Clone(t.ByStatus)
		index[totalKey{t.ResourceType, t.AccountID, t.Region}] = i
	}
	isCounted := counted(v.Reports)
	for i := range v.Resources {
		r := &v.Resources[i]
		if at, ok := index[totalKey{r.Type, r.AccountID, r.Region}]; ok && excluded(r.Key) && isCounted(r.Key) {
			totals[at].ByStatus[r.Status]--
		}
	}
	return totals
}

// InstanceIssues returns the issue types of container instances by their ECS
// cluster.
func (v *View) InstanceIssues() map[Key][]IssueType {
	types := map[Key][]IssueType{}
	for _, r := range v.OfType(EC2) {
		cluster := r.Instance.ECSCluster()
		if cluster == "" {
			continue
		}
		key := Key{Type: ECS, AccountID: r.AccountID, Region: r.Region, Name: cluster}
		for _, i := range r.Issues {
			types[key] = append(types[key], i.Type())
		}
	}
	return types
}

// AppendIssueTypes appends the types of the issues of a cluster to types, which is
// empty, sorted and one for each issue. Those of its container instances, see
// [View.InstanceIssues], are included if some of them are not covered.
func (r *Resource) AppendIssueTypes(types []IssueType, ofInstances map[Key][]IssueType) []IssueType {
	for _, i := range r.Issues {
		types = append(types, i.Type())
	}
	if r.Covered < r.Compatible && len(ofInstances) > 0 {
		types = append(types, ofInstances[r.Key]...)
		slices.Sort(types)
	}
	return types
}
