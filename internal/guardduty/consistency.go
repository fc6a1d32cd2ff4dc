package guardduty

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// readResources lists every type.
func (c *Client) readResources(ctx context.Context, p *pass) error {
	if err := c.checkDeadline(ctx, p.snapshot.Statistics); err != nil {
		return err
	}
	for _, t := range slices.Sorted(slices.Values(c.o.Types)) { // the order of a snapshot's rows
		rows, err := c.listType(ctx, t, p)
		if err != nil {
			return err
		}
		if p.snapshot.Resources == nil {
			p.snapshot.Resources = rows // a copy would be a third of the peak memory
		} else {
			p.snapshot.Resources = append(p.snapshot.Resources, rows...)
		}
	}
	return nil
}

// listType lists the resources of a type. If statistics show that they changed
// meanwhile, it lists them once more if there is time for it.
func (c *Client) listType(ctx context.Context, t coverage.ResourceType, p *pass) ([]coverage.Resource, error) {
	s := p.snapshot
	before, counted := s.Statistics[t]
	if !counted {
		rows, err := c.listAll(ctx, []listing{c.listing(t, c.o.Filter, p.known)})
		if c.confirmOff(ctx, p, t, err) {
			return nil, nil
		}
		return rows, err
	}
	listings := c.partition(t, before.Sum(), p)
	start := time.Now()
	l, err := c.listWithCounts(ctx, countedListing{resourceType: t, before: before, beforeAt: p.beforeAt}, listings)
	if before.Sum() == 0 && c.confirmOff(ctx, p, t, err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Rows may be missing because the listing ended early, or because an account
	// has joined since the members were listed.
	missing := l.isIncomplete() || len(listings) > 1 && !l.matchesCounts()
	changed := l.changedDuring(p.known.Resources)
	inSequence := time.Since(start) * time.Duration(min(len(listings), c.concurrency())) // the approximate time for it
	if (missing || changed) && hasTime(ctx, inSequence) && c.checkDeadline(ctx, map[coverage.ResourceType]coverage.Counts{t: l.after}) == nil {
		first := l.rows
		again := countedListing{resourceType: t, before: l.after, beforeAt: l.afterAt}
		l, err = c.listWithCounts(ctx, again, []listing{c.listing(t, c.o.Filter, p.known)})
		if err != nil {
			return nil, err
		}
		changed = l.changedDuring(first)
	}
	if l.isIncomplete() {
		return nil, fmt.Errorf("list coverage of %s: %w: %d resources, but the statistics count %d before and %d after",
			t, coverage.ErrInvalidResponse, len(l.rows), l.before.Sum(), l.after.Sum())
	}
	s.Statistics[t] = l.after
	consistent := l.matchesCounts() && !changed && (s.Consistent == nil || *s.Consistent)
	s.Consistent = &consistent
	return l.rows, nil
}

// countedListing is a listing of a type between two statistics of it.
type countedListing struct {
	resourceType      coverage.ResourceType
	before, after     coverage.Counts
	beforeAt, afterAt time.Time // the times of the statistics' responses, by AWS's clock
	rows              []coverage.Resource
}

func (c *Client) listWithCounts(ctx context.Context, l countedListing, listings []listing) (_ countedListing, err error) {
	if l.rows, err = c.listAll(ctx, listings); err != nil {
		return l, err
	}
	l.after, l.afterAt, err = c.countByStatus(ctx, l.resourceType)
	return l, err
}

// isIncomplete reports whether there are fewer rows than both statistics count.
func (l countedListing) isIncomplete() bool {
	return int64(len(l.rows)) < min(l.before.Sum(), l.after.Sum())
}

// matchesCounts reports whether the rows match both statistics.
func (l countedListing) matchesCounts() bool {
	counted := coverage.Counts{}
	for status := range l.before {
		counted[status] = 0
	}
	for i := range l.rows {
		counted[l.rows[i].Status]++
	}
	return maps.Equal(counted, l.before) && maps.Equal(counted, l.after)
}

// changedDuring reports whether a resource changed during the listing: the
// statistics differ, or a row updated since then had another status in known,
// or was not in it. Changes may cancel each other out in the statistics.
func (l countedListing) changedDuring(known []coverage.Resource) bool {
	if !maps.Equal(l.before, l.after) {
		return true
	}
	return slices.ContainsFunc(l.rows, func(row coverage.Resource) bool {
		if row.UpdatedAt.Before(l.beforeAt) {
			return false
		}
		was := coverage.Find(known, row.Key)
		return was == nil || was.Status != row.Status
	})
}
