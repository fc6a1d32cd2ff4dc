// Package store holds what is known now: the newest report of each target and
// the view that they make together.
package store

import (
	"maps"
	"slices"
	"sync"

	"guardduty_coverage_exporter/internal/coverage"
)

// Store is safe for concurrent use; its zero value is an empty store. What it
// is given and what it hands out are never written to again.
type Store struct {
	mu      sync.Mutex
	reports map[id]coverage.Report
	view    *coverage.View // nil when a report has changed since it was merged
}

type id struct{ name, region string }

// Put replaces what is known of the report's target, and returns which clusters
// have changed their status by that.
func (s *Store) Put(r coverage.Report) []coverage.Transition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reports == nil {
		s.reports = map[id]coverage.Report{}
	}
	at := id{r.Target.Name, r.Target.Region}
	before := s.reports[at].Snapshot
	s.reports[at] = r
	s.view = nil
	var others []*coverage.Snapshot
	for other, report := range s.reports {
		if other != at && other.region == at.region && report.Snapshot != nil {
			others = append(others, report.Snapshot)
		}
	}
	return coverage.Transitions(before, r.Snapshot, others)
}

// Drop forgets a target that is no longer configured.
func (s *Store) Drop(t coverage.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reports, id{t.Name, t.Region})
	s.view = nil
}

// View returns the merge of all reports. It is merged when first asked for
// after a change, so that a burst of changes costs one merge.
func (s *Store) View() *coverage.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		s.view = coverage.Merge(slices.Collect(maps.Values(s.reports)))
	}
	return s.view
}
