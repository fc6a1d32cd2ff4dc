package simulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// managedTag is the tag of a cluster that includes or excludes it from automated
// agent configuration.
const managedTag = "GuardDutyManaged"

// updateService starts a new deployment of a service and returns it.
func (s *Server) updateService(req *request) (any, error) {
	var in struct {
		Cluster            string `json:"cluster"`
		Service            string `json:"service"`
		ForceNewDeployment bool   `json:"forceNewDeployment"`
	}
	if err := decodeECS(req, &in, "cluster", "service", "forceNewDeployment"); err != nil {
		return nil, err
	}
	c, err := s.ecsClusterOf(req, in.Cluster)
	if err != nil {
		return nil, err
	}
	name, err := c.resolve("service", in.Service)
	if err != nil {
		return nil, err
	}
	service := c.Service(name)
	switch {
	case service == nil:
		return nil, serviceNotFound()
	case !in.ForceNewDeployment:
		return nil, ecsInvalid("the simulator supports only forceNewDeployment")
	case service.controller() != controllerECS:
		return nil, ecsInvalid("Cannot force a new deployment on services with a %s deployment controller.", service.controller())
	}
	return s.deploying(c, name), nil
}

// deploying returns the response that starts a new deployment of the service.
func (s *Server) deploying(c ecsCluster, name string) deferred {
	accountID, region, cluster, now := c.account.ID, c.Region, c.Name, s.now()
	return func() (any, error) {
		var out struct {
			Service ecsServiceOut `json:"service"`
		}
		err := s.update(func(w *World) {
			// The world may have changed meanwhile.
			a := w.Account(accountID)
			if a == nil || a.Cluster(region, cluster) == nil || a.Cluster(region, cluster).Service(name) == nil {
				return
			}
			c := ecsCluster{a.Cluster(region, cluster), a}
			c.deploy(c.Service(name), now)
			out.Service = c.describeService(c.Service(name), true)
		})
		if err == nil && out.Service.ServiceName == "" {
			return nil, serviceNotFound()
		}
		return out, err
	}
}

// deploy replaces the running tasks of the service by new ones, and removes the
// issues of the cluster's row that name the service or its task definition if every
// new task has a running agent.
func (c ecsCluster) deploy(service *Service, now time.Time) {
	service.DeployedAt, service.ReplacedAt = now, time.Time{}
	// Tasks that earlier deployments stopped are forgotten.
	c.Tasks = slices.DeleteFunc(c.Tasks, func(t *Task) bool { return t.Service == service.Name && t.desiredStatus() == statusStopped })
	covered := true
	for _, old := range slices.Clone(c.Tasks) {
		if old.Service != service.Name {
			continue
		}
		fresh := *old
		fresh.ID = hexID(old.ID, now.Format(time.RFC3339Nano), strconv.Itoa(len(c.Tasks)))
		fresh.CreatedAt, fresh.StartedBy = now, ""
		if old.Agent == nil && c.addsAgent(old) {
			fresh.Agent = &Container{}
		}
		covered = covered && fresh.Agent != nil && (fresh.Agent.LastStatus == "" || fresh.Agent.LastStatus == statusRunning)
		old.StoppedAt, old.StopCode, old.StoppedReason = now, "ServiceSchedulerInitiated", "Scaling activity initiated by a new deployment"
		old.LastStatus = statusStopped
		c.Tasks = append(c.Tasks, &fresh)
	}
	if !covered {
		return
	}
	n := len(c.Issues)
	c.Issues = slices.DeleteFunc(slices.Clone(c.Issues), func(issue string) bool {
		return strings.Contains(issue, "'"+service.Name+"'") || strings.Contains(issue, "'"+service.TaskDefinition+"'")
	})
	if len(c.Issues) < n {
		c.Status, c.UpdatedAt = "", now
	}
}

// addsAgent reports whether GuardDuty adds its agent to a new task like t.
func (c ecsCluster) addsAgent(t *Task) bool {
	d := c.account.Detector(c.Region)
	if d == nil || !d.monitors() || c.Tags[managedTag] == "false" || d.AgentManagementOff && c.Tags[managedTag] != "true" {
		return false
	}
	definition := c.account.findTaskDefinition(c.Region, t.definition(c.Cluster))
	hasRole := t.ExecutionRole != "" || definition != nil && definition.ExecutionRole != ""
	old := slices.Contains([]string{"1.0.0", "1.1.0", "1.2.0", "1.3.0"}, t.PlatformVersion)
	linux := t.PlatformFamily == "" || strings.EqualFold(t.PlatformFamily, "Linux")
	return hasRole && t.launchType() == launchFargate && linux && !old && !t.NoNetwork && !c.OldARNs
}
