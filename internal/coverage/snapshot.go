package coverage

import (
	"cmp"
	"slices"
	"time"
)

// Target is one detector that is asked: a (role, Region) of the configuration.
// A target is not an account, for an administrator's shows its members'
// clusters too. Name and Region identify it.
type Target struct {
	Name      string
	AccountID string // the detector's account; "" until it is known
	Region    string
}

func (t Target) compare(other Target) int {
	return cmp.Or(
		cmp.Compare(t.Name, other.Name),
		cmp.Compare(t.Region, other.Region),
		cmp.Compare(t.AccountID, other.AccountID),
	)
}

// Snapshot is the state of one target after one whole refresh.
type Snapshot struct {
	Clusters []Cluster // sorted by key, one for each key
	// Accounts are those that the listing speaks for even where it has no row of them.
	Accounts []string
	// Statistics is GetCoverageStatistics's count by status; nil where it may not be called.
	Statistics map[Status]int64
	// NarrowedByStatus tells that the target's filter asked for some statuses
	// only: its rows are true, but no count may be taken of them.
	NarrowedByStatus bool
}

// Distinct sorts clusters by key and keeps one of each: the newest, and of
// equally new ones the worse. It works in place.
func Distinct(clusters []Cluster) []Cluster {
	slices.SortFunc(clusters, Cluster.compare)
	return slices.CompactFunc(clusters, func(a, b Cluster) bool { return a.Key == b.Key })
}

// State is how a target's last refresh ended, a closed set.
type State string

// The states of a target.
const (
	OK              State = "ok"
	NoDetector      State = "no_detector"      // GuardDuty is not enabled in the Region
	Denied          State = "denied"           // a permission, the role or the credentials are missing
	RegionDisabled  State = "region_disabled"  // the account has not opted in to the Region
	Throttled       State = "throttled"        // AWS asks for fewer requests
	Timeout         State = "timeout"          // a call or the whole refresh took too long
	InvalidResponse State = "invalid_response" // an answer that is no answer
	Failed          State = "error"            // anything else
)

// States returns every state, the good one first.
func States() []State {
	return []State{OK, NoDetector, Denied, RegionDisabled, Throttled, Timeout, InvalidResponse, Failed}
}

// Report is what is known of one target after an attempt to refresh it.
type Report struct {
	Target      Target
	State       State
	LastSuccess time.Time     // zero before the first one
	Duration    time.Duration // of the last attempt
	// Snapshot is the last good one; nil before the first and after it was
	// withdrawn for its age.
	Snapshot *Snapshot
}
