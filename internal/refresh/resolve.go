package refresh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

var (
	errNotRefreshed = errors.New("the target has no data yet")
	errStopped      = errors.New("the target is no longer refreshed")
)

// Apply reads the resource of an event again and returns the outcome. With
// [coverage.Applied] the new state has been put. Events of one target that
// arrive within a second are read together. An error means that the event can be
// applied later: the target could not be read or has no data yet.
func (r *Refresher) Apply(ctx context.Context, e coverage.Event) (coverage.Outcome, error) {
	workers, outcome, err := r.targetsFor(e.Key)
	if err != nil || len(workers) == 0 {
		return outcome, err
	}
	outcome = coverage.Applied
	for _, w := range workers {
		found, result, err := w.apply(ctx, e)
		if err != nil {
			return "", err
		}
		// If the target filters by attribute, the resource may be in another target.
		if found || !w.state().lastRead.keyReader().FiltersByAttribute(e.Key) {
			return result, nil
		}
		if result != coverage.Applied {
			outcome = result
		}
	}
	return outcome, nil
}

// targetMatch is a target that may contain a resource.
type targetMatch struct {
	*worker
	affinity affinity
	filters  bool // whether the target filters by attribute
}

// targetsFor returns the workers whose targets may contain a resource, the
// closest to its account first, and of equally close ones those that do not
// filter by attribute. If there is none, the outcome or the error gives the reason.
func (r *Refresher) targetsFor(k coverage.Key) ([]*worker, coverage.Outcome, error) {
	var found []targetMatch
	outcome, err := coverage.NoTarget, r.errUnlisted()
	for _, w := range r.keyReadersIn(k.Region) {
		s := w.state()
		if outcome == coverage.NoTarget {
			outcome, err = coverage.UnknownAccount, nil
		}
		affinity := affinityOf(s.report, k.AccountID)
		switch {
		case s.report.Snapshot == nil && (s.completed == 0 || affinity == ownAccount):
			err = errNotRefreshed
		case affinity == none:
			// A failing target reads everything when it recovers.
		case !s.lastRead.keyReader().Matches(k):
			outcome = coverage.Filtered
		default:
			found = append(found, targetMatch{w, affinity, s.lastRead.keyReader().FiltersByAttribute(k)})
		}
	}
	if len(found) == 0 {
		return nil, outcome, err
	}
	slices.SortStableFunc(found, targetMatch.compare)
	workers := make([]*worker, len(found))
	for i, c := range found {
		workers[i] = c.worker
	}
	return workers, "", nil
}

func (m targetMatch) compare(other targetMatch) int {
	switch {
	case m.affinity != other.affinity:
		return cmp.Compare(other.affinity, m.affinity)
	case m.filters == other.filters:
		return 0
	case other.filters:
		return -1
	}
	return 1
}

// keyReadersIn returns the workers of a Region that can read single resources,
// sorted by name.
func (r *Refresher) keyReadersIn(region string) []*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*worker
	for id, w := range r.workers {
		if id.Region == region && w.state().target.keyReader() != nil {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b *worker) int { return cmp.Compare(a.id.Name, b.id.Name) })
	return found
}

// errUnlisted returns an error while a List has not succeeded yet, so that
// further targets may exist.
func (r *Refresher) errUnlisted() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if s := w.state(); s.target.List != nil && s.report.LastSuccess.IsZero() {
			return fmt.Errorf("the Regions of target %s are not listed yet", w.id.Name)
		}
	}
	return nil
}

// affinity is how closely a target is related to an account.
type affinity int

const (
	none           affinity = iota
	multiAccount            // the target reports other accounts than its own
	reportsAccount          // the target reports the account
	ownAccount              // the target's detector belongs to the account
)

func affinityOf(r coverage.Report, accountID string) affinity {
	switch {
	case r.AccountID == accountID:
		return ownAccount
	case r.Snapshot == nil:
		return none
	case r.Snapshot.Includes(accountID):
		return reportsAccount
	case r.Snapshot.IncludesOthers(r.AccountID):
		return multiAccount
	}
	return none
}
