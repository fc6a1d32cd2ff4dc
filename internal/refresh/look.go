package refresh

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"guardduty_coverage_exporter/internal/coverage"
)

var (
	errNotRefreshed = errors.New("the target has no data yet")
	errStopped      = errors.New("the target is no longer refreshed")
)

// Look has the resource of a change read again and says what became of the
// change; with [coverage.Applied], what was found has been put. Changes of one
// target that come within a second are read together. An error says that the
// change may be looked at again later: the target could not be read, or has no
// data yet that the resource could be added to.
func (r *Refresher) Look(ctx context.Context, c coverage.Change) (coverage.Verdict, error) {
	w, verdict, err := r.responsible(c.Key)
	if w == nil || err != nil {
		return verdict, err
	}
	return w.look(ctx, c)
}

// responsible returns the worker whose target is to read the resource of a key
// again: the account's own, else one that shows the account, else one that
// shows several accounts and so perhaps this one too. Where there is none, the
// verdict or the error says why.
func (r *Refresher) responsible(k coverage.Key) (*worker, coverage.Verdict, error) {
	var best *worker
	highest := unrelated
	verdict, err := coverage.NoTarget, error(nil)
	for _, w := range r.inRegion(k.Region) {
		target, report := w.known()
		if verdict == coverage.NoTarget {
			verdict = coverage.UnknownAccount
		}
		if report.Snapshot == nil {
			err = errNotRefreshed
			continue
		}
		found := rankOf(report, k.AccountID)
		switch {
		case found == unrelated:
		case !target.Admits(k):
			verdict = coverage.Excluded
		case found > highest:
			best, highest = w, found
		}
	}
	if best != nil {
		return best, "", nil
	}
	return nil, verdict, err
}

// inRegion returns the workers that can reread in a Region, by their names.
func (r *Refresher) inRegion(region string) []*worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*worker
	for at, w := range r.workers {
		if target, _ := w.orders(); at.region == region && target.Reread != nil {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b *worker) int { return cmp.Compare(a.at.name, b.at.name) })
	return found
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
	case r.Snapshot.Shows(accountID):
		return showing
	case r.Snapshot.ShowsOthers(r.Target.AccountID):
		return ofSeveral
	}
	return unrelated
}
