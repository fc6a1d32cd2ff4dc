package coverage

import "slices"

// Transition is the change of an ECS cluster's coverage status.
type Transition struct {
	AccountID string
	Region    string
	Status    Status // the new one
}

// Transitions returns the changes of ECS clusters when one report of a target
// replaces another. others are the reports of other targets: the status before
// and after is that of the row with precedence in all targets, as in [Merge].
func Transitions(before, after Report, others []Report) []Transition {
	if after.Snapshot == nil {
		return nil
	}
	var old []Resource
	if before.Snapshot != nil {
		old = before.Snapshot.Resources
	}
	var changed []Transition
	account, sharing := "", []Report(nil)
	for i := range after.Snapshot.Resources {
		row := &after.Snapshot.Resources[i]
		for len(old) > 0 && old[0].Key.compare(row.Key) < 0 {
			old = old[1:]
		}
		var known *Resource
		if len(old) > 0 && old[0].Key == row.Key {
			known = &old[0]
		}
		if row.Type != ECS || known != nil && known.Status == row.Status && known.UpdatedAt.Equal(row.UpdatedAt) {
			continue
		}
		if row.AccountID != account {
			account = row.AccountID
			sharing = slices.DeleteFunc(slices.Clone(others), func(r Report) bool {
				return r.Snapshot == nil || !r.Snapshot.Includes(account)
			})
		}
		is, was := after.rank(row), rankedRow{}
		if known != nil {
			was = before.rank(known)
		}
		for _, r := range sharing {
			if other := r.Snapshot.Lookup(row.Key); other != nil {
				was, is = first(was, r.rank(other)), first(is, r.rank(other))
			}
		}
		if was.Resource != nil && was.Status != is.Status {
			changed = append(changed, Transition{is.AccountID, is.Region, is.Status})
		}
	}
	return changed
}

// first returns the row with precedence; a may be the zero value.
func first(a, b rankedRow) rankedRow {
	if a.Resource == nil || b.compare(a) < 0 {
		return b
	}
	return a
}
