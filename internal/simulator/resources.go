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
	return statusOr(c.Status, c.Issue == "" && len(c.Issues) == 0 && c.Covered >= c.Compatible)
}

// Instance is one EC2 instance's row of coverage. It stands for itself: an
// instance of an ECS cluster is not counted in that cluster's row.
type Instance struct {
	Region, ID string
	Type       string // m6i.large; absent when empty, as are the three below
	// ClusterARN is the ARN of the ECS or EKS cluster that the instance
	// belongs to.
	ClusterARN     string
	AgentVersion   string // v1.6.1
	ManagementType string // AUTO_MANAGED, MANUAL
	// Status is as in Cluster. Empty means HEALTHY for an instance without an
	// issue, else UNHEALTHY.
	Status    string
	Issue     string
	UpdatedAt time.Time // absent when zero
}

// CoverageStatus returns Status, or what stands for an empty one.
func (i *Instance) CoverageStatus() string { return statusOr(i.Status, i.Issue == "") }

// EKSCluster is one EKS cluster's row of coverage.
type EKSCluster struct {
	Region, Name string
	// AddonVersion and AddonStatus are those of GuardDuty's security agent,
	// such as v1.6.1-eksbuild.1 and ACTIVE; absent when empty.
	AddonVersion, AddonStatus string
	ManagementType            string // AUTO_MANAGED, MANUAL; absent when empty
	// Covered and Compatible count nodes.
	Covered, Compatible int64
	// Status is as in Cluster, with nodes in the place of container instances.
	Status    string
	Issue     string
	UpdatedAt time.Time // absent when zero
}

// CoverageStatus returns Status, or what stands for an empty one.
func (c *EKSCluster) CoverageStatus() string {
	return statusOr(c.Status, c.Issue == "" && c.Covered >= c.Compatible)
}

// statusOr returns the status, or the one of a resource that is well or not.
func statusOr(status string, well bool) string {
	switch {
	case status != "":
		return status
	case well:
		return healthy
	default:
		return unhealthy
	}
}

// resource is what a row of coverage is about.
type resource interface {
	CoverageStatus() string
	region() string
	// arn returns the resource's ARN in the account.
	arn(accountID string) string
	resourceType() string
	managementType() string
	issueText() string // all of them, to be sorted by
	updatedAt() time.Time
	// attribute returns the value of a key that not every type of resource
	// has; "" and false where this one has it not.
	attribute(key string) (string, bool)
	// write fills in the members of out that are the resource's own.
	write(out *coverageResource)
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
func (c *Cluster) arn(id string) string   { return clusterARN("ecs", c.Region, id, c.Name) }
func (c *Cluster) issueText() string {
	return strings.Join(append([]string{c.Issue}, c.Issues...), "\n")
}
func (i *Instance) region() string         { return i.Region }
func (i *Instance) resourceType() string   { return resourceEC2 }
func (i *Instance) managementType() string { return i.ManagementType }
func (i *Instance) updatedAt() time.Time   { return i.UpdatedAt }
func (i *Instance) issueText() string      { return i.Issue }
func (i *Instance) arn(id string) string {
	return "arn:aws:ec2:" + i.Region + ":" + id + ":instance/" + i.ID
}
func (c *EKSCluster) region() string         { return c.Region }
func (c *EKSCluster) resourceType() string   { return resourceEKS }
func (c *EKSCluster) managementType() string { return c.ManagementType }
func (c *EKSCluster) updatedAt() time.Time   { return c.UpdatedAt }
func (c *EKSCluster) issueText() string      { return c.Issue }
func (c *EKSCluster) arn(id string) string   { return clusterARN("eks", c.Region, id, c.Name) }

// clusterARN returns the ARN of a cluster of the service.
func clusterARN(service, region, accountID, name string) string {
	return "arn:aws:" + service + ":" + region + ":" + accountID + ":cluster/" + name
}

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
