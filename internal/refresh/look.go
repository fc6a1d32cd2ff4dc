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

// Apply has the resource of a change read again and says what became of the
// change; with [coverage.Applied], what was found has been put. Changes of one
// target that come within a second are read together. An error says that the
// change may be looked at again later: the target could not be read, or has no
// data yet that the resource could be added to.
func (r *Refresher) Apply(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
	candidates, verdict, err := r.candidates(c.Key)
	if err != nil {
		return "", err
	}
	for _, w := range candidates {
		var found bool
		found, verdict, err = w.look(ctx, c)
		if err != nil {
			return "", err
		}
		if target, _, _ := w.known(); found || !target.FiltersByState(c.Key) {
			break // else it may be another target's, whose filter differs
		}
	}
	return verdict, nil
}

// candidate is a target that may show a resource.
type candidate struct {
	*worker
	rank    rank
	narrows bool
}

// candidates returns the workers whose targets may show the resource of a key,
// in the order in which they are to be asked: the account's own, then those
// that show the account, then those that show several accounts and so perhaps
// this one too. Where there is none, the verdict or the error says why.
func (r *Refresher) candidates(k coverage.Key) ([]*worker, coverage.Outcome, error) {
	var found []candidate
	verdict, err := coverage.NoTarget, r.errUnlisted()
	for _, w := range r.inRegion(k.Region) {
		target, report, tried := w.known()
		if verdict == coverage.NoTarget {
			verdict, err = coverage.UnknownAccount, nil
		}
		near := rankOf(report, k.AccountID)
		switch {
		case report.Snapshot == nil && (!tried || near == own):
			err = errNotRefreshed
		case report.Snapshot == nil, near == unrelated:
			// A target that fails reads everything when it recovers.
		case !target.Matches(k):
			verdict = coverage.Filtered
			if near == own {
				err = nil
			}
		default:
			found = append(found, candidate{w, near, target.FiltersByState(k)})
		}
	}
	if len(found) == 0 {
		return nil, verdict, err
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), compareFalseFirst(a.narrows, b.narrows))
	})
	workers := make([]*worker, len(found))
	for i, c := range found {
		workers[i] = c.worker
	}
	return workers, "", nil
}

func compareFalseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// inRegion returns the workers that can reread in a Region, by their names.
func (r *Refresher) inRegion(region string) []*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*worker
	for at, w := range r.workers {
		if target, _ := w.orders(); at.region == region && target.ReadKeys != nil {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b *worker) int { return cmp.Compare(a.at.name, b.at.name) })
	return found
}

// errUnlisted is not nil while there may be targets that no List has found yet.
func (r *Refresher) errUnlisted() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		target, _ := w.orders()
		if _, report, _ := w.known(); target.List != nil && report.LastSuccess.IsZero() {
			return fmt.Errorf("the targets of %s are not listed yet", w.at.name)
		}
	}
	return nil
}

// rank is how near a target is to an account.
type rank int

const (
	unrelated rank = iota
	ofSeveral      // the target shows other accounts than its own
	showing        // the target shows the account
	own            // the target is of the account
)

func rankOf(r coverage.Report, accountID string) rank {
	switch {
	case r.Target.AccountID == accountID:
		return own
	case r.Snapshot == nil:
		return unrelated
	case r.Snapshot.Includes(accountID):
		return showing
	case r.Snapshot.IncludesOthers(r.Target.AccountID):
		return ofSeveral
	}
	return unrelated
}
