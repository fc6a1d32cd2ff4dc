package coverage

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// Kind is what a target reads. The zero value is KindCoverage.
type Kind int

// The kinds of targets.
const (
	KindCoverage     Kind = iota // the coverage that one detector reports
	KindRegions                  // the Regions of a target with all Regions
	KindAccountNames             // the account names of an organization
)

// String returns the value of the kind label.
func (k Kind) String() string {
	switch k {
	case KindRegions:
		return "regions"
	case KindAccountNames:
		return "account_names"
	default:
		return "coverage"
	}
}

// TargetID identifies a target: a (role, Region) of the configuration whose
// detector is read. A target is not an account, because an administrator's
// target includes its members' resources. The combination of Name, Kind and
// Region is unique.
type TargetID struct {
	Name   string
	Kind   Kind
	Region string // "" unless Kind is KindCoverage
}

func (t TargetID) compare(other TargetID) int {
	return cmp.Or(
		cmp.Compare(t.Name, other.Name),
		cmp.Compare(t.Kind, other.Kind),
		cmp.Compare(t.Region, other.Region),
	)
}

// Snapshot is the state of one target after a complete refresh, or the optional
// data of a failed one (see [Snapshot.WithOptional]).
type Snapshot struct {
	// OptionalOnly is set if the snapshot has nothing but the optional data of
	// failed refreshes.
	OptionalOnly bool
	// ReadAt is when the refresh began, and PartialReads when resources were read
	// again after that.
	ReadAt       time.Time
	PartialReads map[Key]time.Time

	Resources []Resource     // sorted by key, one for each key
	Types     []ResourceType // the listed types
	// Accounts are the accounts that were listed completely: they have no other
	// resources than those with rows.
	Accounts []string
	// Statistics has the counts by status from GetCoverageStatistics for each
	// listed type. Types whose counts were not read, or denied, are absent.
	Statistics map[ResourceType]Counts
	// StatisticsByType has the counts of resources of all types, including types
	// that are not listed; nil if they were not read, or denied.
	StatisticsByType map[ResourceType]int64
	// Consistent reports whether the rows match the statistics before and after
	// the listing; nil without statistics.
	Consistent *bool
	// NarrowedByStatus reports whether the target's filter excludes statuses. Then
	// the rows are correct, but counts and percentages of them are not.
	NarrowedByStatus bool

	Detectors    []Detector    // the target's own
	Features     []Feature     // of the detector and its members
	Members      []Member      // of an administrator
	AccountNames []AccountName // of an organization
	Capabilities []Capability  // the configured optional data
	// UnprocessedMembers is the number of members whose detectors AWS did not
	// return; nil if they were not read, or denied.
	UnprocessedMembers *int
}

// Detector is the detector of an account and Region.
type Detector struct {
	AccountID string
	Region    string
	Enabled   bool // false when it is suspended
}

// Feature is a feature of a detector or, with Additional, an additional
// configuration of a feature.
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

// AccountName is the name of an account in AWS Organizations.
type AccountName struct {
	AccountID string
	Name      string
}

// Capability is optional data of a refresh.
type Capability struct {
	Name string
	OK   bool // false if AWS denies it
}

// The names of the capabilities.
const (
	StatisticsCapability      = "statistics"
	DetectorCapability        = "detector"
	MembersCapability         = "members"
	MemberDetectorsCapability = "member_detectors"
)

// RelationshipEnabled is the relationship of a member whose resources the
// administrator can list.
const RelationshipEnabled = "enabled"

// Relationship returns a member's relationshipStatus in snake_case, or "other" if
// it is unknown: the API has no enumeration of them.
func Relationship(status string) string {
	switch strings.ToLower(status) {
	case "enabled", "disabled", "invited", "created", "removed", "resigned":
		return strings.ToLower(status)
	case "emailverificationinprogress":
		return "email_verification_in_progress"
	}
	return "other"
}

// Dedupe sorts resources by key and keeps the newest of each, and of equally new
// ones the unhealthy one. It works in place.
func Dedupe(resources []Resource) []Resource {
	slices.SortFunc(resources, Resource.compare)
	return slices.CompactFunc(resources, func(a, b Resource) bool { return a.Key == b.Key })
}

// State is the result of a target's last refresh, one of [States].
type State string

// The states of a target.
const (
	OK              State = "ok"
	NoDetector      State = "no_detector"      // GuardDuty is not enabled in the Region
	Denied          State = "denied"           // AWS denied the call or the credentials, or there are no credentials
	RegionDisabled  State = "region_disabled"  // the account has not opted in to the Region
	Throttled       State = "throttled"        // AWS limits the request rate
	Timeout         State = "timeout"          // a call or the whole refresh took too long
	Unreachable     State = "unreachable"      // no connection: DNS, TCP, TLS or a proxy
	InvalidResponse State = "invalid_response" // a response that cannot be correct
	Failed          State = "error"            // anything else
)

// ErrInvalidResponse means that a response of AWS cannot be correct.
var ErrInvalidResponse = errors.New("invalid response")

// States returns every state, OK first.
func States() []State {
	return []State{OK, NoDetector, Denied, RegionDisabled, Throttled, Timeout, Unreachable, InvalidResponse, Failed}
}

// WithOptional returns the snapshot with the optional data of an incomplete one,
// from a refresh that failed after reading that data. The receiver may be nil;
// then the result has no resources. It returns s if incomplete is nil.
func (s *Snapshot) WithOptional(incomplete *Snapshot) *Snapshot {
	if incomplete == nil {
		return s
	}
	next := Snapshot{OptionalOnly: true}
	if s != nil {
		next = *s
	}
	if next.OptionalOnly {
		next.ReadAt = incomplete.ReadAt
	}
	read := map[string]bool{}
	next.Capabilities = slices.Clone(next.Capabilities)
	for _, c := range incomplete.Capabilities {
		read[c.Name] = c.OK
		i := slices.IndexFunc(next.Capabilities, func(known Capability) bool { return known.Name == c.Name })
		switch {
		case i < 0:
			next.Capabilities = append(next.Capabilities, c)
		case c.OK: // otherwise the data that was read before stays
			next.Capabilities[i].OK = true
		}
	}
	if read[DetectorCapability] {
		next.Detectors = incomplete.Detectors
	}
	if read[MembersCapability] {
		next.Members = incomplete.Members
	}
	if read[MemberDetectorsCapability] {
		next.UnprocessedMembers = incomplete.UnprocessedMembers
	}
	updated, present := map[string]bool{}, map[string]bool{}
	for _, f := range incomplete.Features {
		updated[f.AccountID] = true
	}
	for _, d := range next.Detectors {
		present[d.AccountID] = true
	}
	for _, m := range next.Members {
		present[m.AccountID] = true
	}
	next.Features = append(slices.Clone(incomplete.Features), slices.DeleteFunc(slices.Clone(next.Features), func(f Feature) bool {
		hasLeft := read[MembersCapability] && !present[f.AccountID]
		return updated[f.AccountID] || hasLeft
	})...)
	return &next
}

// Report is what is known of a target after an attempt to refresh it.
type Report struct {
	Target      TargetID
	AccountID   string // of the detector; "" until it is known
	State       State
	LastSuccess time.Time     // zero before the first one
	Duration    time.Duration // of the last attempt
	LastFailure *Failure      // the last failed attempt, nil for none; it stays after a success
	// Snapshot is that of the last successful refresh, with optional data that a
	// later, failed refresh has read. Before the first success it may have optional
	// data only. It is nil if there is neither, and after it has expired.
	Snapshot *Snapshot
	// Expires is when the snapshot is too old to be exported; zero without one.
	Expires time.Time
}

// Expired reports whether the expiry time t of a page or report has passed. It
// compares both the monotonic clock, which stands still while the
// machine is suspended, and the wall clock, which may be set back.
func Expired(t, now time.Time) bool {
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}
