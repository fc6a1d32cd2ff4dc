// Package store holds what is known now: the newest report of each target and
// the view that they make together.
package store

import (
	"maps"
	"slices"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Store is safe for concurrent use; its zero value is an empty store. What it
// is given and what it hands out are never written to again.
type Store struct {
	// Changed, if not nil, is called after each change, possibly by several
	// goroutines at a time. It is set before the store is used.
	Changed func()

	mu      sync.Mutex
	reports map[id]coverage.Report
}

type id struct{ name, region string }

// Put replaces what is known of the report's target, and returns which clusters
// have changed their status by that.
func (s *Store) Put(r coverage.Report) []coverage.Transition {
	at := id{r.Target.Name, r.Target.Region}
	var before *coverage.Snapshot
	var others []*coverage.Snapshot
	s.change(func() {
		if s.reports == nil {
			s.reports = map[id]coverage.Report{}
		}
		before = s.reports[at].Snapshot
		s.reports[at] = r
		for other, report := range s.reports {
			if other != at && other.region == at.region && report.Snapshot != nil {
				others = append(others, report.Snapshot)
			}
		}
	})
	return coverage.Transitions(before, r.Snapshot, others)
}

// Drop forgets a target that is no longer configured.
func (s *Store) Drop(t coverage.TargetID) {
	s.change(func() { delete(s.reports, id{t.Name, t.Region}) })
}

// View merges all reports, which takes time and memory for each resource. The
// store keeps nothing of it.
func (s *Store) View() *coverage.View {
	return coverage.Merge(s.all())
}

func (s *Store) all() []coverage.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.reports))
}

// change makes an edit and tells of it.
func (s *Store) change(edit func()) {
	s.mu.Lock()
	edit()
	s.mu.Unlock()
	if s.Changed != nil {
		s.Changed()
	}
}
