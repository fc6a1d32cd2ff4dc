package simulator

import (
	"slices"
)

// containerInstanceID returns the ID of the container instance on an EC2 instance.
func (c ecsCluster) containerInstanceID(instance string) string {
	return hexID("container-instance", c.account.ID, c.Name, instance)
}

// containerInstances returns the sorted instance IDs of the cluster's container
// instances.
func (c ecsCluster) containerInstances() []string {
	var ids []string
	for _, i := range c.account.Instances {
		if i.ClusterARN == c.clusterARN() {
			ids = append(ids, i.ID)
		}
	}
	for _, t := range c.Tasks {
		if t.Instance != "" {
			ids = append(ids, t.Instance)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// listContainerInstances lists the container instances of a cluster.
func (s *Server) listContainerInstances(req *request) (any, error) {
	var in struct {
		ecsPage
		Cluster string `json:"cluster"`
		Status  string `json:"status"`
	}
	err := decodeECS(req, &in, "cluster", "status", "maxResults", "nextToken")
	if err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	var all []string
	switch in.Status {
	case "", statusActive:
		for _, instance := range c.containerInstances() {
			all = append(all, c.arnOf("container-instance", c.containerInstanceID(instance)))
		}
	case "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED":
	default:
		return nil, ecsInvalid("status %s is not supported", in.Status)
	}
	page, token, err := s.ecsPageOf(all, in.ecsPage, ecsLimits{ecsLimit, ecsLimit}, req.call.Operation, c.clusterARN(), in.Status)
	if err != nil {
		return nil, err
	}
	return struct {
		ARNs      []string `json:"containerInstanceArns"`
		NextToken string   `json:"nextToken,omitempty"`
	}{page, token}, nil
}

// ecsInstanceOut is an element of DescribeContainerInstances'
// containerInstances.
type ecsInstanceOut struct {
	ARN            string   `json:"containerInstanceArn"`
	InstanceID     string   `json:"ec2InstanceId"`
	Status         string   `json:"status"`
	AgentConnected bool     `json:"agentConnected"` // of ECS
	RunningTasks   int      `json:"runningTasksCount"`
	PendingTasks   int      `json:"pendingTasksCount"`
	Attributes     []string `json:"attributes"`
	Attachments    []string `json:"attachments"`
	Tags           []ecsTag `json:"tags"`
}

// describeContainerInstances returns container instances of a cluster by ID or ARN.
func (s *Server) describeContainerInstances(req *request) (any, error) {
	var in struct {
		Cluster            string   `json:"cluster"`
		ContainerInstances []string `json:"containerInstances"`
		Include            []string `json:"include"`
	}
	err := decodeECS(req, &in, "cluster", "containerInstances", "include")
	if err != nil {
		return nil, err
	}
	if _, err := checkInclude(in.Include, includeTags, "CONTAINER_INSTANCE_HEALTH"); err != nil {
		return nil, err
	}
	if err := checkECSBatch("Container instances", len(in.ContainerInstances), ecsLimit); err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	instances := map[string]string{} // instance ID by ID of the container instance
	for _, instance := range c.containerInstances() {
		instances[c.containerInstanceID(instance)] = instance
	}
	out := struct {
		ContainerInstances []ecsInstanceOut `json:"containerInstances"`
		Failures           []ecsFailure     `json:"failures"`
	}{ContainerInstances: []ecsInstanceOut{}}
	out.Failures, err = c.each("container-instance", in.ContainerInstances, func(id string) bool {
		instance, found := instances[id]
		if !found {
			return false
		}
		element := ecsInstanceOut{
			ARN: c.arnOf("container-instance", id), InstanceID: instance, Status: statusActive, AgentConnected: true,
			Attributes: []string{}, Attachments: []string{}, Tags: []ecsTag{},
		}
		for _, t := range c.Tasks {
			if t.Instance == instance && t.lastStatus() == statusRunning {
				element.RunningTasks++
			}
		}
		out.ContainerInstances = append(out.ContainerInstances, element)
		return true
	})
	return out, err
}
