package coverage

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"
)

// Event reports that a resource changed. It triggers a read of the resource; its
// contents are not exported.
type Event struct {
	Key                 // with AWS's own name
	Status    Status    // the new one
	UpdatedAt time.Time // of the resource, as in its row; zero if the event has none
}

// Outcome is the result of handling an event, one of [Outcomes].
type Outcome string

// The outcomes.
const (
	Applied        Outcome = "applied"         // the resource was read again and its row is current
	Duplicate      Outcome = "duplicate"       // the row was current already
	Outdated       Outcome = "outdated"        // the row was newer already
	Behind         Outcome = "behind"          // GuardDuty still returns an older row
	NoTarget       Outcome = "no_target"       // no target reads its Region
	UnknownAccount Outcome = "unknown_account" // no target in its Region includes its account
	Filtered       Outcome = "filtered"        // the targets' resource types or filters exclude it
)

// Outcomes returns every outcome.
func Outcomes() []Outcome {
	return []Outcome{Applied, Duplicate, Outdated, Behind, NoTarget, UnknownAccount, Filtered}
}

// CompareTo compares an event with the known row of its resource, nil for none.
// It returns [Duplicate] or [Outdated] if the row is as new or newer, otherwise
// [Behind]. Times are compared by the second, because rows and events have
// different fractions. An event without a time is compared by its status.
func (e Event) CompareTo(known *Resource) Outcome {
	if known == nil {
		return Behind
	}
	newer := known.UpdatedAt.Truncate(time.Second).Compare(e.UpdatedAt.Truncate(time.Second))
	switch {
	case e.UpdatedAt.IsZero():
		newer = 0
	case newer > 0:
		return Outdated
	}
	if newer == 0 && known.Status == e.Status {
		return Duplicate
	}
	return Behind
}

// Lookup returns the row of a resource, or nil. The snapshot may be nil.
func (s *Snapshot) Lookup(k Key) *Resource {
	if s == nil {
		return nil
	}
	return Find(s.Resources, k)
}

// Find returns the row of a resource, or nil. The rows are those of [Dedupe].
func Find(rows []Resource, k Key) *Resource {
	i, ok := slices.BinarySearchFunc(rows, k.Sanitize(), func(r Resource, k Key) int { return r.Key.compare(k) })
	if !ok {
		return nil
	}
	return &rows[i]
}

// Includes reports whether the snapshot covers an account, with or without rows.
func (s *Snapshot) Includes(accountID string) bool {
	for _, rows := range s.byType() {
		_, ok := slices.BinarySearchFunc(rows, accountID, func(r Resource, id string) int { return cmp.Compare(r.AccountID, id) })
		if ok {
			return true
		}
	}
	return slices.Contains(s.Accounts, accountID)
}

// IncludesOthers reports whether the snapshot covers accounts other than this one.
func (s *Snapshot) IncludesOthers(accountID string) bool {
	for _, rows := range s.byType() {
		if rows[0].AccountID != accountID || rows[len(rows)-1].AccountID != accountID {
			return true
		}
	}
	return len(s.Members) > 0 || slices.ContainsFunc(s.Accounts, func(id string) bool { return id != accountID })
}

// AccountsOf returns the accounts whose resources of a type the snapshot has or
// would have, sorted.
func (s *Snapshot) AccountsOf(t ResourceType) []string {
	var accounts []string
	if slices.Contains(s.Types, t) {
		accounts = slices.Clone(s.Accounts)
	}
	for _, rows := range s.byType() {
		for len(rows) > 0 && rows[0].Type == t {
			id := rows[0].AccountID
			accounts = append(accounts, id)
			rows = rows[sort.Search(len(rows), func(i int) bool { return rows[i].AccountID > id }):]
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// byType returns the rows of each type that has rows.
func (s *Snapshot) byType() (rows [][]Resource) {
	for rest := s.Resources; len(rest) > 0; {
		n := sort.Search(len(rest), func(i int) bool { return rest[i].Type != rest[0].Type })
		rows, rest = append(rows, rest[:n]), rest[n:]
	}
	return rows
}

// WithUpdates returns the snapshot with resources that were read again at readAt:
// found has their rows, and the resources with the keys of gone are removed
// unless they have a row. A known row that is newer than the one found stays.
func (s *Snapshot) WithUpdates(gone []Key, found []Resource, readAt time.Time) *Snapshot {
	removed := map[Key]bool{}
	for _, k := range gone {
		removed[k.Sanitize()] = true
	}
	found = Dedupe(slices.Clone(found))
	next := *s
	next.PartialReads = maps.Clone(s.PartialReads)
	if next.PartialReads == nil {
		next.PartialReads = map[Key]time.Time{}
	}
	for i := range found {
		next.PartialReads[found[i].Key] = readAt
	}
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
		case removed[r.Key]:
			continue
		}
		next.Resources = append(next.Resources, r)
	}
	next.Resources = append(next.Resources, found...)
	return &next
}

// readAt returns when the row of a resource was read.
func (s *Snapshot) readAt(k Key) time.Time {
	if readAt, ok := s.PartialReads[k]; ok {
		return readAt
	}
	return s.ReadAt
}
