package coverage

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// TargetID is one detector that is asked: a (role, Region) of the configuration.
// A target is not an account, for an administrator's shows its members'
// clusters too. Name and Region identify it.
type TargetID struct {
	Name      string
	AccountID string // the detector's account; "" until it is known
	Region    string
}

func (t TargetID) compare(other TargetID) int {
	return cmp.Or(
		cmp.Compare(t.Name, other.Name),
		cmp.Compare(t.Region, other.Region),
		cmp.Compare(t.AccountID, other.AccountID),
	)
}

// Snapshot is the state of one target after one whole refresh.
type Snapshot struct {
	Resources []Resource     // sorted by key, one for each key
	Types     []ResourceType // that were listed
	// Accounts are those that the listing speaks for even where it has no row of them.
	Accounts []string
	// Statistics is GetCoverageStatistics's count by status of each listed
	// type; those that were not asked for, or not permitted, are absent.
	Statistics map[ResourceType]map[Status]int64
	// Consistent says whether the rows are those of one moment, as far as the
	// statistics before and after them tell; nil where there are none.
	Consistent *bool
	// NarrowedByStatus tells that the target's filter asked for some statuses
	// only: its rows are true, but no count may be taken of them.
	NarrowedByStatus bool

	Detectors    []Detector    // the target's own
	Features     []Feature     // of the detector and of its members'
	Members      []Member      // of an administrator
	Names        []AccountName // of an organization
	Capabilities []Capability  // of the refresh that are optional, and were asked for
}

// Detector is whether GuardDuty works in an account and Region.
type Detector struct {
	AccountID string
	Region    string
	Enabled   bool // false when it is suspended
}

// Feature is one of a detector's features or, with Additional, one of a
// feature's additional configurations.
type Feature struct {
	AccountID  string
	Region     string
	Name       string
	Additional string // "" for the feature itself
	Enabled    bool
	ManagedBy  string    // ACCOUNT or GUARDDUTY_POLICY, "" if AWS returns none
	UpdatedAt  time.Time // when it was last enabled or disabled; zero if unknown
}

// Member is an account under an administrator.
type Member struct {
	AccountID    string
	Region       string
	Relationship string // see [Relationship]
}

// AccountName is the name that an organization gives an account.
type AccountName struct {
	AccountID string
	Name      string
}

// Capability is an optional part of a refresh.
type Capability struct {
	Name string
	OK   bool // false when it is not permitted
}

// RelationshipEnabled is that of a member whose resources the administrator sees.
const RelationshipEnabled = "enabled"

// Relationship makes one of few words of a member's relationshipStatus, for
// which the API has no enumeration: the known ones in snake_case, or "other".
func Relationship(status string) string {
	switch strings.ToLower(status) {
	case "enabled", "disabled", "invited", "created", "removed", "resigned":
		return strings.ToLower(status)
	case "emailverificationinprogress":
		return "email_verification_in_progress"
	}
	return "other"
}

// Dedupe sorts resources by key and keeps one of each: the newest, and of
// equally new ones the worse. It works in place.
func Dedupe(resources []Resource) []Resource {
	slices.SortFunc(resources, Resource.compare)
	return slices.CompactFunc(resources, func(a, b Resource) bool { return a.Key == b.Key })
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

// ErrInvalidResponse says that an answer of AWS cannot be the truth.
var ErrInvalidResponse = errors.New("invalid response")

// States returns every state, the good one first.
func States() []State {
	return []State{OK, NoDetector, Denied, RegionDisabled, Throttled, Timeout, InvalidResponse, Failed}
}

// Report is what is known of one target after an attempt to refresh it.
type Report struct {
	Target      TargetID
	State       State
	LastSuccess time.Time     // zero before the first one
	Duration    time.Duration // of the last attempt
	// Snapshot is the last good one; nil before the first and after it was
	// withdrawn for its age.
	Snapshot *Snapshot
}
