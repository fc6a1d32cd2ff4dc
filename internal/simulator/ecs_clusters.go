package simulator

import (
	"slices"
	"strconv"
	"strings"
)

// listClusters lists the caller's clusters in the Region.
func (s *Server) listClusters(req *request) (any, error) {
	var in ecsPage
	if err := decodeECS(req, &in, "maxResults", "nextToken"); err != nil {
		return nil, err
	}
	a, region := s.index.accounts[req.session.AccountID], req.call.Region
	var all []string
	for _, c := range a.Clusters {
		if c.Region == region && !c.Deleted {
			all = append(all, c.arn(a.ID))
		}
	}
	page, token, err := s.ecsPageOf(all, in, ecsLimits{ecsLimit, ecsLimit}, req.call.Operation, a.ID, region)
	if err != nil {
		return nil, err
	}
	return struct {
		ClusterARNs []string `json:"clusterArns"`
		NextToken   string   `json:"nextToken,omitempty"`
	}{page, token}, nil
}

// ecsClusterOut is an element of DescribeClusters' clusters.
type ecsClusterOut struct {
	ClusterARN         string    `json:"clusterArn"`
	ClusterName        string    `json:"clusterName"`
	Status             string    `json:"status"`
	ContainerInstances int       `json:"registeredContainerInstancesCount"`
	RunningTasks       int       `json:"runningTasksCount"`
	PendingTasks       int       `json:"pendingTasksCount"`
	ActiveServices     int       `json:"activeServicesCount"`
	Statistics         []ecsPair `json:"statistics"`
	Tags               []ecsTag  `json:"tags"`
	Settings           []ecsPair `json:"settings"`
	CapacityProviders  []string  `json:"capacityProviders"`
	Strategy           []string  `json:"defaultCapacityProviderStrategy"`
}

// describeClusters returns clusters by name or ARN.
func (s *Server) describeClusters(req *request) (any, error) {
	var in struct {
		Clusters []string `json:"clusters"`
		Include  []string `json:"include"`
	}
	if err := decodeECS(req, &in, "clusters", "include"); err != nil {
		return nil, err
	}
	if _, err := checkInclude(in.Include, "ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", includeTags); err != nil {
		return nil, err
	}
	if len(in.Clusters) == 0 {
		in.Clusters = []string{"default"}
	}
	if err := checkECSBatch("Clusters", len(in.Clusters), ecsLimit); err != nil {
		return nil, err
	}
	out := struct {
		Clusters []ecsClusterOut `json:"clusters"`
		Failures []ecsFailure    `json:"failures"`
	}{[]ecsClusterOut{}, []ecsFailure{}}
	for _, ref := range in.Clusters {
		c, found := s.findECSCluster(req, ref)
		if !found {
			out.Failures = append(out.Failures, missing(clusterARN(req, ref)))
			continue
		}
		out.Clusters = append(out.Clusters, c.describe(in.Include))
	}
	return out, nil
}

// clusterARN returns ref if it is an ARN, otherwise the ARN of the caller's cluster
// of that name.
func clusterARN(req *request, ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	return arn("ecs", req.call.Region, req.session.AccountID, "cluster/"+ref)
}

// describe returns the cluster in the form of the API.
func (c ecsCluster) describe(include []string) ecsClusterOut {
	instances := len(c.containerInstances())
	out := ecsClusterOut{
		ClusterARN: c.clusterARN(), ClusterName: c.Name, Status: statusActive, ContainerInstances: instances,
		ActiveServices: len(c.Services), Statistics: []ecsPair{}, Tags: tagsOf(c.Tags, slices.Contains(include, includeTags)),
		Settings: []ecsPair{}, CapacityProviders: []string{}, Strategy: []string{},
	}
	running := map[string]int{} // by launch type
	for _, t := range c.Tasks {
		switch {
		case t.desiredStatus() == statusStopped:
		case t.lastStatus() == statusRunning:
			out.RunningTasks++
			running[t.launchType()]++
		default:
			out.PendingTasks++
		}
	}
	if slices.Contains(include, "STATISTICS") {
		out.Statistics = append(out.Statistics,
			ecsPair{"runningEC2TasksCount", strconv.Itoa(running[launchEC2])},
			ecsPair{"runningFargateTasksCount", strconv.Itoa(running[launchFargate])},
			ecsPair{"runningExternalTasksCount", strconv.Itoa(running[launchExternal])},
			ecsPair{"runningManagedInstancesTasksCount", strconv.Itoa(running[launchManaged])},
		)
	}
	if slices.Contains(include, "SETTINGS") {
		out.Settings = append(out.Settings, ecsPair{"containerInsights", "disabled"})
	}
	return out
}
