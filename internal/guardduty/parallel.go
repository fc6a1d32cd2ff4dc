package guardduty

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// listingSize is the approximate number of resources in a listing.
	// With so many, a last page that is not full costs little.
	listingSize = 10 * pageSize
	// maxAccounts limits the accounts in one filter. The API has no documented limit.
	maxAccounts = 100
	// maxConcurrentListings limits the listings that are read concurrently.
	maxConcurrentListings = 16
	// slowCall is the call latency, in seconds, up to which concurrency keeps
	// the request rate saturated.
	slowCall = 0.5
)

// partition returns listings that together return what the target's filter
// matches. A large listing of an administrator is divided by account.
func (c *Client) partition(t coverage.ResourceType, resources int64, p *pass) []listing {
	accounts := slices.DeleteFunc(slices.Clone(p.accounts), func(id string) bool { return !c.o.Filter.AccountID.Matches(id) })
	size := maxAccounts
	if resources > 0 {
		size = int(min(max(int64(len(accounts))*c.listingSize/resources, 1), maxAccounts))
	}
	n := int64((len(accounts) + size - 1) / size)
	tooMany := n > 2*resources/c.listingSize // their last pages, which are not full, would cost too much
	if n <= 1 || resources <= c.listingSize || tooMany {
		whole := c.listing(t, c.o.Filter, p.known)
		whole.expected = resources
		return []listing{whole}
	}
	var listings []listing
	for chunk := range slices.Chunk(accounts, size) {
		f := c.o.Filter
		f.AccountID = coverage.Condition{Equals: chunk}
		listings = append(listings, c.listing(t, f, p.known))
	}
	return listings
}

// listAll reads all listings, several concurrently, and returns one row for each
// key, or an error if any of them fails.
func (c *Client) listAll(ctx context.Context, listings []listing) ([]coverage.Resource, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.concurrency())
	found := make([][]coverage.Resource, len(listings))
	for i, l := range listings {
		found[i] = make([]coverage.Resource, 0, l.expected)
		group.Go(func() error {
			return c.list(ctx, l, func(r coverage.Resource) { found[i] = append(found[i], r) })
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return coverage.Dedupe(found[0]), nil
	}
	return coverage.Dedupe(slices.Concat(found...)), nil
}

// concurrency is the number of listings that are read concurrently.
func (c *Client) concurrency() int {
	return int(min(max(math.Ceil(c.o.RequestsPerSecond*slowCall), 1), maxConcurrentListings))
}
