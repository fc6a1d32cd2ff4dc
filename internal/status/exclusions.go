package status

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// endsSoon is how long before the end of an exclusion it is counted as ending.
const endsSoon = 14 * 24 * time.Hour

// exclusions returns the exclusions of the configuration.
func (b *builder) exclusions() []Exclusion {
	rows := []Exclusion{}
	for _, e := range b.Exclusions.Entries {
		rows = append(rows, Exclusion{
			Exclusion: e.Name, AccountID: e.AccountID, Region: e.Region, ClusterName: e.ClusterName, IssueType: string(e.IssueType),
			Reason: e.Reason, Owner: e.Owner, Ticket: e.Ticket, Until: e.LastDay(), Ended: e.Ended, Matches: e.Matches,
		})
	}
	return rows
}

// isExcluded reports whether a cluster is not meant to be covered.
func (b *builder) isExcluded(k coverage.Key) bool { return b.Exclusions.Of(k) != nil }

// endingExclusions counts the exclusions that end soon.
func (b *builder) endingExclusions() int {
	n := 0
	for _, e := range b.Exclusions.Entries {
		if !e.Ended && e.End().Sub(b.Now) <= endsSoon {
			n++
		}
	}
	return n
}

// excluded returns why a cluster is not meant to be covered, nil if it is.
func (b *builder) excluded(k coverage.Key) *Excluded {
	e := b.Exclusions.Of(k)
	if e == nil {
		return nil
	}
	return &Excluded{Exclusion: e.Name, Reason: e.Reason, Until: e.LastDay(), Owner: e.Owner}
}

// inScope returns the totals without excluded clusters by type, account and Region.
func (b *builder) inScope() map[[3]string]coverage.Total {
	totals := map[[3]string]coverage.Total{}
	if len(b.Exclusions.Clusters) > 0 {
		for _, t := range b.View.InScope(b.isExcluded) {
			totals[[3]string{string(t.ResourceType), t.AccountID, t.Region}] = t
		}
	}
	return totals
}
