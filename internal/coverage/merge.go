package coverage

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"
)

// View is the merge of all reports.
type View struct {
	Resources    []Resource    // sorted by key, one for each key
	Totals       []Total       // sorted by resource type, account and Region
	Detectors    []Detector    // sorted, one for each account and Region
	Features     []Feature     // sorted, one for each account, Region, name and additional configuration
	Members      []Member      // sorted, one for each account and Region
	AccountNames []AccountName // sorted, one for each account
	Reports      []Report      // sorted by target

	// UnhealthySince is that of [UpdateUnhealthy], see [View.UnhealthyAt]. It is
	// not set by [Merge].
	UnhealthySince map[Key]time.Time
}

// OfType returns the resources of one type.
func (v *View) OfType(t ResourceType) []Resource { return rowsOfType(v.Resources, t) }

// rowsOfType returns those of the sorted rows that have a type.
func rowsOfType(rows []Resource, t ResourceType) []Resource {
	first := sort.Search(len(rows), func(i int) bool { return rows[i].Type >= t })
	next := sort.Search(len(rows), func(i int) bool { return rows[i].Type > t })
	return rows[first:next]
}

// Total counts the resources of one type of one account and Region.
type Total struct {
	AccountID    string
	Region       string
	ResourceType ResourceType
	ByStatus     Counts // always has Healthy and Unhealthy, zeros included
}

// Percent returns AWS's coverage percentage, (healthy ÷ all) × 100. It is
// undefined without resources; then Percent returns false.
func (t Total) Percent() (float64, bool) {
	all := t.ByStatus.Sum()
	if all == 0 {
		return 0, false
	}
	return float64(t.ByStatus[Healthy]) / float64(all) * 100, true
}

// Merge merges all reports into one view. If several snapshots have a row of a
// resource, Merge keeps that of a target that is up; then the newest; then the
// one read last. A row of a target that is not up is omitted if a target that
// is up has listed the account completely since, without that resource. Totals
// count the merged rows, except those that are only in snapshots that a filter
// narrows by status. The order of the reports does not matter.
func Merge(reports []Report) *View {
	v := &View{Reports: slices.SortedFunc(slices.Values(reports), func(a, b Report) int {
		return a.Target.compare(b.Target)
	})}
	totals := totals{}
	for _, r := range v.Reports {
		s := r.Snapshot
		if s == nil || s.NarrowedByStatus {
			continue
		}
		for _, account := range s.Accounts {
			for _, t := range s.Types {
				totals.get(t, account, r.Target.Region)
			}
		}
	}
	v.Resources = mergeResources(v.Reports)
	isCounted := counted(v.Reports)
	var total Total
	for i := range v.Resources {
		r := &v.Resources[i]
		if !isCounted(r.Key) {
			continue
		}
		if total.AccountID != r.AccountID || total.Region != r.Region || total.ResourceType != r.Type {
			total = totals.get(r.Type, r.AccountID, r.Region)
		}
		total.ByStatus[r.Status]++
	}
	v.Totals = totals.sorted()
	v.addAccounts()
	return v
}

// counted returns a function that reports whether a resource is in a snapshot
// that is not narrowed by status.
func counted(reports []Report) func(Key) bool {
	if !slices.ContainsFunc(reports, func(r Report) bool { return r.Snapshot != nil && r.Snapshot.NarrowedByStatus }) {
		return func(Key) bool { return true }
	}
	seen := map[Key]bool{}
	for _, r := range reports {
		if r.Snapshot == nil || r.Snapshot.NarrowedByStatus {
			continue
		}
		for i := range r.Snapshot.Resources {
			seen[r.Snapshot.Resources[i].Key] = true
		}
	}
	return func(k Key) bool { return seen[k] }
}

// dedupe returns one item of each key from all targets, sorted: that of a target
// that is up if there is one, and of those the first in the order of precedence.
func dedupe[T any](reports []Report, items func(*Snapshot) []T, key, precedence func(a, b T) int) []T {
	type rankedItem struct {
		item T
		isUp bool
	}
	var all []rankedItem
	for _, r := range reports {
		if r.Snapshot == nil {
			continue
		}
		for _, item := range items(r.Snapshot) {
			all = append(all, rankedItem{item, r.State == OK})
		}
	}
	slices.SortFunc(all, func(a, b rankedItem) int {
		return cmp.Or(key(a.item, b.item), falseFirst(b.isUp, a.isUp), precedence(a.item, b.item))
	})
	var first []T
	for i, c := range all {
		if i == 0 || key(all[i-1].item, c.item) != 0 {
			first = append(first, c.item)
		}
	}
	return first
}

// addAccounts merges detectors, features, members and names: the newest if they
// have a time, otherwise the worse.
func (v *View) addAccounts() {
	v.Detectors = dedupe(v.Reports, func(s *Snapshot) []Detector { return s.Detectors }, func(a, b Detector) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Detector) int { return falseFirst(a.Enabled, b.Enabled) })
	v.Features = dedupe(v.Reports, func(s *Snapshot) []Feature { return s.Features }, func(a, b Feature) int {
		return cmp.Or(
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Additional, b.Additional),
		)
	}, func(a, b Feature) int {
		return cmp.Or(
			b.UpdatedAt.Compare(a.UpdatedAt), falseFirst(a.Enabled, b.Enabled), cmp.Compare(b.ManagedBy, a.ManagedBy),
		)
	})
	v.Members = dedupe(v.Reports, func(s *Snapshot) []Member { return s.Members }, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Member) int {
		return cmp.Or(
			// an account that left one administrator may be a member of another
			falseFirst(b.Relationship == RelationshipEnabled, a.Relationship == RelationshipEnabled),
			cmp.Compare(a.Relationship, b.Relationship),
		)
	})
	v.AccountNames = dedupe(v.Reports, func(s *Snapshot) []AccountName { return s.AccountNames }, func(a, b AccountName) int {
		return cmp.Compare(a.AccountID, b.AccountID)
	}, func(a, b AccountName) int { return cmp.Compare(a.Name, b.Name) })
}

// falseFirst orders false before true.
func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

type totalKey struct {
	resourceType      ResourceType
	accountID, region string
}

type totals map[totalKey]Total

func (t totals) get(resourceType ResourceType, accountID, region string) Total {
	key := totalKey{resourceType, accountID, region}
	total, ok := t[key]
	if !ok {
		total = Total{
			AccountID: accountID, Region: region, ResourceType: resourceType,
			ByStatus: Counts{Healthy: 0, Unhealthy: 0},
		}
		t[key] = total
	}
	return total
}

func (t totals) sorted() []Total {
	return slices.SortedFunc(maps.Values(t), func(a, b Total) int {
		return cmp.Or(
			cmp.Compare(a.ResourceType, b.ResourceType),
			cmp.Compare(a.AccountID, b.AccountID),
			cmp.Compare(a.Region, b.Region),
		)
	})
}
