package status

import (
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Exclusion is an exclusion of the configuration.
type Exclusion struct {
	Exclusion   string `json:"exclusion"`
	AccountID   string `json:"account_id"` // this and the next three are "" for any
	Region      string `json:"region"`
	ClusterName string `json:"cluster_name"` // a pattern
	IssueType   string `json:"issue_type"`
	Reason      string `json:"reason"`
	Until       string `json:"until"` // the last day in UTC, such as 2027-03-01
	Ended       bool   `json:"ended"`
	Matches     *int   `json:"matches,omitempty"` // clusters; absent if they are not known, and after the end
	Owner       string `json:"owner,omitempty"`
	Ticket      string `json:"ticket,omitempty"`
}

// Excluded is why a cluster need not be covered.
type Excluded struct {
	Exclusion string `json:"exclusion"`
	Reason    string `json:"reason"`
	Until     string `json:"until"`
	Owner     string `json:"owner,omitempty"`
}

func (b *builder) exclusions() []Exclusion {
	all := []Exclusion{}
	for _, e := range b.Exclusions.Entries {
		all = append(all, Exclusion{
			Exclusion: e.Name, AccountID: e.AccountID, Region: e.Region, ClusterName: e.ClusterName, IssueType: string(e.IssueType),
			Reason: e.Reason, Until: e.LastDay(), Ended: e.Ended, Matches: e.Matches, Owner: e.Owner, Ticket: e.Ticket,
		})
	}
	return all
}

// excluded returns why a cluster need not be covered, nil if it has to be.
func (b *builder) excluded(k coverage.Key) *Excluded {
	e := b.Exclusions.Of(k)
	if e == nil {
		return nil
	}
	return &Excluded{Exclusion: e.Name, Reason: e.Reason, Until: e.LastDay(), Owner: e.Owner}
}

// countExcluded counts a cluster that is not covered if it need not be.
func (b *builder) countExcluded(s *Status, k coverage.Key) {
	if b.Exclusions.Of(k) != nil {
		s.Summary.ExcludedClusters++
	}
}
