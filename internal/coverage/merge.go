package coverage

import (
	"cmp"
	"maps"
	"slices"
)

// View is everything known now: the newest snapshot of each target, merged.
type View struct {
	Clusters []Cluster // sorted by key, one for each key
	Totals   []Total   // sorted by account and Region
	Reports  []Report  // sorted by target
}

// Total counts the clusters of one account and Region.
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

// Merge makes one view of what all targets found. A cluster seen through
// several targets is one row, the newest updatedAt winning. Counts are taken
// over the merged rows, whichever targets they came through; a row that was
// only seen through a filter on the coverage status is shown but not counted.
// The order of the reports does not matter.
func Merge(reports []Report) *View {
	v := &View{Reports: slices.SortedFunc(slices.Values(reports), func(a, b Report) int {
		return a.Target.compare(b.Target)
	})}
	counted := map[Key]bool{}
	totals := totals{}
	for _, r := range v.Reports {
		if r.Snapshot == nil {
			continue
		}
		v.Clusters = append(v.Clusters, r.Snapshot.Clusters...)
		if r.Snapshot.NarrowedByStatus {
			continue
		}
		for _, c := range r.Snapshot.Clusters {
			counted[c.Key] = true
		}
		for _, account := range r.Snapshot.Accounts {
			totals.of(account, r.Target.Region)
		}
	}
	v.Clusters = Distinct(v.Clusters)
	for _, c := range v.Clusters {
		if counted[c.Key] {
			totals.of(c.AccountID, c.Region).ByStatus[c.Status]++
		}
	}
	v.Totals = totals.sorted()
	return v
}

type place struct{ accountID, region string }

type totals map[place]Total

func (t totals) of(accountID, region string) Total {
	at := place{accountID, region}
	total, ok := t[at]
	if !ok {
		total = Total{
			AccountID: accountID, Region: region, ResourceType: ECS,
			ByStatus: map[Status]int64{Healthy: 0, Unhealthy: 0},
		}
		t[at] = total
	}
	return total
}

func (t totals) sorted() []Total {
	return slices.SortedFunc(maps.Values(t), func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	})
}
