// Package exclusion decides which ECS clusters are not meant to be covered, by the
// exclusions of the configuration. It does no I/O and reads no clock. The health
// of a cluster does not depend on it.
package exclusion

import (
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Entry is one exclusion of the configuration. A cluster is excluded if it matches
// all of AccountID, Region, ClusterName and IssueType that are not empty.
type Entry struct {
	// Name identifies the entry; unique.
	Name      string `yaml:"name"`
	AccountID string `yaml:"account_id"`
	Region    string `yaml:"region"`
	// ClusterName is a pattern with * for any characters and ? for one.
	ClusterName string `yaml:"cluster_name"`
	// IssueType matches a cluster that has issues of this type only.
	IssueType coverage.IssueType `yaml:"issue_type"`
	// Reason is why the clusters need not be covered.
	Reason string `yaml:"reason"`
	// Until is the last day, at 00:00 UTC, on which the entry applies.
	Until  time.Time `yaml:"until"`
	Owner  string    `yaml:"owner"`
	Ticket string    `yaml:"ticket"`
}

// End returns when the entry ends: when its last day is over in UTC.
func (e *Entry) End() time.Time { return e.Until.AddDate(0, 0, 1) }

// Ended reports whether the entry has ended.
func (e *Entry) Ended(now time.Time) bool { return !now.Before(e.End()) }

// LastDay returns the last day as in the configuration, such as 2027-03-01.
func (e *Entry) LastDay() string { return e.Until.Format(time.DateOnly) }

// matchesKey reports whether the entry matches a cluster apart from its issues.
func (e *Entry) matchesKey(k coverage.Key) bool {
	if e.AccountID != "" && e.AccountID != k.AccountID || e.Region != "" && e.Region != k.Region {
		return false
	}
	return e.ClusterName == "" || MatchName(e.ClusterName, k.Name)
}

// MatchName reports whether a pattern, with * for any characters and ? for one,
// matches a whole name. Names of ECS clusters are ASCII. Every pattern is matched with
// every cluster for each page, for which path.Match is too slow.
func MatchName(pattern, name string) bool {
	if n, m := len(pattern), len(name); n > 0 && m > 0 && pattern[n-1] != '*' && pattern[n-1] != '?' && pattern[n-1] != name[m-1] {
		return false // fast path
	}
	p, n := 0, 0
	star, begin := -1, 0 // the last * and where in the name the rest of the pattern was tried
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, begin = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			begin++
			p, n = star+1, begin
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchesIssues reports whether the entry matches a cluster with these issues.
func (e *Entry) matchesIssues(types []coverage.IssueType) bool {
	if e.IssueType == "" {
		return true
	}
	for _, t := range types {
		if t != e.IssueType {
			return false
		}
	}
	return len(types) > 0
}

// mayConcern reports whether the target may show clusters that the entry matches.
// A target without a Region lists the Regions that are read.
func (e *Entry) mayConcern(t coverage.TargetID) bool {
	return t.Kind != coverage.KindAccountNames && (e.Region == "" || t.Region == "" || e.Region == t.Region)
}
