// Package coverage is the domain: clusters, instances and their coverage as
// GuardDuty reports them, what one refresh of one target found, and the merge
// of what all targets found into one view.
//
// The package is pure: it reads no clock, writes no log and does no I/O, and it
// imports the standard library alone. Its values are immutable once they are
// handed on: whoever builds a Resource, a Snapshot or a View may fill it in,
// after that nobody writes to it, so all of them may be read concurrently.
//
// Sources: the GuardDuty user guide's pages on coverage of Amazon ECS clusters,
// Amazon EC2 instances and Amazon EKS clusters, and the shapes CoverageResource,
// CoverageStatistics and CoverageFilterCriteria of the GuardDuty API.
package coverage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ResourceType is the API's CoverageResource.resourceDetails.resourceType.
type ResourceType string

// The resource types that GuardDuty assesses.
const (
	ECS ResourceType = "ECS" // Amazon ECS clusters
	EC2 ResourceType = "EC2" // Amazon EC2 instances
	EKS ResourceType = "EKS" // Amazon EKS clusters
)

// Status is the API's coverageStatus. A status that AWS adds later is kept as it is.
type Status string

// The statuses of the API, and the one of a row that carries none.
const (
	Healthy   Status = "HEALTHY"
	Unhealthy Status = "UNHEALTHY"
	Unknown   Status = "UNKNOWN"
)

// Key identifies a resource. Name is a cluster's name or an instance's ID: the
// API gives clusters no ARN, but a name is unique within an account and Region.
type Key struct {
	Type      ResourceType
	AccountID string
	Region    string
	Name      string
}

// Sanitize returns the key as it is in a [Resource].
func (k Key) Sanitize() Key {
	k.Name = SanitizeName(k.Name)
	return k
}

func (k Key) compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Type, other.Type),
		cmp.Compare(k.AccountID, other.AccountID),
		cmp.Compare(k.Region, other.Region),
		cmp.Compare(k.Name, other.Name),
	)
}

// Row is what GuardDuty says of one resource, in its own words.
type Row struct {
	Key
	Status         Status
	ManagementType string // AUTO_MANAGED, MANUAL or DISABLED
	Covered        int64  // container instances or nodes with a reporting agent
	Compatible     int64  // all container instances or nodes; 0 for a cluster of Fargate tasks alone
	UpdatedAt      time.Time
	Issues         []string // fargateDetails.issues and the top-level issue; empty strings and repeats are passed over
	Instance       Instance // of an EC2 instance
	Addon          Addon    // of an EKS cluster
}

// Instance is what is said of an EC2 instance alone.
type Instance struct {
	Type         string
	AgentVersion string
	ClusterARN   string // of the ECS or EKS cluster that it serves, "" for none
}

// ECSCluster returns the name of the ECS cluster that the instance serves, and
// "" where that is another's or none: clusterArn is documented as an ECS
// cluster's, but has been seen to hold an EKS cluster's.
func (i Instance) ECSCluster() string {
	parts := strings.SplitN(i.ClusterARN, ":", 6) // arn, partition, service, Region, account, resource
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "ecs" {
		return ""
	}
	name, ok := strings.CutPrefix(parts[5], "cluster/")
	if !ok {
		return ""
	}
	return SanitizeName(name)
}

// Addon is the GuardDuty agent's add-on of an EKS cluster.
type Addon struct {
	Version string
	Status  string
}

// Resource is one row made fit for use: its texts are clean (see [Sanitize]), but
// for Instance.ClusterARN, and its issues are classified. Only [New] and
// [NewWith] make one.
type Resource struct {
	Key
	Status         Status
	ManagementType string
	Covered        int64
	Compatible     int64
	UpdatedAt      Instant // the last change of status or creation of a task, not the last check
	Issues         Issues
	// IssuesPrint may tell AWS's texts of the issues from others, so that they
	// need not be classified again; zero where nobody keeps it.
	IssuesPrint uint64
	Instance    *Instance // of an EC2 instance, nil for others
	Addon       *Addon    // of an EKS cluster, nil for others
}

// New cleans a row and classifies its issues, once and for all.
func New(r Row) Resource {
	var issues []Issue
	for i, raw := range r.Issues {
		if raw != "" && !slices.Contains(r.Issues[:i], raw) {
			issue := Classify(raw)
			if r.Type != ECS {
				issue.TaskDefinition = "" // others have no tasks
			}
			issues = append(issues, issue)
		}
	}
	return NewWith(Pack(issues...), r)
}

// NewWith is New for a row whose issues New has made into these before.
func NewWith(issues Issues, r Row) Resource {
	c := Resource{
		Key:            Key{Type: r.Type, AccountID: Sanitize(r.AccountID), Region: r.Region, Name: SanitizeName(r.Name)},
		Status:         Status(Sanitize(string(r.Status))),
		ManagementType: Sanitize(r.ManagementType),
		Covered:        r.Covered,
		Compatible:     r.Compatible,
		UpdatedAt:      InstantOf(r.UpdatedAt),
		Issues:         issues,
	}
	if c.Status == "" {
		c.Status = Unknown
	}
	switch r.Type {
	case EC2:
		c.Instance = &Instance{
			Type: Sanitize(r.Instance.Type), AgentVersion: Sanitize(r.Instance.AgentVersion), ClusterARN: r.Instance.ClusterARN,
		}
	case EKS:
		c.Addon = &Addon{Version: Sanitize(r.Addon.Version), Status: Sanitize(r.Addon.Status)}
	}
	return c
}

// compare orders resources by key and, among those of one key, the one to be
// believed first: the newest, and of equally new ones the worse. What remains
// is a fixed order of no meaning, so that a merge never depends on the order
// of its inputs.
func (c Resource) compare(other Resource) int {
	if n := c.Key.compare(other.Key); n != 0 {
		return n // nearly always, and the rest is not for nothing
	}
	return cmp.Or(
		cmp.Compare(other.UpdatedAt, c.UpdatedAt),
		cmp.Compare(c.Status.confidence(), other.Status.confidence()),
		cmp.Compare(c.Status, other.Status),
		cmp.Compare(c.Covered, other.Covered),
		cmp.Compare(other.Compatible, c.Compatible),
		cmp.Compare(c.ManagementType, other.ManagementType),
		cmp.Compare(c.Issues, other.Issues),
		c.Instance.compare(other.Instance),
		c.Addon.compare(other.Addon),
	)
}

func (i *Instance) compare(other *Instance) int {
	if i == nil || other == nil {
		return 0 // of one key both are, or none
	}
	return cmp.Or(
		cmp.Compare(i.Type, other.Type),
		cmp.Compare(i.AgentVersion, other.AgentVersion),
		cmp.Compare(i.ClusterARN, other.ClusterARN),
	)
}

func (a *Addon) compare(other *Addon) int {
	if a == nil || other == nil {
		return 0
	}
	return cmp.Or(cmp.Compare(a.Version, other.Version), cmp.Compare(a.Status, other.Status))
}

func (s Status) confidence() int {
	if s == Healthy {
		return 1
	}
	return 0
}
