package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// World is everything a Server knows: the accounts with what they hold. It is
// declared as a literal. Account IDs and access keys are unique in it, a
// detector in its account and Region, a cluster's name in its account and
// Region; where they are not, the first one counts.
type World struct {
	Accounts []*Account
}

// Account is one AWS account.
type Account struct {
	ID    string // twelve digits
	Name  string
	Email string // shown by ListMembers
	// Keys is the account's long-term access key. It may do everything.
	Keys Keys
	// DisabledRegions are opt-in Regions that are off: calls signed for them
	// are refused as those of an unknown key, as AWS does.
	DisabledRegions []string
	Roles           []*Role
	Detectors       []*Detector
	Clusters        []*Cluster
}

// Keys is a long-term access key. The zero value means none.
type Keys struct {
	AccessKeyID, SecretAccessKey string
}

// Role is an IAM role. Every principal of the world may assume it, unless
// ExternalID or Broken says otherwise.
type Role struct {
	Name       string   // with its path, if any: "service/coverage"
	ExternalID string   // when set, AssumeRole is refused without it
	Deny       []string // refused actions, such as "guardduty:ListCoverage"
	Broken     bool     // AssumeRole is refused; credentials issued before live on
	// Duration is how long issued credentials live. Zero means what the caller
	// asked for, one hour by default.
	Duration time.Duration
}

// Detector is GuardDuty in one Region of an account. With the zero value of
// the other fields it is on, with Runtime Monitoring and automated agent
// configuration for Fargate.
type Detector struct {
	Region string
	// ID is 32 hexadecimal digits on AWS. An empty one is filled in.
	ID        string
	CreatedAt time.Time
	// Suspended stops the detector: it lists no clusters, and its own do not
	// show in its administrator's list.
	Suspended bool
	// RuntimeMonitoringOff does the same by way of the feature.
	RuntimeMonitoringOff bool
	// AgentManagementOff is automated agent configuration for Fargate; it
	// shows in GetDetector alone.
	AgentManagementOff bool
	// Members are the IDs of the accounts that this administrator sees, each
	// in so far as it has a detector of its own in the Region.
	Members []string
}

// Cluster is one ECS cluster's row of coverage.
type Cluster struct {
	Region, Name string
	// Status is HEALTHY, UNHEALTHY, or any other word. Empty means HEALTHY
	// for a cluster without an issue and with every compatible container
	// instance covered, else UNHEALTHY.
	Status         string
	Issue          string   // the row's own issue
	Issues         []string // of its Fargate tasks
	ManagementType string   // AUTO_MANAGED, MANUAL, DISABLED; absent when empty
	// Covered and Compatible count container instances; 0 and 0 for a cluster
	// of Fargate tasks only.
	Covered, Compatible int64
	UpdatedAt           time.Time // absent when zero
}

// CoverageStatus returns Status, or what stands for an empty one.
func (c *Cluster) CoverageStatus() string {
	switch {
	case c.Status != "":
		return c.Status
	case c.Issue == "" && len(c.Issues) == 0 && c.Covered >= c.Compatible:
		return "HEALTHY"
	default:
		return "UNHEALTHY"
	}
}

// Account returns the account of that ID, nil when there is none.
func (w *World) Account(id string) *Account {
	return first(w.Accounts, func(a *Account) bool { return a.ID == id })
}

// Cluster returns the account's cluster of that Region and name, nil when
// there is none.
func (a *Account) Cluster(region, name string) *Cluster {
	return first(a.Clusters, func(c *Cluster) bool { return c.Region == region && c.Name == name })
}

// RemoveCluster removes the account's cluster of that Region and name and
// reports whether there was one.
func (a *Account) RemoveCluster(region, name string) bool {
	n := len(a.Clusters)
	a.Clusters = slices.DeleteFunc(a.Clusters, func(c *Cluster) bool { return c.Region == region && c.Name == name })
	return len(a.Clusters) < n
}

// Detector returns the account's detector in the Region, nil when there is
// none.
func (a *Account) Detector(region string) *Detector {
	return first(a.Detectors, func(d *Detector) bool { return d.Region == region })
}

// Role returns the account's role of that name, which includes the path, nil
// when there is none.
func (a *Account) Role(name string) *Role {
	return first(a.Roles, func(r *Role) bool { return r.Name == name })
}

// monitors reports whether the detector assesses its account's clusters.
func (d *Detector) monitors() bool {
	return !d.Suspended && !d.RuntimeMonitoringOff
}

// first returns the first element that fits, nil when none does.
func first[T any](list []*T, fits func(*T) bool) *T {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i]
	}
	return nil
}

// index finds accounts of a world. It is made anew when the world changes.
type index struct {
	accounts map[string]*Account // by ID
	keys     map[string]*Account // by access key ID
}

// newIndex indexes w and fills in the detector IDs that it leaves out.
func newIndex(w *World) index {
	ix := index{accounts: map[string]*Account{}, keys: map[string]*Account{}}
	for _, a := range slices.Backward(w.Accounts) {
		ix.accounts[a.ID] = a
		if id := a.Keys.AccessKeyID; id != "" {
			ix.keys[id] = a
		}
		for _, d := range a.Detectors {
			if d.ID == "" {
				sum := sha256.Sum256([]byte("detector/" + a.ID + "/" + d.Region))
				d.ID = hex.EncodeToString(sum[:16])
			}
		}
	}
	return ix
}
