package guardduty

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// readResources lists every type. began is when the statistics of s were made,
// known is the target's last snapshot, nil for none.
func (c *Client) readResources(ctx context.Context, began time.Time, s, known *coverage.Snapshot) error {
	if err := c.checkTime(ctx, s.Statistics); err != nil {
		return err
	}
	for _, t := range slices.Sorted(slices.Values(c.o.Types)) { // so are the rows of a snapshot
		var rows []coverage.Resource
		var err error
		if _, counted := s.Statistics[t]; counted {
			rows, err = c.readCounted(ctx, t, began, s, known)
		} else {
			rows, err = c.listAll(ctx, []listing{c.listing(t, c.o.Filter, known)})
		}
		if err != nil {
			return err
		}
		s.Resources = append(s.Resources, rows...)
	}
	return nil
}

// reading is one listing of a type between two statistics of it.
type reading struct {
	of            coverage.ResourceType
	before, after counts
	began, ended  time.Time // when the statistics were made, by AWS's clock
	rows          []coverage.Resource
}

// readCounted lists a type that has statistics. Where the rows may not be those
// of one moment, it lists them once more, if there is time for it.
func (c *Client) readCounted(
	ctx context.Context, t coverage.ResourceType, began time.Time, s, known *coverage.Snapshot,
) ([]coverage.Resource, error) {
	listings := c.split(t, total(s.Statistics[t]), s, known)
	start := time.Now()
	r, err := c.readOnce(ctx, reading{of: t, before: s.Statistics[t], began: began}, listings)
	if err != nil {
		return nil, err
	}
	missing := len(listings) > 1 && !r.agrees() // perhaps an account that has joined since the members were listed
	moved := r.hasMoved(known)
	alone := time.Since(start) * time.Duration(min(len(listings), c.atATime())) // about what one chain takes
	if (missing || moved) && hasTime(ctx, alone) && c.checkTime(ctx, map[coverage.ResourceType]counts{t: r.after}) == nil {
		first := &coverage.Snapshot{Resources: r.rows}
		r, err = c.readOnce(ctx, reading{of: t, before: r.after, began: r.ended}, []listing{c.listing(t, c.o.Filter, known)})
		if err != nil {
			return nil, err
		}
		moved = r.hasMoved(first)
	}
	s.Statistics[t] = r.after
	consistent := r.agrees() && !moved && (s.Consistent == nil || *s.Consistent)
	s.Consistent = &consistent
	return r.rows, nil
}

func (c *Client) readOnce(ctx context.Context, r reading, listings []listing) (_ reading, err error) {
	if r.rows, err = c.listAll(ctx, listings); err != nil {
		return r, err
	}
	r.after, r.ended, err = c.statistics(ctx, r.of)
	return r, err
}

// agrees says whether both statistics count the same as the rows.
func (r reading) agrees() bool {
	counted := counts{}
	for status := range r.before {
		counted[status] = 0
	}
	for i := range r.rows {
		counted[r.rows[i].Status]++
	}
	return maps.Equal(counted, r.before) && maps.Equal(counted, r.after)
}

// hasMoved says whether some resource has changed since the reading began: the
// statistics differ, or a row that is so new was not known with this status,
// for changes may cancel each other in the statistics.
func (r reading) hasMoved(known *coverage.Snapshot) bool {
	if !maps.Equal(r.before, r.after) {
		return true
	}
	return slices.ContainsFunc(r.rows, func(row coverage.Resource) bool {
		if row.UpdatedAt.Time().Before(r.began) {
			return false
		}
		was := known.Lookup(row.Key)
		return was == nil || was.Status != row.Status
	})
}
