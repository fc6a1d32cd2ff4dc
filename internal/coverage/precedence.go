package coverage

import (
	"cmp"
	"container/heap"
	"time"
)

// rankedRow is one target's row of a resource.
type rankedRow struct {
	*Resource
	isUp   bool // the target's last refresh succeeded
	readAt time.Time
}

func (r Report) rank(row *Resource) rankedRow {
	return rankedRow{row, r.State == OK, r.Snapshot.readAt(row.Key)}
}

// compare orders rows by key and, of the same key, by precedence: rows of
// targets that are up, then the newest, then the row that was read last. The
// remaining order does not depend on the order of the targets.
func (c rankedRow) compare(other rankedRow) int {
	if n := c.Key.compare(other.Key); n != 0 {
		return n // fast path
	}
	return cmp.Or(
		falseFirst(other.isUp, c.isUp),
		other.UpdatedAt.Compare(c.UpdatedAt),
		other.readAt.Compare(c.readAt),
		c.Resource.compare(*other.Resource),
	)
}

// mergeResources returns one row of each resource. If only one snapshot has
// rows, the result is usually its slice.
func mergeResources(reports []Report) []Resource {
	var withRows []Report
	for _, r := range reports {
		if r.Snapshot != nil && len(r.Snapshot.Resources) > 0 {
			withRows = append(withRows, r)
		}
	}
	if len(withRows) == 1 && withRows[0].State == OK {
		return withRows[0].Snapshot.Resources
	}
	listed := lastListed(reports)
	runs, total := make(runHeap, 0, len(withRows)), 0
	for _, r := range withRows {
		if run := (&run{report: r, rest: r.Snapshot.Resources, listed: listed}); run.next() {
			runs = append(runs, run)
		}
		total += len(r.Snapshot.Resources)
	}
	heap.Init(&runs)
	var merged []Resource
	if len(runs) > 0 {
		merged = make([]Resource, 0, total)
	}
	for len(runs) > 0 {
		if n := len(merged); n == 0 || merged[n-1].Key != runs[0].row.Key {
			merged = append(merged, *runs[0].row.Resource)
		}
		if runs[0].next() {
			heap.Fix(&runs, 0)
		} else {
			heap.Pop(&runs)
		}
	}
	return merged
}

// run is the rows of a report, which are sorted by key.
type run struct {
	row    rankedRow // the current one
	report Report
	rest   []Resource // the following ones
	listed map[totalKey]time.Time
}

// next moves to the next row. Those that a target that is up has not listed since are
// omitted.
func (r *run) next() bool {
	for len(r.rest) > 0 {
		r.row, r.rest = r.report.rank(&r.rest[0]), r.rest[1:]
		if r.row.isUp || !r.listed[totalKey{r.row.Type, r.row.AccountID, r.row.Region}].After(r.row.readAt) {
			return true
		}
	}
	return false
}

// runHeap is a heap of the runs that have a current row, see [heap.Interface].
type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].row.compare(h[j].row) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface]. It is not used.
func (h *runHeap) Push(any) { panic("no run is added") }

// Pop implements [heap.Interface].
func (h *runHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}

// lastListed returns when a target that is up last listed all resources of a
// type of an account. If a target that is up has a row of a resource, that row
// has precedence anyway.
func lastListed(reports []Report) map[totalKey]time.Time {
	listed := map[totalKey]time.Time{}
	for _, r := range reports {
		if r.State != OK || r.Snapshot == nil || r.Snapshot.NarrowedByStatus {
			continue
		}
		for _, account := range r.Snapshot.Accounts {
			for _, t := range r.Snapshot.Types {
				key := totalKey{t, account, r.Target.Region}
				if r.Snapshot.ReadAt.After(listed[key]) {
					listed[key] = r.Snapshot.ReadAt
				}
			}
		}
	}
	return listed
}
