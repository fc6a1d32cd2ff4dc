package coverage

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Event is what an event says of one resource. It is a hint, not the truth:
// the truth is what GuardDuty lists when it is asked again.
type Event struct {
	Key                 // with the name as AWS gives it
	Status    Status    // that the resource has now
	UpdatedAt time.Time // of the resource, as in its row; zero where the event does not say
}

// Outcome is what became of a change, a closed set.
type Outcome string

// The verdicts.
const (
	Applied        Outcome = "applied"         // the resource was read again, and what was found is known now
	Duplicate      Outcome = "duplicate"       // it was known before
	Outdated       Outcome = "outdated"        // something newer was known before
	Behind         Outcome = "behind"          // what GuardDuty lists is older than the change
	NoTarget       Outcome = "no_target"       // no target asks its Region
	UnknownAccount Outcome = "unknown_account" // no target of its Region shows its account
	Filtered       Outcome = "filtered"        // the targets' resource types or filters leave it out
)

// Outcomes returns every verdict.
func Outcomes() []Outcome {
	return []Outcome{Applied, Duplicate, Outdated, Behind, NoTarget, UnknownAccount, Filtered}
}

// CompareTo judges a change against the row that is known of its resource, nil
// for none: [Duplicate] or [Outdated] where the row tells as much, else
// [Behind]. Times are compared by the second, for rows and events give them
// with different fractions. A change without a time is told by its status.
func (c Event) CompareTo(known *Resource) Outcome {
	if known == nil {
		return Behind
	}
	newer := known.UpdatedAt.Truncate(time.Second).Compare(c.UpdatedAt.Truncate(time.Second))
	switch {
	case c.UpdatedAt.IsZero():
		newer = 0
	case newer > 0:
		return Outdated
	}
	if newer == 0 && known.Status == c.Status {
		return Duplicate
	}
	return Behind
}

// Lookup returns the row of a resource, nil where the snapshot has none or is nil
// itself.
func (s *Snapshot) Lookup(k Key) *Resource {
	if s == nil {
		return nil
	}
	k = k.Sanitize()
	at, ok := slices.BinarySearchFunc(s.Resources, k, func(r Resource, k Key) int { return r.Key.compare(k) })
	if !ok {
		return nil
	}
	return &s.Resources[at]
}

// Includes says whether the snapshot speaks of an account.
func (s *Snapshot) Includes(accountID string) bool {
	for _, rows := range s.byType() {
		_, ok := slices.BinarySearchFunc(rows, accountID, func(r Resource, id string) int { return cmp.Compare(r.AccountID, id) })
		if ok {
			return true
		}
	}
	return slices.Contains(s.Accounts, accountID)
}

// IncludesOthers says whether the snapshot speaks of other accounts than this one.
func (s *Snapshot) IncludesOthers(accountID string) bool {
	for _, rows := range s.byType() {
		if rows[0].AccountID != accountID || rows[len(rows)-1].AccountID != accountID {
			return true
		}
	}
	return len(s.Members) > 0 || slices.ContainsFunc(s.Accounts, func(id string) bool { return id != accountID })
}

// byType returns the rows of each type that has any.
func (s *Snapshot) byType() (parts [][]Resource) {
	for rest := s.Resources; len(rest) > 0; {
		n := sort.Search(len(rest), func(i int) bool { return rest[i].Type != rest[0].Type })
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	return parts
}

// WithUpdates returns the snapshot as it is after the resources of these keys were
// read again: found are their rows, and the others of them are gone. A row that
// is known already stays where it is newer than the one found.
func (s *Snapshot) WithUpdates(asked []Key, found []Resource) *Snapshot {
	gone := map[Key]bool{}
	for _, k := range asked {
		gone[k.Sanitize()] = true
	}
	found = Dedupe(slices.Clone(found))
	next := *s
	next.Resources = make([]Resource, 0, len(s.Resources)+len(found))
	for _, r := range s.Resources {
		for len(found) > 0 && found[0].Key.compare(r.Key) < 0 {
			next.Resources, found = append(next.Resources, found[0]), found[1:]
		}
		switch {
		case len(found) > 0 && found[0].Key == r.Key:
			if !found[0].UpdatedAt.Before(r.UpdatedAt) {
				r = found[0]
			}
			found = found[1:]
		case gone[r.Key]:
			continue
		}
		next.Resources = append(next.Resources, r)
	}
	next.Resources = append(next.Resources, found...)
	return &next
}
