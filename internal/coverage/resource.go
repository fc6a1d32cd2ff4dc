// Package coverage is the domain: resources and their coverage as GuardDuty
// reports them, the snapshot of one target after a refresh, and the merge of all
// snapshots into one view.
//
// The package is pure: it reads no clock, writes no log, does no I/O and imports
// only the standard library. A Resource, a Snapshot or a View is immutable once
// its builder has returned it, so all of them are safe for concurrent reads.
//
// Sources: the GuardDuty user guide's pages on coverage of Amazon ECS clusters,
// Amazon EC2 instances and Amazon EKS clusters, and the shapes CoverageResource,
// CoverageStatistics and CoverageFilterCriteria of the GuardDuty API.
package coverage

import (
	"cmp"
	"math"
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

// Status is the API's coverageStatus. Statuses that AWS adds later are kept as they are.
type Status string

// The statuses of the API, and Unknown for a row without one.
const (
	Healthy   Status = "HEALTHY"
	Unhealthy Status = "UNHEALTHY"
	Unknown   Status = "UNKNOWN"
)

// Counts are numbers of resources by status.
type Counts map[Status]int64

// Sum returns the number of resources of all statuses.
func (c Counts) Sum() (all int64) {
	for _, n := range c {
		all += n
	}
	return all
}

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

// Row is one resource as GuardDuty returned it.
type Row struct {
	Key
	Status         Status
	ManagementType string // AUTO_MANAGED, MANUAL or DISABLED
	Covered        int64  // container instances or nodes with a reporting agent
	Compatible     int64  // all container instances or nodes; 0 for a cluster with Fargate tasks only
	UpdatedAt      time.Time
	Issues         []string // fargateDetails.issues and the top-level issue; empty strings and repeats are ignored
	Instance       Instance // of an EC2 instance
	Addon          Addon    // of an EKS cluster
}

// Instance has the attributes that only EC2 instances have.
type Instance struct {
	Type         string
	AgentVersion string
	ClusterARN   string // of its ECS or EKS cluster, "" for none
}

// ECSCluster returns the name of the instance's ECS cluster, or "". ClusterARN is
// documented as the ARN of an ECS cluster, but may be that of an EKS cluster.
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

// Addon is the GuardDuty add-on of an EKS cluster.
type Addon struct {
	Version string
	Status  string
}

// Resource is a sanitized row with classified issues. Only Instance.ClusterARN is
// as AWS returned it. Only [New] and [NewFrom] make one.
type Resource struct {
	Key
	Status         Status
	ManagementType string
	Covered        int32 // as in [Row]; AWS allows 5,000 container instances in a cluster
	Compatible     int32
	UpdatedAt      time.Time // when the status last changed or a task was created, not when it was last checked
	Issues         []Issue   // sorted
	Instance       *Instance // of an EC2 instance, nil for others
	Addon          *Addon    // of an EKS cluster, nil for others
}

// New sanitizes a row and classifies its issues.
func New(r Row) Resource { return NewFrom(nil, r) }

// NewFrom is New for a resource that is known already, nil for none. It returns
// the same as New, and does not classify issues again whose texts are unchanged.
func NewFrom(known *Resource, r Row) Resource {
	if known == nil {
		known = &Resource{}
	}
	resource := Resource{
		Key:            Key{Type: r.Type, AccountID: Sanitize(r.AccountID), Region: r.Region, Name: SanitizeName(r.Name)},
		Status:         Status(Sanitize(string(r.Status))),
		ManagementType: Sanitize(r.ManagementType),
		Covered:        clamp(r.Covered),
		Compatible:     clamp(r.Compatible),
		UpdatedAt:      r.UpdatedAt.UTC(),
		Issues:         classifyAll(r.Issues, r.Type, known.Issues),
	}
	if resource.Key == known.Key {
		resource.Key = known.Key // the same strings, so that memory has them once
	}
	if resource.Status == "" {
		resource.Status = Unknown
	}
	switch r.Type {
	case EC2:
		resource.Instance = &Instance{
			Type: Sanitize(r.Instance.Type), AgentVersion: Sanitize(r.Instance.AgentVersion), ClusterARN: r.Instance.ClusterARN,
		}
	case EKS:
		resource.Addon = &Addon{Version: Sanitize(r.Addon.Version), Status: Sanitize(r.Addon.Status)}
	}
	return resource
}

func clamp(n int64) int32 { return int32(max(min(n, math.MaxInt32), math.MinInt32)) }

// compare orders resources by key, then newest first, then unhealthy first. The
// remaining fields only make the order total, so that Merge does not depend on
// the order of its input.
func (r Resource) compare(other Resource) int {
	if n := r.Key.compare(other.Key); n != 0 {
		return n // fast path
	}
	return cmp.Or(
		other.UpdatedAt.Compare(r.UpdatedAt),
		falseFirst(r.Status == Healthy, other.Status == Healthy),
		cmp.Compare(r.Status, other.Status),
		cmp.Compare(r.Covered, other.Covered),
		cmp.Compare(other.Compatible, r.Compatible),
		cmp.Compare(r.ManagementType, other.ManagementType),
		slices.CompareFunc(r.Issues, other.Issues, Issue.compare),
		r.Instance.compare(other.Instance),
		r.Addon.compare(other.Addon),
	)
}

func (i *Instance) compare(other *Instance) int {
	if i == nil || other == nil {
		return 0 // resources of one key have both or neither
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
