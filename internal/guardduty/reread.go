package guardduty

import (
	"context"
	"errors"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Matches says whether a refresh of the target may find a resource of that key.
func (c *Client) Matches(k coverage.Key) bool {
	return slices.Contains(c.o.Types, k.Type) && c.o.Filter.admits(k)
}

// FiltersByState says whether a resource of that key may exist and yet not be found,
// for what its row says.
func (c *Client) FiltersByState(k coverage.Key) bool {
	return !c.o.Filter.CoverageStatus.isEmpty() || !c.o.Filter.ManagementType.isEmpty() || k.Type == coverage.EC2 && c.o.OnlyECS
}

// errNotRead says that there has been no good Read yet.
var errNotRead = errors.New("the target has not been read yet")

// ReadKeys reads the resources of these keys again, which have AWS's own names
// and which the target admits. For up to 50 of a type it is one listing, by
// account and name, which costs one call unless the accounts have many
// resources of the same names. Those that it does not return are gone, or left
// out for what their rows say.
func (c *Client) ReadKeys(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
	detector := c.answering.Load()
	if detector == nil {
		return nil, errNotRead
	}
	byType, wanted := map[coverage.ResourceType][]coverage.Key{}, map[coverage.Key]bool{}
	for _, k := range keys {
		byType[k.Type] = append(byType[k.Type], k)
		wanted[k.Sanitize()] = true
	}
	var found []coverage.Resource
	for of, all := range byType {
		for some := range slices.Chunk(all, pageSize) {
			l := listing{detector: *detector, of: of, criteria: c.o.Filter.criteriaOf(of, some)}
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
