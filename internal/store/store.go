// Package store holds the newest report of each target and merges them into one
// view. It also holds what is known of each target's accounts from ECS.
package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// Store is safe for concurrent use; its zero value is an empty store. Reports
// and views are immutable once stored or returned.
type Store struct {
	// Changed, if not nil, is called after each change, possibly concurrently.
	// It is set before the store is used.
	Changed func()

	mu      sync.Mutex
	reports map[coverage.TargetID]coverage.Report
	ecs     map[ecsKey]diagnosis.Report
	// unhealthy has the times that reports do not have any more, see
	// [coverage.UpdateUnhealthy].
	unhealthy map[coverage.Key]time.Time
}

// ecsKey identifies a report of ECS.
type ecsKey struct{ target, accountID, region string }

func (k ecsKey) compare(other ecsKey) int {
	return cmp.Or(cmp.Compare(k.target, other.target), cmp.Compare(k.accountID, other.accountID), cmp.Compare(k.region, other.region))
}

// Put replaces the report of a target and returns which clusters have changed
// their status.
func (s *Store) Put(r coverage.Report) []coverage.Transition {
	var before coverage.Report
	var others []coverage.Report
	s.change(func() {
		if s.reports == nil {
			s.reports = map[coverage.TargetID]coverage.Report{}
		}
		before, others = s.reports[r.Target], s.others(r.Target)
		s.reports[r.Target] = r
		s.unhealthy = coverage.UpdateUnhealthy(s.unhealthy, before, r, others)
	})
	return coverage.Transitions(before, r, others)
}

// Drop removes a target that is no longer configured.
func (s *Store) Drop(t coverage.TargetID) {
	s.change(func() {
		s.unhealthy = coverage.UpdateUnhealthy(s.unhealthy, s.reports[t], coverage.Report{Target: t}, s.others(t))
		delete(s.reports, t)
	})
}

// others returns the reports of the other targets of a target's Region. The caller
// holds the lock.
func (s *Store) others(t coverage.TargetID) []coverage.Report {
	var others []coverage.Report
	for other, report := range s.reports {
		if other != t && other.Region == t.Region {
			others = append(others, report)
		}
	}
	return others
}

// View merges all reports. It costs time and memory for each resource, and the
// store does not keep the result.
func (s *Store) View() *coverage.View {
	s.mu.Lock()
	reports, unhealthy := slices.Collect(maps.Values(s.reports)), maps.Clone(s.unhealthy)
	s.mu.Unlock()
	v := coverage.Merge(reports)
	v.UnhealthySince = unhealthy
	return v
}

// PutECS replaces what is known from ECS of an account and Region of a target.
func (s *Store) PutECS(r diagnosis.Report) {
	s.change(func() {
		if s.ecs == nil {
			s.ecs = map[ecsKey]diagnosis.Report{}
		}
		s.ecs[ecsKey{r.Target, r.AccountID, r.Region}] = r
	})
}

// DropECS removes what is known from ECS of an account and Region of a target.
func (s *Store) DropECS(target, accountID, region string) {
	s.change(func() { delete(s.ecs, ecsKey{target, accountID, region}) })
}

// ECS returns what is known from ECS, sorted by target, account and Region.
func (s *Store) ECS() []diagnosis.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	var reports []diagnosis.Report
	for _, key := range slices.SortedFunc(maps.Keys(s.ecs), ecsKey.compare) {
		reports = append(reports, s.ecs[key])
	}
	return reports
}

// Reports returns the newest report of each target.
func (s *Store) Reports() []coverage.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.reports))
}

// change makes an edit and calls Changed.
func (s *Store) change(edit func()) {
	s.mu.Lock()
	edit()
	s.mu.Unlock()
	if s.Changed != nil {
		s.Changed()
	}
}
