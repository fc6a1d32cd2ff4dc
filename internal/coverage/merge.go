package coverage

import (
	"cmp"
	"maps"
	"slices"
	"sort"
)

// View is the merge of the newest snapshots of all targets.
type View struct {
	Resources []Resource    // sorted by key, one for each key
	Totals    []Total       // sorted by resource type, account and Region
	Detectors []Detector    // sorted, one for each account and Region
	Features  []Feature     // sorted, one for each account, Region, name and additional configuration
	Members   []Member      // sorted, one for each account and Region
	Names     []AccountName // sorted, one for each account
	Reports   []Report      // sorted by target
}

// Of returns the resources of one type.
func (v *View) Of(t ResourceType) []Resource {
	first := sort.Search(len(v.Resources), func(i int) bool { return v.Resources[i].Type >= t })
	next := sort.Search(len(v.Resources), func(i int) bool { return v.Resources[i].Type > t })
	return v.Resources[first:next]
}

// Total counts the resources of one type of one account and Region.
type Total struct {
	AccountID    string
	Region       string
	ResourceType ResourceType
	ByStatus     map[Status]int64 // always has Healthy and Unhealthy, zeros included
}

// All returns the number of resources of all statuses.
func (t Total) All() int64 {
	var all int64
	for _, n := range t.ByStatus {
		all += n
	}
	return all
}

// Percent returns AWS's coverage percentage, (healthy ÷ all) × 100. It is
// undefined without resources; then Percent returns false.
func (t Total) Percent() (float64, bool) {
	all := t.All()
	if all == 0 {
		return 0, false
	}
	return float64(t.ByStatus[Healthy]) / float64(all) * 100, true
}

// Merge merges the snapshots of all targets into one view. Of a resource with
// rows in several snapshots the newest row remains. Totals count the merged rows,
// except those that are only in snapshots that a filter narrows by status. The
// order of the reports does not matter.
func Merge(reports []Report) *View {
	v := &View{Reports: slices.SortedFunc(slices.Values(reports), func(a, b Report) int {
		return a.Target.compare(b.Target)
	})}
	totals := totals{}
	for _, r := range v.Reports {
		s := r.Snapshot
		if s == nil {
			continue
		}
		v.Detectors = append(v.Detectors, s.Detectors...)
		v.Features = append(v.Features, s.Features...)
		v.Members = append(v.Members, s.Members...)
		v.Names = append(v.Names, s.Names...)
		if s.NarrowedByStatus {
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
		c := &v.Resources[i]
		if !isCounted(c.Key) {
			continue
		}
		if total.AccountID != c.AccountID || total.Region != c.Region || total.ResourceType != c.Type {
			total = totals.get(c.Type, c.AccountID, c.Region)
		}
		total.ByStatus[c.Status]++
	}
	v.Totals = totals.sorted()
	v.dedupe()
	return v
}

// mergeResources returns one row of each resource. If only one snapshot has
// rows, the result is its slice.
func mergeResources(reports []Report) []Resource {
	var found [][]Resource
	for _, r := range reports {
		if r.Snapshot != nil && len(r.Snapshot.Resources) > 0 {
			found = append(found, r.Snapshot.Resources)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return Dedupe(slices.Concat(found...))
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

// dedupe sorts detectors, features, members and names and keeps one of each: the
// newest if they have a time, else the worse.
func (v *View) dedupe() {
	v.Detectors = firstOfEach(v.Detectors, func(a, b Detector) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Detector) int { return worseFirst(a.Enabled, b.Enabled) })
	v.Features = firstOfEach(v.Features, func(a, b Feature) int {
		return cmp.Or(
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Additional, b.Additional),
		)
	}, func(a, b Feature) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), worseFirst(a.Enabled, b.Enabled))
	})
	v.Members = firstOfEach(v.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Member) int {
		return cmp.Or(
			// an account that left one administrator may be a member of another
			worseFirst(b.Relationship == RelationshipEnabled, a.Relationship == RelationshipEnabled),
			cmp.Compare(a.Relationship, b.Relationship),
		)
	})
	v.Names = firstOfEach(v.Names, func(a, b AccountName) int {
		return cmp.Compare(a.AccountID, b.AccountID)
	}, func(a, b AccountName) int { return cmp.Compare(a.Name, b.Name) })
}

// firstOfEach sorts items by key and keeps the first one of each key.
func firstOfEach[T any](items []T, key, first func(a, b T) int) []T {
	slices.SortFunc(items, func(a, b T) int { return cmp.Or(key(a, b), first(a, b)) })
	return slices.CompactFunc(items, func(a, b T) bool { return key(a, b) == 0 })
}

func worseFirst(a, b bool) int {
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
	at := totalKey{resourceType, accountID, region}
	total, ok := t[at]
	if !ok {
		total = Total{
			AccountID: accountID, Region: region, ResourceType: resourceType,
			ByStatus: map[Status]int64{Healthy: 0, Unhealthy: 0},
		}
		t[at] = total
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
