package simulator

// coverageRow is one resource as a detector lists it.
type coverageRow struct {
	resource
	account, detectorID string
	at                  position // in the listing
}

// value returns the row's value of a filter or sort key, and whether it has one.
func (r coverageRow) value(key string) (string, bool) {
	switch key {
	case keyAccountID:
		return r.account, true
	case keyResourceType:
		return r.resourceType(), true
	case keyCoverageStatus:
		return r.CoverageStatus(), true
	case keyManagementType:
		return r.managementType(), r.managementType() != ""
	case keyIssue:
		return r.issueText(), true
	case keyUpdatedAt: // of a fixed width, so that the text sorts in the order of time
		return r.updatedAt().UTC().Format("2006-01-02T15:04:05.000000000"), true
	default:
		return r.attribute(key)
	}
}

// coverageResource is a row of ListCoverage. updatedAt is a number of epoch
// seconds.
type coverageResource struct {
	ResourceID      string          `json:"resourceId"`
	DetectorID      string          `json:"detectorId"`
	AccountID       string          `json:"accountId"`
	CoverageStatus  string          `json:"coverageStatus"`
	Issue           string          `json:"issue"`
	UpdatedAt       float64         `json:"updatedAt,omitempty"`
	ResourceDetails resourceDetails `json:"resourceDetails"`
}

// resourceDetails has the details of the resource's type only.
type resourceDetails struct {
	ResourceType string              `json:"resourceType"`
	ECSCluster   *ecsClusterDetails  `json:"ecsClusterDetails,omitempty"`
	EC2Instance  *ec2InstanceDetails `json:"ec2InstanceDetails,omitempty"`
	EKSCluster   *eksClusterDetails  `json:"eksClusterDetails,omitempty"`
}

type ecsClusterDetails struct {
	ClusterName              string                   `json:"clusterName"`
	FargateDetails           fargateDetails           `json:"fargateDetails"`
	ContainerInstanceDetails containerInstanceDetails `json:"containerInstanceDetails"`
}

type fargateDetails struct {
	Issues         []string `json:"issues"`
	ManagementType string   `json:"managementType,omitempty"`
}

type containerInstanceDetails struct {
	Covered    int64 `json:"coveredContainerInstances"`
	Compatible int64 `json:"compatibleContainerInstances"`
}

type ec2InstanceDetails struct {
	InstanceID     string        `json:"instanceId"`
	InstanceType   string        `json:"instanceType,omitempty"`
	ClusterARN     string        `json:"clusterArn,omitempty"`
	AgentDetails   *agentDetails `json:"agentDetails,omitempty"`
	ManagementType string        `json:"managementType,omitempty"`
}

type agentDetails struct {
	Version string `json:"version"`
}

type eksClusterDetails struct {
	ClusterName     string        `json:"clusterName"`
	CoveredNodes    int64         `json:"coveredNodes"`
	CompatibleNodes int64         `json:"compatibleNodes"`
	AddonDetails    *addonDetails `json:"addonDetails,omitempty"`
	ManagementType  string        `json:"managementType,omitempty"`
}

type addonDetails struct {
	Version string `json:"addonVersion,omitempty"`
	Status  string `json:"addonStatus,omitempty"`
}

// toWire returns the row in the form of the API.
func (r coverageRow) toWire() coverageResource {
	out := coverageResource{
		ResourceID: r.arn(r.account), DetectorID: r.detectorID, AccountID: r.account, CoverageStatus: r.CoverageStatus(),
		ResourceDetails: resourceDetails{ResourceType: r.resourceType()},
	}
	if t := r.updatedAt(); !t.IsZero() {
		out.UpdatedAt = float64(t.UnixMilli()) / 1000
	}
	r.fillDetails(&out)
	return out
}

func (c *Cluster) fillDetails(out *coverageResource) {
	out.Issue = c.Issue
	out.ResourceDetails.ECSCluster = &ecsClusterDetails{
		ClusterName:              c.Name,
		FargateDetails:           fargateDetails{Issues: append([]string{}, c.Issues...), ManagementType: c.ManagementType},
		ContainerInstanceDetails: containerInstanceDetails{Covered: c.Covered, Compatible: c.Compatible},
	}
}

func (i *Instance) fillDetails(out *coverageResource) {
	out.Issue = i.Issue
	details := &ec2InstanceDetails{
		InstanceID: i.ID, InstanceType: i.Type, ClusterARN: i.ClusterARN, ManagementType: i.ManagementType,
	}
	if i.AgentVersion != "" {
		details.AgentDetails = &agentDetails{Version: i.AgentVersion}
	}
	out.ResourceDetails.EC2Instance = details
}

func (c *EKSCluster) fillDetails(out *coverageResource) {
	out.Issue = c.Issue
	details := &eksClusterDetails{
		ClusterName: c.Name, CoveredNodes: c.Covered, CompatibleNodes: c.Compatible, ManagementType: c.ManagementType,
	}
	if c.AddonVersion != "" || c.AddonStatus != "" {
		details.AddonDetails = &addonDetails{Version: c.AddonVersion, Status: c.AddonStatus}
	}
	out.ResourceDetails.EKSCluster = details
}
