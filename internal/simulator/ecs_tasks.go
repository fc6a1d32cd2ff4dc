package simulator

import (
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// taskFilter is the filter of ListTasks.
type taskFilter struct {
	ContainerInstance string `json:"containerInstance"`
	DaemonName        string `json:"daemonName"`
	DesiredStatus     string `json:"desiredStatus"`
	Family            string `json:"family"`
	LaunchType        string `json:"launchType"`
	ServiceName       string `json:"serviceName"`
	StartedBy         string `json:"startedBy"`
}

// listTasks lists tasks of a cluster.
func (s *Server) listTasks(req *request) (any, error) {
	var in struct {
		ecsPage
		taskFilter
		Cluster string `json:"cluster"`
	}
	err := decodeECS(req, &in, "cluster", "containerInstance", "daemonName", "desiredStatus", "family", "launchType",
		"serviceName", "startedBy", "maxResults", "nextToken")
	if err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	f := in.taskFilter
	if err := f.check(c); err != nil {
		return nil, err
	}
	var all []string
	for _, t := range c.Tasks {
		if f.matches(c, t) {
			all = append(all, c.arnOf("task", t.ID))
		}
	}
	page, token, err := s.ecsPageOf(all, in.ecsPage, ecsLimits{ecsLimit, ecsLimit}, req.call.Operation, c.clusterARN(),
		f.ContainerInstance, f.DaemonName, f.DesiredStatus, f.Family, f.LaunchType, f.ServiceName, f.StartedBy)
	if err != nil {
		return nil, err
	}
	return struct {
		TaskARNs  []string `json:"taskArns"`
		NextToken string   `json:"nextToken,omitempty"`
	}{page, token}, nil
}

// check returns an error if the filter is invalid, and sets its defaults.
func (f *taskFilter) check(c ecsCluster) (err error) {
	switch {
	case f.StartedBy != "" && *f != (taskFilter{StartedBy: f.StartedBy, DesiredStatus: f.DesiredStatus}):
		return ecsInvalid("startedBy cannot be combined with another filter")
	case f.DesiredStatus == "":
		f.DesiredStatus = statusRunning
	case !slices.Contains([]string{statusRunning, "PENDING", statusStopped}, f.DesiredStatus):
		return ecsInvalid("desiredStatus %s is not supported", f.DesiredStatus)
	}
	if f.ServiceName, err = c.resolve("service", f.ServiceName); err != nil {
		return err
	}
	if f.ServiceName != "" && c.Service(f.ServiceName) == nil {
		return serviceNotFound()
	}
	if f.ContainerInstance, err = c.resolve("container-instance", f.ContainerInstance); err != nil {
		return err
	}
	return checkLaunchType(f.LaunchType)
}

// matches reports whether the filter matches the task.
func (f taskFilter) matches(c ecsCluster, t *Task) bool {
	return f.DaemonName == "" && t.desiredStatus() == f.DesiredStatus &&
		(f.Family == "" || f.Family == t.family(c.Cluster)) &&
		(f.ServiceName == "" || f.ServiceName == t.Service) &&
		(f.LaunchType == "" || f.LaunchType == t.launchType()) &&
		(f.StartedBy == "" || f.StartedBy == c.startedBy(t)) &&
		(f.ContainerInstance == "" || t.Instance != "" && f.ContainerInstance == c.containerInstanceID(t.Instance))
}

func serviceNotFound() error { return awswire.Errorf("ServiceNotFoundException", "Service not found.") }

// describeTasks returns tasks of a cluster by ID or ARN.
func (s *Server) describeTasks(req *request) (any, error) {
	var in struct {
		Cluster string   `json:"cluster"`
		Tasks   []string `json:"tasks"`
		Include []string `json:"include"`
	}
	err := decodeECS(req, &in, "cluster", "tasks", "include")
	if err != nil {
		return nil, err
	}
	tags, err := checkInclude(in.Include, includeTags)
	if err != nil {
		return nil, err
	}
	if err := checkECSBatch("Tasks", len(in.Tasks), ecsLimit); err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	tasks := make(map[string]*Task, len(c.Tasks))
	for _, t := range c.Tasks {
		tasks[t.ID] = t
	}
	out := struct {
		Tasks    []ecsTaskOut `json:"tasks"`
		Failures []ecsFailure `json:"failures"`
	}{Tasks: []ecsTaskOut{}}
	out.Failures, err = c.each("task", in.Tasks, func(id string) bool {
		t := tasks[id]
		if t != nil {
			out.Tasks = append(out.Tasks, c.describeTask(t, tags))
		}
		return t != nil
	})
	return out, err
}
