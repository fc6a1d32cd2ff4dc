package coverage

import (
	"iter"
	"slices"
	"time"
)

// UpdateUnhealthy updates the times since when ECS clusters have not been healthy,
// when one report of a target replaces another. before is the zero Report for a new
// target; after has only the Target of one that is dropped. others are the reports
// of the other targets of the Region. It returns since, which may be nil before.
//
// A cluster is as healthy as its row with precedence in all targets, as in [Merge].
// It has been unhealthy since the time of the first such row after it was healthy
// or not listed. since has only clusters whose row has another time
// now, or that are not known because data has expired, so that it is small.
func UpdateUnhealthy(since map[Key]time.Time, before, after Report, others []Report) map[Key]time.Time {
	c := change{before: before, after: after, others: others, accounts: map[string]*sharedAccount{}}
	if c.isNone() {
		return since
	}
	kept := 0
	for row := range c.rows() {
		at, known := since[row.key]
		if !known && row.same {
			continue
		}
		account := c.account(row.key.AccountID)
		if !known {
			was := account.before.row(row.key, row.before)
			if was == nil || was.Status == Healthy || was.UpdatedAt.IsZero() {
				continue
			}
			at = was.UpdatedAt
		}
		switch remembered := account.after.remembers(row.key, row.after, at); {
		case !remembered:
			delete(since, row.key)
			continue
		case since == nil:
			since = map[Key]time.Time{}
		}
		since[row.key] = at
		kept++
	}
	c.forget(since, kept)
	return since
}

// UnhealthyAt returns since when an ECS cluster of the view has not been healthy,
// at the latest, and false if it is healthy or that is not known.
func (v *View) UnhealthyAt(r *Resource) (time.Time, bool) {
	if r.Status == Healthy {
		return time.Time{}, false
	}
	if at, ok := v.UnhealthySince[r.Key]; ok {
		return at, true
	}
	return r.UpdatedAt, !r.UpdatedAt.IsZero()
}

// change is the replacement of a target's report.
type change struct {
	before, after Report
	others        []Report
	accounts      map[string]*sharedAccount
}

// isNone reports whether no row of a view changes.
func (c *change) isNone() bool {
	return c.before.Snapshot == c.after.Snapshot && !c.changesPrecedence() && c.before.LastSuccess.IsZero() == c.after.LastSuccess.IsZero()
}

// changesPrecedence reports whether all rows of the target take or lose precedence
// over those of others.
func (c *change) changesPrecedence() bool {
	return len(c.others) > 0 && (c.before.State == OK) != (c.after.State == OK)
}

// changedRow is what becomes of a row of the target.
type changedRow struct {
	key           Key
	before, after *Resource // nil for none
	same          bool      // the view has the same row as before
}

// rows yields the target's rows of ECS clusters, and those of others that come or go
// with the target's listing of their account, each once.
func (c *change) rows() iter.Seq[changedRow] {
	return func(yield func(changedRow) bool) {
		before, after := ecsRows(c.before.Snapshot), ecsRows(c.after.Snapshot)
		precedence := c.changesPrecedence()
		for len(before)+len(after) > 0 {
			var row changedRow
			if len(after) == 0 || len(before) > 0 && before[0].Key.compare(after[0].Key) <= 0 {
				row.key, row.before, before = before[0].Key, &before[0], before[1:]
			}
			if row.before == nil || len(after) > 0 && after[0].Key == row.key {
				row.key, row.after, after = after[0].Key, &after[0], after[1:]
			}
			row.same = !precedence && row.before != nil && row.after != nil &&
				row.before.Status == row.after.Status && row.before.UpdatedAt.Equal(row.after.UpdatedAt)
			if !yield(row) {
				return
			}
		}
		seen := map[Key]bool{}
		for _, r := range c.others {
			if r.State == OK {
				continue
			}
			for _, row := range ecsRows(r.Snapshot) {
				if seen[row.Key] || !c.listsAnew(row.Key) {
					continue
				}
				seen[row.Key] = true
				if !yield(changedRow{key: row.Key}) {
					return
				}
			}
		}
	}
}

// listsAnew reports whether a cluster that the target has no row of is in an account
// that was listed completely at another time before the change.
func (c *change) listsAnew(k Key) bool {
	account := c.account(k.AccountID)
	return !account.before.listed.Equal(account.after.listed) && c.before.Snapshot.Lookup(k) == nil && c.after.Snapshot.Lookup(k) == nil
}

// forget removes from since what the target may have shown and has no row of. kept
// is the number of clusters in since that it has a row of.
func (c *change) forget(since map[Key]time.Time, kept int) {
	shown := func(k Key) bool { return k.Region == c.after.Target.Region && c.account(k.AccountID).affected }
	for key := range since {
		if shown(key) {
			kept--
		}
	}
	if kept == 0 {
		return // otherwise looking for their rows takes time
	}
	for key, at := range since {
		if shown(key) && !c.account(key.AccountID).after.remembers(key, c.after.Snapshot.Lookup(key), at) {
			delete(since, key)
		}
	}
}

// ecsRows returns the rows of ECS clusters.
func ecsRows(s *Snapshot) []Resource {
	if s == nil {
		return nil
	}
	return rowsOfType(s.Resources, ECS)
}

// sharedAccount is an account that several targets may show.
type sharedAccount struct {
	affected      bool // the target shows it or may show it, before or after the change
	before, after showing
}

func (c *change) account(id string) *sharedAccount {
	a, ok := c.accounts[id]
	if !ok {
		a = &sharedAccount{before: showing{own: c.after.Target}, after: showing{own: c.after.Target}}
		wasShown, isShown := a.before.add(c.before, id), a.after.add(c.after, id)
		if a.affected = wasShown || isShown; a.affected {
			for _, r := range c.others {
				a.before.add(r, id)
				a.after.add(r, id)
			}
		}
		c.accounts[id] = a
	}
	return a
}

// showing are the reports that show the ECS clusters of an account.
type showing struct {
	own     TargetID  // the target
	reports []Report  // with own, if it shows them
	listed  time.Time // when a target that is up last listed them all
	expired bool      // a target without data may show them
}

// add adds a report and reports whether it shows the account or may show it.
func (s *showing) add(r Report, accountID string) bool {
	snapshot := r.Snapshot
	switch {
	case snapshot == nil || snapshot.OptionalOnly:
		s.expired = s.expired || !r.LastSuccess.IsZero()
		return !r.LastSuccess.IsZero()
	case !slices.Contains(snapshot.Types, ECS) || !snapshot.Includes(accountID):
		return false
	}
	s.reports = append(s.reports, r)
	complete := slices.Contains(snapshot.Accounts, accountID) && !snapshot.NarrowedByStatus
	if complete && r.State == OK && snapshot.ReadAt.After(s.listed) {
		s.listed = snapshot.ReadAt
	}
	return true
}

// row returns the row of a cluster that [Merge] keeps; nil if there is none. own is
// the target's row.
func (s *showing) row(k Key, own *Resource) *Resource {
	var kept rankedRow
	for _, r := range s.reports {
		row := own
		if r.Target != s.own {
			row = r.Snapshot.Lookup(k)
		}
		if row == nil {
			continue
		}
		if ranked := r.rank(row); ranked.isUp || !s.listed.After(ranked.readAt) {
			kept = first(kept, ranked)
		}
	}
	return kept.Resource
}

// remembers reports whether a time since when a cluster has not been healthy is to
// be remembered: the cluster may still be unhealthy, and no row has that time.
func (s *showing) remembers(k Key, own *Resource, at time.Time) bool {
	row := s.row(k, own)
	if row == nil {
		return s.expired && len(s.reports) == 0
	}
	return row.Status != Healthy && !row.UpdatedAt.Equal(at)
}
