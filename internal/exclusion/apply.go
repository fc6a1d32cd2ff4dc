package exclusion

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// Input is what exclusions are applied to.
type Input struct {
	Now     time.Time
	Entries []Entry // with different names
	View    *coverage.View
	ECS     []diagnosis.Report
	// Targets are all targets, also those that have no report yet.
	Targets []coverage.TargetID
}

// Result is what the entries exclude. The zero value is that of no entries.
type Result struct {
	Entries []Status // in the order of the input
	// Clusters are the excluded clusters, those of the view first, in its order. A
	// cluster that several entries match is repeated.
	Clusters []Excluded

	byKey map[coverage.Key]*Entry
}

// Status is the state of an entry.
type Status struct {
	*Entry
	Ended bool
	// Matches is the number of clusters that the entry excludes. It is nil after
	// the end, and while clusters may be unknown: until every target that may show
	// some has been read, and while the data of one is missing.
	Matches *int
}

// Excluded is a cluster and the entry that excludes it.
type Excluded struct {
	Cluster coverage.Key
	Entry   *Entry
}

// Of returns the first entry that excludes a cluster, nil if none does.
func (r Result) Of(cluster coverage.Key) *Entry { return r.byKey[cluster] }

// Apply applies the entries that have not ended.
func Apply(in Input) Result {
	if len(in.Entries) == 0 {
		return Result{}
	}
	r := Result{byKey: map[coverage.Key]*Entry{}}
	var active []*Entry
	for i := range in.Entries {
		e := &in.Entries[i]
		r.Entries = append(r.Entries, Status{Entry: e, Ended: e.Ended(in.Now)})
		if !e.Ended(in.Now) {
			active = append(active, e)
		}
	}
	r.match(in, active)
	r.count(in)
	return r
}

// match finds the clusters that the entries exclude.
func (r *Result) match(in Input, active []*Entry) {
	var ofInstances map[coverage.Key][]coverage.IssueType
	issues := func(row *coverage.Resource) []coverage.IssueType {
		if ofInstances == nil {
			ofInstances = in.View.InstanceIssues()
		}
		return row.AppendIssueTypes(nil, ofInstances)
	}
	rows := in.View.OfType(coverage.ECS)
	for i := range rows {
		for _, e := range active {
			if e.matchesKey(rows[i].Key) && (e.IssueType == "" || e.matchesIssues(issues(&rows[i]))) {
				r.add(rows[i].Key, e)
			}
		}
	}
	for d := range diagnosis.Clusters(in.ECS) {
		if diagnosis.RowOf(in.View, d.Cluster) != nil {
			continue
		}
		key := coverage.Key{Type: coverage.ECS, AccountID: d.Cluster.AccountID, Region: d.Cluster.Region, Name: d.Cluster.Name}
		for _, e := range active {
			if e.IssueType == "" && e.matchesKey(key) {
				r.add(key, e)
			}
		}
	}
}

func (r *Result) add(cluster coverage.Key, e *Entry) {
	r.Clusters = append(r.Clusters, Excluded{cluster, e})
	if r.byKey[cluster] == nil {
		r.byKey[cluster] = e
	}
}

// count sets the matches of the entries whose clusters are all known.
func (r *Result) count(in Input) {
	matches := map[*Entry]int{}
	for _, c := range r.Clusters {
		matches[c.Entry]++
	}
	known := map[coverage.TargetID]bool{}
	for i := range in.View.Reports {
		known[in.View.Reports[i].Target] = isKnown(&in.View.Reports[i])
	}
	for i := range r.Entries {
		s := &r.Entries[i]
		if !s.Ended && isWhole(s.Entry, in, known) {
			n := matches[s.Entry]
			s.Matches = &n
		}
	}
}

// isWhole reports whether all clusters that the entry may match are known.
func isWhole(e *Entry, in Input, known map[coverage.TargetID]bool) bool {
	for _, t := range in.Targets {
		if e.mayConcern(t) && !known[t] {
			return false
		}
	}
	for _, r := range in.ECS {
		if (e.AccountID == "" || e.AccountID == r.AccountID) && (e.Region == "" || e.Region == r.Region) && r.LastSuccess.IsZero() {
			return false
		}
	}
	return true
}

// isKnown reports whether the clusters of a target are known, or the Regions of
// one that lists them. Where GuardDuty or the Region is not enabled, there are none.
func isKnown(r *coverage.Report) bool {
	switch {
	case r.Target.Kind == coverage.KindRegions:
		return !r.LastSuccess.IsZero()
	case r.State == coverage.NoDetector, r.State == coverage.RegionDisabled:
		return true
	}
	return r.Snapshot != nil && !r.Snapshot.OptionalOnly
}
