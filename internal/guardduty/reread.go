package guardduty

import (
	"context"
	"errors"
	"slices"

	"guardduty_coverage_exporter/internal/coverage"
)

// Admits says whether a refresh of the target may find a resource of that key.
func (c *Client) Admits(k coverage.Key) bool {
	return slices.Contains(c.o.Types, k.Type) && c.o.Filter.admits(k)
}

// Narrows says whether a resource of that key may exist and yet not be found,
// for what its row says.
func (c *Client) Narrows(k coverage.Key) bool {
	return !c.o.Filter.CoverageStatus.isEmpty() || !c.o.Filter.ManagementType.isEmpty() || k.Type == coverage.EC2 && c.o.OnlyECS
}

// errNotRead says that there has been no good Read yet.
var errNotRead = errors.New("the target has not been read yet")

// Reread reads the resources of these keys again, which have AWS's own names
// and which the target admits. It costs one call for each 50 of a type and account. Those that it does not
// return are gone, or left out for what their rows say.
func (c *Client) Reread(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
	detector := c.answering.Load()
	if detector == nil {
		return nil, errNotRead
	}
	type group struct {
		of        coverage.ResourceType
		accountID string
	}
	names, wanted := map[group][]string{}, map[coverage.Key]bool{}
	for _, k := range keys {
		wanted[k.Clean()] = true
		g := group{k.Type, k.AccountID}
		names[g] = append(names[g], k.Name)
	}
	var found []coverage.Resource
	for g, all := range names {
		for some := range slices.Chunk(all, pageSize) {
			l := listing{detector: *detector, of: g.of, criteria: c.o.Filter.criteriaOf(g.of, g.accountID, some)}
			err := c.list(ctx, l, func(r coverage.Resource) {
				if wanted[r.Key] {
					found = append(found, r)
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}
