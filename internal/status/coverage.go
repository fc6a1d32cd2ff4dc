package status

import (
	"cmp"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// place is an account and Region.
type place struct{ accountID, region string }

// coverage returns the totals, and the accounts and Regions that have none although
// a target, a membership or the organization names them.
func (b *builder) coverage() []Coverage {
	rows := []Coverage{}
	known, accounts := map[place]bool{}, map[string]bool{}
	add := func(c Coverage) {
		c.AccountName = b.names[c.AccountID]
		accounts[c.AccountID] = true
		rows = append(rows, c)
	}
	stale, off, inScope := b.stale(), b.off(), b.inScope()
	for _, t := range b.View.Totals {
		at := place{t.AccountID, t.Region}
		c := Coverage{
			AccountID: t.AccountID, Region: t.Region, ResourceType: string(t.ResourceType), Known: true,
			Reason: cmp.Or(off[at], stale[at]), Healthy: t.ByStatus[coverage.Healthy], Resources: t.ByStatus.Sum(),
		}
		if percent, ok := t.Percent(); ok {
			c.Percent = &percent
		} else if off[at] != "" {
			c.Known = false // GuardDuty lists nothing while it is off
		}
		c.InScopePercent = c.Percent
		if others, ok := inScope[[3]string{c.ResourceType, c.AccountID, c.Region}]; ok {
			c.Excluded, c.InScopePercent = c.Resources-others.ByStatus.Sum(), nil
			if percent, ok := others.Percent(); ok {
				c.InScopePercent = &percent
			}
		}
		known[at] = known[at] || t.ResourceType == coverage.ECS
		add(c)
	}
	for at, reason := range b.unknown() {
		if !known[at] {
			add(Coverage{AccountID: at.accountID, Region: at.region, ResourceType: string(coverage.ECS), Reason: reason})
		}
	}
	for id := range b.names {
		if !accounts[id] {
			add(Coverage{AccountID: id, ResourceType: string(coverage.ECS), Reason: "no target shows this account of the organization"})
		}
	}
	slices.SortFunc(rows, func(a, b Coverage) int {
		return cmp.Or(
			cmp.Compare(rankType(a.ResourceType), rankType(b.ResourceType)), cmp.Compare(a.ResourceType, b.ResourceType),
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
		)
	})
	return rows
}

// stale returns why the totals of a place may be old: every target that shows it has
// failed since.
func (b *builder) stale() map[place]string {
	stale, fresh := map[place]string{}, map[place]bool{}
	for i := range b.View.Reports {
		r := &b.View.Reports[i]
		if r.Snapshot == nil || r.Snapshot.OptionalOnly {
			continue
		}
		for _, id := range r.Snapshot.Accounts {
			if at := (place{id, r.Target.Region}); r.State == coverage.OK {
				fresh[at] = true
			} else {
				stale[at] = "as of the last success of target " + r.Target.Name + ", which is " + words(r.State) + " now"
			}
		}
	}
	for at := range fresh {
		delete(stale, at)
	}
	return stale
}

// off returns why GuardDuty may list no clusters of a place.
func (b *builder) off() map[place]string {
	off := map[place]string{}
	for _, f := range b.View.Features {
		if f.Name == "RUNTIME_MONITORING" && f.Additional == "" && !f.Enabled {
			off[place{f.AccountID, f.Region}] = "Runtime Monitoring is off"
		}
	}
	for _, d := range b.View.Detectors {
		if !d.Enabled {
			off[place{d.AccountID, d.Region}] = "the detector is suspended"
		}
	}
	return off
}

// unknown returns why there may be no totals of a place.
func (b *builder) unknown() map[place]string {
	unknown := map[place]string{}
	for _, m := range b.View.Members {
		reason := "the member account has not been listed"
		if m.Relationship != coverage.RelationshipEnabled {
			reason = "the member account is " + strings.ReplaceAll(m.Relationship, "_", " ")
		}
		unknown[place{m.AccountID, m.Region}] = reason
	}
	for i := range b.View.Reports {
		r := &b.View.Reports[i]
		if r.Target.Kind != coverage.KindCoverage || r.AccountID == "" {
			continue
		}
		if at := (place{r.AccountID, r.Target.Region}); r.State != coverage.OK {
			unknown[at] = "target " + r.Target.Name + " is " + words(r.State)
		}
	}
	return unknown
}

// rankType orders ECS first.
func rankType(resourceType string) int {
	if resourceType == string(coverage.ECS) {
		return 0
	}
	return 1
}

// words returns a state for people.
func words(s coverage.State) string { return strings.ReplaceAll(string(s), "_", " ") }
