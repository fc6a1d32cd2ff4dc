package simulator

import (
	"strings"
	"time"
)

// Coverage statuses of the API.
const (
	healthy   = "HEALTHY"
	unhealthy = "UNHEALTHY"
)

// Cluster is an ECS cluster: its row of coverage, and what ECS has. The row is as
// it is declared here; it does not follow from the tasks.
type Cluster struct {
	Region, Name string
	// Status is HEALTHY, UNHEALTHY or any other string. Empty means HEALTHY
	// for a cluster without an issue and with every compatible container
	// instance covered, otherwise UNHEALTHY.
	Status         string
	Issue          string   // the row's own issue
	Issues         []string // of its Fargate tasks
	ManagementType string   // AUTO_MANAGED, MANUAL, DISABLED; absent when empty
	// Covered and Compatible count container instances; 0 for a cluster with
	// Fargate tasks only.
	Covered, Compatible int64
	UpdatedAt           time.Time // absent when zero
	Unlisted            bool      // GuardDuty does not list it

	// The rest is what ECS has. Its container instances are the account's Instances
	// with the cluster's ARN, and those of its tasks.
	Deleted  bool // ECS has it no longer
	OldARNs  bool // the ARNs of its services and tasks do not contain its name
	Tags     map[string]string
	Services []*Service
	Tasks    []*Task
}

// CoverageStatus returns Status, or its default.
func (c *Cluster) CoverageStatus() string {
	return statusOr(c.Status, c.Issue == "" && len(c.Issues) == 0 && c.Covered >= c.Compatible)
}

// Instance is one EC2 instance's row of coverage. It has no effect on the counts
// of its ECS cluster.
type Instance struct {
	Region, ID string
	Type       string // m6i.large; absent when empty
	// ClusterARN is the ARN of the instance's ECS or EKS cluster. It, AgentVersion
	// and ManagementType are absent when empty.
	ClusterARN     string
	AgentVersion   string // v1.6.1
	ManagementType string // AUTO_MANAGED, MANUAL
	// Status is as in Cluster. Empty means HEALTHY for an instance without an
	// issue, otherwise UNHEALTHY.
	Status    string
	Issue     string
	UpdatedAt time.Time // absent when zero
}

// CoverageStatus returns Status, or its default.
func (i *Instance) CoverageStatus() string { return statusOr(i.Status, i.Issue == "") }

// EKSCluster is one EKS cluster's row of coverage.
type EKSCluster struct {
	Region, Name string
	// AddonVersion and AddonStatus of GuardDuty's security agent, such as
	// v1.6.1-eksbuild.1 and ACTIVE; absent when empty.
	AddonVersion, AddonStatus string
	ManagementType            string // AUTO_MANAGED, MANUAL; absent when empty
	// Covered and Compatible count nodes.
	Covered, Compatible int64
	// Status is as in Cluster, with nodes instead of container instances.
	Status    string
	Issue     string
	UpdatedAt time.Time // absent when zero
}

// CoverageStatus returns Status, or its default.
func (c *EKSCluster) CoverageStatus() string {
	return statusOr(c.Status, c.Issue == "" && c.Covered >= c.Compatible)
}

// statusOr returns the status, or the default one if it is empty.
func statusOr(status string, isHealthy bool) string {
	switch {
	case status != "":
		return status
	case isHealthy:
		return healthy
	default:
		return unhealthy
	}
}

// resource is the subject of a row of coverage.
type resource interface {
	CoverageStatus() string
	region() string
	// arn returns the resource's ARN in the account.
	arn(accountID string) string
	resourceType() string
	managementType() string
	issueText() string // all issues, for sorting
	updatedAt() time.Time
	// attribute returns the value of a type-specific key, and false if the
	// resource does not have it.
	attribute(key string) (string, bool)
	// fillDetails sets the type-specific members of out.
	fillDetails(out *coverageResource)
}

var (
	_ resource = (*Cluster)(nil)
	_ resource = (*Instance)(nil)
	_ resource = (*EKSCluster)(nil)
)

func (c *Cluster) region() string         { return c.Region }
func (c *Cluster) resourceType() string   { return resourceECS }
func (c *Cluster) managementType() string { return c.ManagementType }
func (c *Cluster) updatedAt() time.Time   { return c.UpdatedAt }
func (c *Cluster) arn(id string) string   { return arn("ecs", c.Region, id, "cluster/"+c.Name) }
func (c *Cluster) issueText() string {
	return strings.Join(append([]string{c.Issue}, c.Issues...), "\n")
}
func (i *Instance) region() string         { return i.Region }
func (i *Instance) resourceType() string   { return resourceEC2 }
func (i *Instance) managementType() string { return i.ManagementType }
func (i *Instance) updatedAt() time.Time   { return i.UpdatedAt }
func (i *Instance) issueText() string      { return i.Issue }
func (i *Instance) arn(id string) string {
	return arn("ec2", i.Region, id, "instance/"+i.ID)
}
func (c *EKSCluster) region() string         { return c.Region }
func (c *EKSCluster) resourceType() string   { return resourceEKS }
func (c *EKSCluster) managementType() string { return c.ManagementType }
func (c *EKSCluster) updatedAt() time.Time   { return c.UpdatedAt }
func (c *EKSCluster) issueText() string      { return c.Issue }
func (c *EKSCluster) arn(id string) string   { return arn("eks", c.Region, id, "cluster/"+c.Name) }

func (c *Cluster) attribute(key string) (string, bool) {
	if key == keyECSClusterName {
		return c.Name, true
	}
	return "", false
}

func (i *Instance) attribute(key string) (string, bool) {
	switch key {
	case keyInstanceID:
		return i.ID, true
	case keyClusterARN:
		return i.ClusterARN, i.ClusterARN != ""
	case keyAgentVersion:
		return i.AgentVersion, i.AgentVersion != ""
	default:
		return "", false
	}
}

func (c *EKSCluster) attribute(key string) (string, bool) {
	switch key {
	case keyEKSClusterName, keyClusterName:
		return c.Name, true
	case keyAddonVersion:
		return c.AddonVersion, c.AddonVersion != ""
	default:
		return "", false
	}
}
