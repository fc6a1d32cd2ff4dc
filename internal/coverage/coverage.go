// Package coverage is the domain: clusters and their coverage as GuardDuty
// reports them, what one refresh of one target found, and the merge of what
// all targets found into one view.
//
// The package is pure: it reads no clock, writes no log and does no I/O, and it
// imports the standard library alone. Its values are immutable once they are
// handed on: whoever builds a Cluster, a Snapshot or a View may fill it in,
// after that nobody writes to it, so all of them may be read concurrently.
//
// Sources: the GuardDuty user guide, "Coverage for Amazon ECS clusters", and
// the shapes CoverageResource, CoverageStatistics and CoverageFilterCriteria of
// the GuardDuty API.
package coverage

import (
	"cmp"
	"slices"
	"time"
)

// ResourceType is the API's CoverageResource.resourceDetails.resourceType.
type ResourceType string

// ECS is the resource type of Amazon ECS clusters.
const ECS ResourceType = "ECS"

// Status is the API's coverageStatus. A status that AWS adds later is kept as it is.
type Status string

// The statuses of the API, and the one of a row that carries none.
const (
	Healthy   Status = "HEALTHY"
	Unhealthy Status = "UNHEALTHY"
	Unknown   Status = "UNKNOWN"
)

// Key identifies a cluster. The API gives an ECS cluster no ARN, but a name is
// unique within an account and Region.
type Key struct {
	AccountID string
	Region    string
	Name      string
}

func (k Key) compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.AccountID, other.AccountID),
		cmp.Compare(k.Region, other.Region),
		cmp.Compare(k.Name, other.Name),
	)
}

// Row is what GuardDuty says of one ECS cluster, in its own words.
type Row struct {
	Key
	Status         Status
	ManagementType string // AUTO_MANAGED, MANUAL or DISABLED
	Covered        int64  // container instances with a reporting agent
	Compatible     int64  // all container instances; 0 for a cluster of Fargate tasks alone
	UpdatedAt      time.Time
	Issues         []string // fargateDetails.issues and the top-level issue; empty strings and repeats are passed over
}

// Cluster is one row made fit for use: its texts are clean (see [Clean]) and
// its issues are classified. Only [New] makes one.
type Cluster struct {
	Key
	Status         Status
	ManagementType string
	Covered        int64
	Compatible     int64
	UpdatedAt      time.Time // the last change of status or creation of a task, not the last check; zero if the row had none
	Issues         []Issue   // sorted; nil when there is none
}

// New cleans a row and classifies its issues, once and for all.
func New(r Row) Cluster {
	c := Cluster{
		Key:            Key{AccountID: Clean(r.AccountID), Region: r.Region, Name: CleanName(r.Name)},
		Status:         Status(Clean(string(r.Status))),
		ManagementType: Clean(r.ManagementType),
		Covered:        r.Covered,
		Compatible:     r.Compatible,
		UpdatedAt:      r.UpdatedAt,
	}
	if c.Status == "" {
		c.Status = Unknown
	}
	for i, raw := range r.Issues {
		if raw != "" && !slices.Contains(r.Issues[:i], raw) {
			c.Issues = append(c.Issues, Classify(raw))
		}
	}
	slices.SortFunc(c.Issues, Issue.compare)
	return c
}

// compare orders clusters by key and, among those of one key, the one to be
// believed first: the newest, and of equally new ones the worse. What remains
// is a fixed order of no meaning, so that a merge never depends on the order
// of its inputs.
func (c Cluster) compare(other Cluster) int {
	return cmp.Or(
		c.Key.compare(other.Key),
		other.UpdatedAt.Compare(c.UpdatedAt),
		cmp.Compare(c.Status.confidence(), other.Status.confidence()),
		cmp.Compare(c.Status, other.Status),
		cmp.Compare(c.Covered, other.Covered),
		cmp.Compare(other.Compatible, c.Compatible),
		cmp.Compare(c.ManagementType, other.ManagementType),
		slices.CompareFunc(c.Issues, other.Issues, Issue.compare),
	)
}

func (s Status) confidence() int {
	if s == Healthy {
		return 1
	}
	return 0
}
