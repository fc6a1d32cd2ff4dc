package coverage

import (
	"cmp"
	"maps"
	"slices"
	"sort"
)

// View is everything known now: the newest snapshot of each target, merged.
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
	ByStatus     map[Status]int64 // has Healthy and Unhealthy always, zeros included
}

// All is the number of resources of any status.
func (t Total) All() int64 {
	var all int64
	for _, n := range t.ByStatus {
		all += n
	}
	return all
}

// Percent is AWS's equation, (healthy ÷ all) × 100. It is undefined, and false
// is returned, where there are no resources.
func (t Total) Percent() (float64, bool) {
	all := t.All()
	if all == 0 {
		return 0, false
	}
	return float64(t.ByStatus[Healthy]) / float64(all) * 100, true
}

// Merge makes one view of what all targets found. A resource seen through
// several targets is one row, the newest updatedAt winning. Counts are taken
// over the merged rows, whichever targets they came through; a row that was
// only seen through a filter on the coverage status is shown but not counted.
// The order of the reports does not matter.
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
				totals.of(t, account, r.Target.Region)
			}
		}
	}
	v.Resources = mergeResources(v.Reports)
	counts := countable(v.Reports)
	var total Total
	for i := range v.Resources {
		c := &v.Resources[i]
		if !counts(c.Key) {
			continue
		}
		if total.AccountID != c.AccountID || total.Region != c.Region || total.ResourceType != c.Type {
			total = totals.of(c.Type, c.AccountID, c.Region)
		}
		total.ByStatus[c.Status]++
	}
	v.Totals = totals.sorted()
	v.settle()
	return v
}

// mergeResources returns one row of each resource. Where one snapshot alone has
// rows, they are its own.
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

// countable returns whether a resource was seen through something else than a
// filter on the coverage status.
func countable(reports []Report) func(Key) bool {
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

// settle sorts what is known of detectors, members and accounts and keeps one
// of each: the newest where there is a time, else the worse.
func (v *View) settle() {
	v.Detectors = distinct(v.Detectors, func(a, b Detector) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Detector) int { return worseFirst(a.Enabled, b.Enabled) })
	v.Features = distinct(v.Features, func(a, b Feature) int {
		return cmp.Or(
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Additional, b.Additional),
		)
	}, func(a, b Feature) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), worseFirst(a.Enabled, b.Enabled))
	})
	v.Members = distinct(v.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	}, func(a, b Member) int {
		return cmp.Or(
			// who left one administrator may be another's
			worseFirst(b.Relationship == RelationshipEnabled, a.Relationship == RelationshipEnabled),
			cmp.Compare(a.Relationship, b.Relationship),
		)
	})
	v.Names = distinct(v.Names, func(a, b AccountName) int {
		return cmp.Compare(a.AccountID, b.AccountID)
	}, func(a, b AccountName) int { return cmp.Compare(a.Name, b.Name) })
}

// distinct sorts items by key and keeps of each key the one that comes first.
func distinct[T any](items []T, key, first func(a, b T) int) []T {
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

type place struct {
	resourceType      ResourceType
	accountID, region string
}

type totals map[place]Total

func (t totals) of(resourceType ResourceType, accountID, region string) Total {
	at := place{resourceType, accountID, region}
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
