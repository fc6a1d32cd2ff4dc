package guardduty

import (
	"context"
	"errors"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Matches reports whether Read may return a resource with this key.
func (c *Client) Matches(k coverage.Key) bool {
	return slices.Contains(c.o.Types, k.Type) && c.o.Filter.Matches(k)
}

// FiltersByAttribute reports whether Read may omit an existing resource with this
// key because of its other attributes.
func (c *Client) FiltersByAttribute(k coverage.Key) bool {
	return !c.o.Filter.CoverageStatus.IsEmpty() || !c.o.Filter.ManagementType.IsEmpty() || k.Type == coverage.EC2 && c.o.OnlyECS
}

// Omits reports whether Read omits a resource with the status of the event.
func (c *Client) Omits(e coverage.Event) bool {
	return !c.o.Filter.CoverageStatus.Matches(string(e.Status))
}

// errNotRead means that no Read has succeeded yet.
var errNotRead = errors.New("the target has not been read yet")

// ReadKeys reads the resources with these keys, which have AWS's own names and
// match the target. Up to 50 resources of a type are one listing, which is one
// call unless the accounts have many resources with the same names. A resource
// that is not returned is gone, or omitted because of its other attributes.
func (c *Client) ReadKeys(ctx context.Context, keys []coverage.Key) ([]coverage.Resource, error) {
	detectorID := c.lastDetectorID.Load()
	if detectorID == nil {
		return nil, errNotRead
	}
	byType, wanted := map[coverage.ResourceType][]coverage.Key{}, map[coverage.Key]bool{}
	for _, k := range keys {
		byType[k.Type] = append(byType[k.Type], k)
		wanted[k.Sanitize()] = true
	}
	var found []coverage.Resource
	for t, all := range byType {
		for chunk := range slices.Chunk(all, pageSize) {
			l := listing{detectorID: *detectorID, resourceType: t, criteria: criteriaForKeys(c.o.Filter, t, chunk)}
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
