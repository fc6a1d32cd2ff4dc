package coverage

import (
	"cmp"
	"slices"
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
	var rows []rankedRow
	for _, r := range withRows {
		for i := range r.Snapshot.Resources {
			row := r.rank(&r.Snapshot.Resources[i])
			if row.isUp || !listed[totalKey{row.Type, row.AccountID, row.Region}].After(row.readAt) {
				rows = append(rows, row)
			}
		}
	}
	slices.SortFunc(rows, rankedRow.compare)
	var merged []Resource
	for i, row := range rows {
		if i == 0 || rows[i-1].Key != row.Key {
			merged = append(merged, *row.Resource)
		}
	}
	return merged
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
