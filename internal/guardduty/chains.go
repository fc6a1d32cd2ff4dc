package guardduty

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// chainLength is how many resources a chain of pages has about: its last
	// page, which is not full, costs little then.
	chainLength = 10 * pageSize
	// maxAccounts bounds the accounts of one filter. The API gives no bound.
	maxAccounts = 100
	// maxChains bounds how many chains are read at a time.
	maxChains = 16
	// slowCall is how long a call takes at most, in seconds, without the
	// request rate being left unused.
	slowCall = 0.5
)

// split makes listings that together find what the target's filter does. Large
// ones of an administrator are split by its accounts, as the members of s tell
// them.
func (c *Client) split(t coverage.ResourceType, resources int64, s, known *coverage.Snapshot) []listing {
	accounts := c.accounts(s)
	size := maxAccounts
	if resources > 0 {
		size = int(min(max(int64(len(accounts))*c.chainLength/resources, 1), maxAccounts))
	}
	chains := int64((len(accounts) + size - 1) / size)
	tooMany := chains > 2*resources/c.chainLength // their last pages, which are not full, would cost too much
	if chains <= 1 || resources <= c.chainLength || tooMany {
		whole := c.listing(t, c.o.Filter, known)
		whole.expected = resources
		return []listing{whole}
	}
	var listings []listing
	for some := range slices.Chunk(accounts, size) {
		f := c.o.Filter
		f.AccountID = Condition{Equals: some}
		listings = append(listings, c.listing(t, f, known))
	}
	return listings
}

// accounts returns those that the detector shows and the filter admits; nil
// where its members are not known.
func (c *Client) accounts(s *coverage.Snapshot) []string {
	if !slices.Contains(s.Capabilities, coverage.Capability{Name: "members", OK: true}) {
		return nil
	}
	all := []string{c.accountID}
	for _, m := range s.Members {
		if m.Relationship == coverage.RelationshipEnabled {
			all = append(all, m.AccountID)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id string) bool { return !c.o.Filter.AccountID.admits(id) })
}

// listAll lists whole or not at all, several chains at a time, and returns one
// row for each key.
func (c *Client) listAll(ctx context.Context, listings []listing) ([]coverage.Resource, error) {
	chains, ctx := errgroup.WithContext(ctx)
	chains.SetLimit(c.atATime())
	found := make([][]coverage.Resource, len(listings))
	for i, l := range listings {
		found[i] = make([]coverage.Resource, 0, l.expected)
		chains.Go(func() error {
			return c.list(ctx, l, func(r coverage.Resource) { found[i] = append(found[i], r) })
		})
	}
	if err := chains.Wait(); err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return coverage.Dedupe(found[0]), nil
	}
	return coverage.Dedupe(slices.Concat(found...)), nil
}

// atATime is how many chains are read at a time.
func (c *Client) atATime() int {
	return int(min(max(math.Ceil(c.o.RequestsPerSecond*slowCall), 1), maxChains))
}
