package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// World is everything a Server knows: the accounts with what they hold. It is
// declared as a literal. Account IDs and access keys are unique in it, a
// detector in its account and Region, the name of a cluster of either kind, of a
// queue and the ID of an instance likewise; where they are not, the first one
// counts.
type World struct {
	Accounts []*Account
	// Organisation is the one that AWS Organizations knows of. nil means none.
	Organisation *Organisation
}

// Organisation is what AWS Organizations holds.
type Organisation struct {
	// ManagementAccount is the ID of the account that owns the organisation.
	ManagementAccount string
	// Delegated are the IDs of the member accounts that may list the accounts
	// as the management account may.
	Delegated []string
	// Accounts are the IDs of the member accounts. Those of Delegated and the
	// management account belong to the organisation without being among them.
	Accounts []string
	// EmptyPages is how many pages without an account, but with a token, come
	// before each page that ListAccounts gives. AWS does so now and then.
	EmptyPages int
}

// Account is one AWS account.
type Account struct {
	ID    string // twelve digits
	Name  string // shown by ListAccounts
	Email string // shown by ListMembers and ListAccounts
	// State is the account's state in its organisation: ACTIVE, SUSPENDED,
	// PENDING_CLOSURE and so on. Empty means ACTIVE.
	State string
	// JoinedAt is when the account came to its organisation; absent when zero.
	JoinedAt time.Time
	// Keys is the account's long-term access key. It may do everything.
	Keys Keys
	// DisabledRegions are opt-in Regions that are off: calls signed for them
	// are refused as those of an unknown key, as AWS does.
	DisabledRegions []string
	Roles           []*Role
	Detectors       []*Detector
	Clusters        []*Cluster // of ECS
	Instances       []*Instance
	EKSClusters     []*EKSCluster
	Queues          []*Queue
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
// configuration for Fargate, EC2 and EKS.
type Detector struct {
	Region string
	// ID is 32 hexadecimal digits on AWS. An empty one is filled in.
	ID        string
	CreatedAt time.Time
	// Suspended stops the detector: it lists no resources, and its own do not
	// show in its administrator's list.
	Suspended bool
	// RuntimeMonitoringOff does the same by way of the feature, and turns off
	// what is configured below it.
	RuntimeMonitoringOff bool
	// AgentManagementOff is automated agent configuration for Fargate; it and
	// the two after it show in GetDetector and GetMemberDetectors alone.
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
	// ChangedAt is since when a feature, or an additional configuration of
	// Runtime Monitoring, is as it is, by its name in the API. One that is
	// not there has not changed since CreatedAt.
	ChangedAt map[string]time.Time
	// Members are the IDs of the accounts that have been members of this
	// administrator. It sees those whose relationship is Enabled, in so far as
	// they have a detector of their own in the Region.
	Members []string
	// Relationships holds the relationshipStatus of members by account ID:
	// Disabled, Created, Invited, Removed, Resigned and so on. Where it has
	// none it is Enabled for an account with a detector in the Region, and
	// Removed for another.
	Relationships map[string]string
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

// Instance returns the account's EC2 instance of that Region and ID, nil when
// there is none.
func (a *Account) Instance(region, id string) *Instance {
	return first(a.Instances, func(i *Instance) bool { return i.Region == region && i.ID == id })
}

// EKSCluster returns the account's EKS cluster of that Region and name, nil
// when there is none.
func (a *Account) EKSCluster(region, name string) *EKSCluster {
	return first(a.EKSClusters, func(c *EKSCluster) bool { return c.Region == region && c.Name == name })
}

// each calls do with the account's resources of every type in the Region.
func (a *Account) each(region string, do func(resource)) {
	eachIn(region, a.Clusters, do)
	eachIn(region, a.Instances, do)
	eachIn(region, a.EKSClusters, do)
}

func eachIn[R resource](region string, list []R, do func(resource)) {
	for _, r := range list {
		if r.region() == region {
			do(r)
		}
	}
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
