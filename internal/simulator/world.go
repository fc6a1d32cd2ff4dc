package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"time"
)

// World is the state of a Server, declared as a literal. Account IDs and access
// keys must be unique, as must an account's detector in a Region, and its names of
// clusters and queues and IDs of instances there; of duplicates, the first one is
// used.
type World struct {
	// Partition is the partition of all accounts, such as aws-cn. Empty means aws.
	Partition string
	// FilteredIndex has older resources of the accounts. ListCoverage returns them
	// if its filter has criteria other than RESOURCE_TYPE and ACCOUNT_ID, like an
	// index that lags behind the events. nil means the current resources.
	FilteredIndex []*Account
	Accounts      []*Account
	// Organization is nil if there is none.
	Organization *Organization
}

// Organization is an organization of AWS Organizations.
type Organization struct {
	// ManagementAccount is the account ID of the organization's owner.
	ManagementAccount string
	// Delegated are the IDs of member accounts that may list the accounts, in
	// addition to the management account.
	Delegated []string
	// Accounts are the IDs of the member accounts. The management account and
	// those in Delegated need not be repeated here.
	Accounts []string
	// EmptyPages is how many empty pages with a token precede each page of
	// ListAccounts. AWS returns such pages occasionally.
	EmptyPages int
}

// Account is one AWS account.
type Account struct {
	ID    string // twelve digits
	Name  string // shown by ListAccounts
	Email string // shown by ListMembers and ListAccounts
	// State is the account's state in its organization: ACTIVE, SUSPENDED,
	// PENDING_CLOSURE and so on. Empty means ACTIVE.
	State string
	// JoinedAt is when the account joined its organization; absent when zero.
	JoinedAt time.Time
	// Keys is the account's long-term access key. It has all permissions.
	Keys Keys
	// DisabledRegions are opt-in Regions that are off. As on AWS, the error of
	// calls signed for them is that for an unknown key.
	DisabledRegions []string
	Roles           []*Role
	Detectors       []*Detector
	Clusters        []*Cluster // of ECS
	Instances       []*Instance
	EKSClusters     []*EKSCluster
	Queues          []*Queue
	TaskDefinitions []*TaskDefinition // of ECS
	VPCs            []*VPC
	// ECSSetting is the value of ECS's account setting guardDutyActivate. The
	// default is on in the Regions in which GuardDuty monitors the account,
	// otherwise off.
	ECSSetting string
}

// Keys is a long-term access key. The zero value means none.
type Keys struct {
	AccessKeyID, SecretAccessKey string
}

// Role is an IAM role. Every principal of the world may assume it, except as
// ExternalID and Broken restrict.
type Role struct {
	Name       string   // with its path, if any: "service/coverage"
	ExternalID string   // if set, AssumeRole requires it
	Deny       []string // denied actions, such as "guardduty:ListCoverage"
	Broken     bool     // AssumeRole is denied; issued credentials stay valid
	// Duration is the lifetime of issued credentials. Zero means the requested
	// duration, one hour by default.
	Duration            time.Duration
	PermissionsBoundary string // ARN; none when empty
}

// Detector is GuardDuty in one Region of an account. With the other fields zero it
// is on, with Runtime Monitoring and automated agent configuration for Fargate,
// EC2 and EKS.
type Detector struct {
	Region string
	// ID has 32 hexadecimal digits on AWS. The server sets an empty one.
	ID        string
	CreatedAt time.Time
	// Suspended stops the detector: it lists no resources, and its administrator
	// does not list those of its account.
	Suspended bool
	// RuntimeMonitoringOff has the same effect and turns off the feature with its
	// additional configuration.
	RuntimeMonitoringOff bool
	// AgentManagementOff turns off automated agent configuration for Fargate. It
	// and the next two affect only GetDetector and GetMemberDetectors.
	AgentManagementOff    bool
	EC2AgentManagementOff bool
	EKSAgentManagementOff bool
	// Features are the names of the optional features that are on, such as
	// S3_DATA_EVENTS, and RDS_DATA_RISK for that additional configuration of
	// RDS_LOGIN_EVENTS. The others of the API are off.
	Features []string
	// ManagedBy is what manages the features: GUARDDUTY_POLICY for a policy of
	// AWS Organizations, ACCOUNT for the account or its administrator; absent
	// when empty.
	ManagedBy string
	// ChangedAt is the time of the last change of a feature or additional
	// configuration, by its name in the API. The default is CreatedAt.
	ChangedAt map[string]time.Time
	// Members are the IDs of present and former member accounts of this
	// administrator. It lists the resources of those whose relationship is Enabled
	// and that have a detector in the Region.
	Members []string
	// Relationships is the relationshipStatus of members by account ID: Disabled,
	// Created, Invited, Removed, Resigned and so on. The default is Enabled for an
	// account with a detector in the Region, otherwise Removed.
	Relationships map[string]string
}

// Account returns the account of that ID, or nil.
func (w *World) Account(id string) *Account {
	return first(w.Accounts, func(a *Account) bool { return a.ID == id })
}

// Cluster returns the account's ECS cluster of that Region and name, or nil.
func (a *Account) Cluster(region, name string) *Cluster {
	return first(a.Clusters, func(c *Cluster) bool { return c.Region == region && c.Name == name })
}

// Instance returns the account's EC2 instance of that Region and ID, or nil.
func (a *Account) Instance(region, id string) *Instance {
	return first(a.Instances, func(i *Instance) bool { return i.Region == region && i.ID == id })
}

// EKSCluster returns the account's EKS cluster of that Region and name, or nil.
func (a *Account) EKSCluster(region, name string) *EKSCluster {
	return first(a.EKSClusters, func(c *EKSCluster) bool { return c.Region == region && c.Name == name })
}

// listed returns the account's resources of every type in the Region that GuardDuty
// lists.
func (a *Account) listed(region string) iter.Seq[resource] {
	return func(yield func(resource) bool) {
		for _, c := range a.Clusters {
			if c.Region == region && !c.Unlisted && !yield(c) {
				return
			}
		}
		_ = yieldIn(region, a.Instances, yield) && yieldIn(region, a.EKSClusters, yield)
	}
}

func yieldIn[R resource](region string, list []R, yield func(resource) bool) bool {
	for _, r := range list {
		if r.region() == region && !yield(r) {
			return false
		}
	}
	return true
}

// RemoveCluster removes the account's ECS cluster of that Region and name and
// reports whether it existed.
func (a *Account) RemoveCluster(region, name string) bool {
	n := len(a.Clusters)
	a.Clusters = slices.DeleteFunc(a.Clusters, func(c *Cluster) bool { return c.Region == region && c.Name == name })
	return len(a.Clusters) < n
}

// Detector returns the account's detector in the Region, or nil.
func (a *Account) Detector(region string) *Detector {
	return first(a.Detectors, func(d *Detector) bool { return d.Region == region })
}

// Role returns the account's role of that name, including the path, or nil.
func (a *Account) Role(name string) *Role {
	return first(a.Roles, func(r *Role) bool { return r.Name == name })
}

// monitors reports whether the detector monitors its account's resources.
func (d *Detector) monitors() bool {
	return !d.Suspended && !d.RuntimeMonitoringOff
}

// first returns the first element that matches, or nil.
func first[T any](list []*T, matches func(*T) bool) *T {
	if i := slices.IndexFunc(list, matches); i >= 0 {
		return list[i]
	}
	return nil
}

// index finds accounts of a world. It is rebuilt when the world changes.
type index struct {
	accounts       map[string]*Account // by ID
	keys           map[string]*Account // by access key ID
	filtered       map[string]*Account // of FilteredIndex, by ID
	administrators []*Detector         // those with members
}

// newIndex indexes w and sets missing IDs of detectors and tasks.
func newIndex(w *World) index {
	ix := index{accounts: map[string]*Account{}, keys: map[string]*Account{}, filtered: map[string]*Account{}}
	for _, a := range slices.Backward(w.FilteredIndex) {
		ix.filtered[a.ID] = a
	}
	for _, a := range slices.Backward(w.Accounts) {
		ix.accounts[a.ID] = a
		if id := a.Keys.AccessKeyID; id != "" {
			ix.keys[id] = a
		}
		a.setTaskIDs()
		for _, d := range a.Detectors {
			if d.ID == "" {
				sum := sha256.Sum256([]byte("detector/" + a.ID + "/" + d.Region))
				d.ID = hex.EncodeToString(sum[:16])
			}
			if len(d.Members) > 0 {
				ix.administrators = append(ix.administrators, d)
			}
		}
	}
	return ix
}
