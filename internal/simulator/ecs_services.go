package simulator

import (
	"cmp"
	"time"
)

// listServices lists the services of a cluster.
func (s *Server) listServices(req *request) (any, error) {
	var in struct {
		ecsPage
		Cluster            string `json:"cluster"`
		LaunchType         string `json:"launchType"`
		SchedulingStrategy string `json:"schedulingStrategy"`
	}
	err := decodeECS(req, &in, "cluster", "launchType", "schedulingStrategy", "maxResults", "nextToken")
	if err != nil {
		return nil, err
	}
	if err := checkLaunchType(in.LaunchType); err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, service := range c.Services {
		if in.LaunchType != "" && in.LaunchType != service.launchType() || cmp.Or(in.SchedulingStrategy, strategyReplica) != strategyReplica {
			continue
		}
		all = append(all, c.arnOf("service", service.Name))
	}
	page, token, err := s.ecsPageOf(all, in.ecsPage, ecsLimits{10, ecsLimit}, req.call.Operation, c.clusterARN(), in.LaunchType, in.SchedulingStrategy)
	if err != nil {
		return nil, err
	}
	return struct {
		ServiceARNs []string `json:"serviceArns"`
		NextToken   string   `json:"nextToken,omitempty"`
	}{page, token}, nil
}

const strategyReplica = "REPLICA"

// launchType returns LaunchType, or its default.
func (s *Service) launchType() string { return cmp.Or(s.LaunchType, launchFargate) }

// checkLaunchType returns an error for a launch type that does not exist.
func checkLaunchType(launchType string) error {
	switch launchType {
	case "", launchFargate, launchEC2, launchExternal, launchManaged:
		return nil
	default:
		return ecsInvalid("launchType %s is not supported", launchType)
	}
}

// ecsServiceOut is an element of DescribeServices' services.
type ecsServiceOut struct {
	ServiceARN           string           `json:"serviceArn"`
	ServiceName          string           `json:"serviceName"`
	ClusterARN           string           `json:"clusterArn"`
	Status               string           `json:"status"`
	DesiredCount         int              `json:"desiredCount"`
	RunningCount         int              `json:"runningCount"`
	PendingCount         int              `json:"pendingCount"`
	LaunchType           string           `json:"launchType"`
	PlatformFamily       string           `json:"platformFamily,omitempty"`
	PlatformVersion      string           `json:"platformVersion,omitempty"`
	TaskDefinition       string           `json:"taskDefinition,omitempty"`
	DeploymentController ecsController    `json:"deploymentController"`
	Deployments          []ecsDeployment  `json:"deployments"`
	TaskSets             []ecsDeployment  `json:"taskSets,omitempty"`
	Events               []string         `json:"events"`
	LoadBalancers        []string         `json:"loadBalancers"`
	ServiceRegistries    []string         `json:"serviceRegistries"`
	CreatedAt            float64          `json:"createdAt,omitempty"`
	NetworkConfiguration *ecsNetworkOfVPC `json:"networkConfiguration,omitempty"`
	SchedulingStrategy   string           `json:"schedulingStrategy"`
	Tags                 []ecsTag         `json:"tags"`
	PropagateTags        string           `json:"propagateTags"`
}

type ecsController struct {
	Type string `json:"type"`
}

// ecsDeployment is a deployment or a task set. Only a task set has an ARN.
type ecsDeployment struct {
	ID             string  `json:"id"`
	TaskSetARN     string  `json:"taskSetArn,omitempty"`
	Status         string  `json:"status"`
	TaskDefinition string  `json:"taskDefinition"`
	CreatedAt      float64 `json:"createdAt,omitempty"`
	UpdatedAt      float64 `json:"updatedAt,omitempty"`
	LaunchType     string  `json:"launchType"`
	RolloutState   string  `json:"rolloutState,omitempty"` // of a deployment
}

type ecsNetworkOfVPC struct {
	AWSVPC ecsAWSVPC `json:"awsvpcConfiguration"`
}

type ecsAWSVPC struct {
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups"`
	AssignPublicIP string   `json:"assignPublicIp"`
}

// describeServices returns services of a cluster by name or ARN.
func (s *Server) describeServices(req *request) (any, error) {
	var in struct {
		Cluster  string   `json:"cluster"`
		Services []string `json:"services"`
		Include  []string `json:"include"`
	}
	err := decodeECS(req, &in, "cluster", "services", "include")
	if err != nil {
		return nil, err
	}
	tags, err := checkInclude(in.Include, includeTags)
	if err != nil {
		return nil, err
	}
	if err := checkECSBatch("Services", len(in.Services), 10); err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	out := struct {
		Services []ecsServiceOut `json:"services"`
		Failures []ecsFailure    `json:"failures"`
	}{Services: []ecsServiceOut{}}
	out.Failures, err = c.each("service", in.Services, func(name string) bool {
		service := c.Service(name)
		if service != nil {
			out.Services = append(out.Services, c.describeService(service, tags))
		}
		return service != nil
	})
	return out, err
}

// describeService returns a service in the form of the API.
func (c ecsCluster) describeService(service *Service, tags bool) ecsServiceOut {
	out := ecsServiceOut{
		ServiceARN: c.arnOf("service", service.Name), ServiceName: service.Name, ClusterARN: c.clusterARN(), Status: statusActive,
		LaunchType: service.launchType(), TaskDefinition: c.definitionARN(service.TaskDefinition),
		DeploymentController: ecsController{service.controller()}, Deployments: []ecsDeployment{},
		Events: []string{}, LoadBalancers: []string{}, ServiceRegistries: []string{}, CreatedAt: epoch(service.CreatedAt),
		SchedulingStrategy: strategyReplica, Tags: tagsOf(service.Tags, tags), PropagateTags: "NONE",
	}
	for _, t := range c.Tasks {
		switch {
		case t.Service != service.Name || t.desiredStatus() == statusStopped:
		case t.lastStatus() == statusRunning:
			out.RunningCount++
		default:
			out.PendingCount++
		}
	}
	out.DesiredCount = out.RunningCount + out.PendingCount
	if out.LaunchType == launchFargate { // of the request, unlike a task's
		out.PlatformFamily, out.PlatformVersion = "Linux", "LATEST"
	}
	if !service.NoNetwork {
		out.NetworkConfiguration = &ecsNetworkOfVPC{ecsAWSVPC{
			Subnets: []string{cmp.Or(service.Subnet, defaultSubnet)}, SecurityGroups: []string{"sg-0123456789abcdef0"}, AssignPublicIP: "DISABLED",
		}}
	}
	list := []ecsDeployment{c.deployment(service, service.deployedAt(), statusPrimary)}
	if !service.ReplacedAt.IsZero() { // first, so that the PRIMARY one has to be looked for
		list = append([]ecsDeployment{c.deployment(service, service.ReplacedAt, statusActive)}, list...)
	}
	if service.controller() == controllerECS {
		out.Deployments = list
	} else {
		out.TaskSets = list
	}
	return out
}

// deployment returns the service's deployment, or task set, created at t.
func (c ecsCluster) deployment(service *Service, t time.Time, status string) ecsDeployment {
	out := ecsDeployment{
		ID: service.deploymentID(t), Status: status, TaskDefinition: c.definitionARN(service.TaskDefinition),
		CreatedAt: epoch(t), UpdatedAt: epoch(t), LaunchType: service.launchType(),
	}
	if service.controller() == controllerECS {
		out.RolloutState = "COMPLETED"
		return out
	}
	out.TaskSetARN = arn("ecs", c.Region, c.account.ID, "task-set/"+c.Name+"/"+service.Name+"/"+out.ID)
	return out
}
