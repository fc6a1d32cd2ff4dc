package coverage

import "slices"

// Transition is the change of an ECS cluster's coverage status.
type Transition struct {
	AccountID string
	Region    string
	Status    Status // the new one
}

// Transitions returns the changes of ECS clusters when one target's snapshot
// replaces another; either may be nil. others are the snapshots of other targets:
// the status before and after is that of the newest row of all targets.
func Transitions(before, after *Snapshot, others []*Snapshot) []Transition {
	if after == nil {
		return nil
	}
	if before == nil {
		before = &Snapshot{}
	}
	var changed []Transition
	old, account, sharing := before.Resources, "", []*Snapshot(nil)
	for i := range after.Resources {
		is := &after.Resources[i]
		for len(old) > 0 && old[0].Key.compare(is.Key) < 0 {
			old = old[1:]
		}
		var was *Resource
		if len(old) > 0 && old[0].Key == is.Key {
			was = &old[0]
		}
		if is.Type != ECS || was != nil && was.Status == is.Status && was.UpdatedAt.Equal(is.UpdatedAt) {
			continue
		}
		if is.AccountID != account {
			account = is.AccountID
			sharing = slices.DeleteFunc(slices.Clone(others), func(s *Snapshot) bool { return !s.Includes(account) })
		}
		for _, s := range sharing {
			if other := s.Lookup(is.Key); other != nil {
				was, is = newest(was, other), newest(is, other)
			}
		}
		if was != nil && was.Status != is.Status {
			changed = append(changed, Transition{is.AccountID, is.Region, is.Status})
		}
	}
	return changed
}

// newest returns the row of two that takes precedence; a may be nil.
func newest(a, b *Resource) *Resource {
	if a == nil || b.compare(*a) < 0 {
		return b
	}
	return a
}
