package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The checks below say of each cause when a finding may exist, written anew from
// the pages of AWS, without the code that is tested.

var (
	agentName  = regexp.MustCompile(`^(aws-gd-agent|aws-guardduty-agent.*)$`)
	agentImage = regexp.MustCompile(`^[^@]*/aws-guardduty-agent-fargate(:[^/@]*)?(@.*)?$`)
	aRevision  = regexp.MustCompile(`[^/]*$`)
)

// agents returns the containers of the agent with a status, "" for any.
func agents(t Task, status string) (found []Container) {
	for _, c := range t.Containers {
		if agentName.MatchString(c.Name) && agentImage.MatchString(c.Image) && (status == "" || c.LastStatus == status) {
			found = append(found, c)
		}
	}
	return found
}

func affects(f Finding, t Task) bool {
	name := strings.TrimPrefix(t.Group, "service:")
	if name == t.Group || name == "" {
		name = "family:" + regexp.MustCompile(`[^/:]*:[^/]*$`).FindString(t.TaskDefinition)
		name = strings.TrimSuffix(name, ":1")
	}
	if f.Level == LevelTaskDefinition && aRevision.FindString(t.TaskDefinition) != f.Subject {
		return false
	}
	return f.Service == "" || f.Service == name
}

// missing reports whether a task lacks the agent's container, stoppedOnly whether
// it has the container and it does not run.
func missing(t Task) bool { return len(agents(t, "")) == 0 }

func stoppedOnly(t Task) bool { return len(agents(t, running)) == 0 && len(agents(t, stopped)) > 0 }

func stoppedWith(t Task, matches func(Container) bool) bool {
	for _, c := range agents(t, stopped) {
		if stoppedOnly(t) && matches(c) {
			return true
		}
	}
	return false
}

func reason(pattern string) func(Container) bool {
	return func(c Container) bool { return regexp.MustCompile(pattern).MatchString(c.Reason) }
}

// newest returns the later time of the settings that are on.
func newest(e Evidence) time.Time {
	at := e.RuntimeMonitoring.UpdatedAt
	if e.AgentManagement.State == On && e.AgentManagement.UpdatedAt.After(at) {
		at = e.AgentManagement.UpdatedAt
	}
	return at
}

// taskChecks returns, for each cause of tasks, whether a finding is true of a task.
func taskChecks(e Evidence, f Finding) map[Cause]func(Task) bool {
	definition := func(t Task) TaskDefinition { return e.TaskDefinitions[t.TaskDefinition] }
	issue := func(t Task, types ...coverage.IssueType) bool {
		for _, i := range e.Row.Issues {
			for _, issueType := range types {
				if d := i.TaskDefinition(); i.Type() == issueType && (d == "" && (f.Certainty == Hint || e.Deep != nil) || d == aRevision.FindString(t.TaskDefinition)) {
					return true
				}
			}
		}
		return false
	}
	deployed := func(t Task, controllers ...string) bool {
		for _, s := range e.Services {
			if t.Group == "service:"+s.Name && strings.Contains(strings.Join(controllers, ","), s.Controller) {
				return missing(t) && !s.Deployed.IsZero() && s.Deployed.Before(newest(e))
			}
		}
		return false
	}
	pull := func(pattern string) func(Task) bool {
		return func(t Task) bool {
			if f.Certainty == Hint {
				pattern = "fargate:[^ ]*: $" // and nothing else
			}
			return stoppedWith(t, reason("^CannotPull.*"+pattern))
		}
	}
	return map[Cause]func(Task) bool{
		ManagedInstances: func(t Task) bool { return missing(t) && t.LaunchType == "MANAGED_INSTANCES" },
		ECSAnywhere:      func(t Task) bool { return missing(t) && t.LaunchType == "EXTERNAL" },
		EC2Task: func(t Task) bool {
			id := e.InstanceIDs[t.ContainerInstance]
			r, listed := e.Instances[id]
			switch f.Certainty {
			case Proof:
				return id == f.Subject && t.LaunchType == "EC2" && listed && r.Status != coverage.Healthy
			case Strong:
				return id == f.Subject && t.LaunchType == "EC2" && !listed && e.Instances != nil
			}
			return t.LaunchType == "EC2" && (e.Instances == nil || id == "") && (e.Row == nil || e.Row.Status != coverage.Healthy)
		},
		Windows: func(t Task) bool {
			return missing(t) && (strings.HasPrefix(t.PlatformFamily, "Win") || t.PlatformFamily == "" && strings.HasPrefix(definition(t).OSFamily, "WIN"))
		},
		PlatformVersion: func(t Task) bool { return missing(t) && t.PlatformVersion == "1.3.0" },
		CPUArchitecture: func(t Task) bool {
			return missing(t) && (t.CPUArchitecture == "NEW" || t.CPUArchitecture == "" && definition(t).CPUArchitecture == "NEW")
		},
		OldTaskARN: func(t Task) bool { return missing(t) && strings.HasSuffix(t.ARN, ":task/1") },
		NoExecutionRole: func(t Task) bool {
			d, ok := e.TaskDefinitions[t.TaskDefinition]
			return ok && d.ExecutionRole == "" && t.ExecutionRole == "" && len(agents(t, running)) == 0
		},
		ImagePullDenied:      pull("403"),
		ImagePullUnreachable: pull("timeout"),
		AgentOutOfMemory: func(t Task) bool {
			return stoppedWith(t, func(c Container) bool {
				return reason("^OutOf")(c) || f.Certainty == Strong && c.ExitCode != nil && *c.ExitCode == 137
			})
		},
		AgentExited: func(t Task) bool {
			return t.LastStatus == running && stoppedWith(t, func(c Container) bool {
				return !reason("^(CannotPull|OutOf)")(c) && (c.ExitCode == nil || *c.ExitCode != 137)
			})
		},
		ClusterWasExcluded: func(t Task) bool {
			return missing(t) && (e.Tags[managedTag] == "true" || e.Tags[managedTag] != "false" && issue(t, coverage.ExclusionTag))
		},
		TaskTooOld: func(t Task) bool {
			return missing(t) && !t.CreatedAt.IsZero() && t.CreatedAt.Before(newest(e)) && e.RuntimeMonitoring.State == On
		},
		DeploymentTooOld:   func(t Task) bool { return deployed(t, "ECS") },
		TaskSetTooOld:      func(t Task) bool { return deployed(t, "CODE_DEPLOY", "EXTERNAL") },
		UnsupportedInvoker: func(t Task) bool { return missing(t) && issue(t, coverage.UnsupportedService) },
		NoNetworkConfiguration: func(t Task) bool {
			return missing(t) && t.NetworkInterface != On
		},
		TooEarly: func(t Task) bool {
			starting := len(agents(t, running)) == 0 && !stoppedOnly(t)
			return !missing(t) && e.ReadAt.Sub(t.CreatedAt) < 15*time.Minute && (starting || e.Row == nil || e.Row.Status != coverage.Healthy)
		},
		TelemetryDenied: func(t Task) bool { return len(agents(t, running)) > 0 && issue(t, coverage.AgentNotReporting) },
		VPCEndpoint: func(t Task) bool {
			return len(agents(t, running)) > 0 && issue(t, coverage.VPCEndpoint, coverage.AgentNotReporting) &&
				(f.Certainty == Hint || e.Cluster.Region == "cn-north-1" || strings.Contains(fmt.Sprint(t.Containers), ":v1.9.0")) &&
				(f.Certainty != Proof || hasDefect(e, t))
		},
		SharedVPC: func(t Task) bool {
			shared := e.Deep != nil && e.Deep.Subnets[t.Subnet].OwnerID == "222233334444"
			return len(agents(t, running)) > 0 && issue(t, coverage.VPCEndpoint, coverage.AgentNotReporting) && (f.Certainty == Strong) == shared
		},
	}
}

// hasDefect reports whether no endpoint of the task's VPC is usable, for a reason
// that was read.
func hasDefect(e Evidence, t Task) bool {
	subnet := e.Deep.Subnets[t.Subnet]
	vpc, ok := e.Deep.VPCs[subnet.VPC]
	defect := vpc.DNSSupport == Off || vpc.DNSHostnames == Off || len(vpc.Endpoints) > 0
	for _, endpoint := range vpc.Endpoints {
		closed := fmt.Sprintf("%q", endpoint.Sources) == `["10.9.0.0/16"]` && subnet.CIDR != "" || endpoint.Sources != nil && len(endpoint.Sources) == 0
		wrong := endpoint.State != "available" || endpoint.PrivateDNS == Off || endpoint.Allows == Off || closed
		defect = defect && (wrong || vpc.DNSSupport == Off || vpc.DNSHostnames == Off)
	}
	return ok && defect && subnet.OwnerID == "111122223333"
}

// contradiction returns how a finding contradicts the evidence, "" if it does not.
func contradiction(e Evidence, f Finding) string {
	n, stoppedTasks := 0, 0
	if isTrue, ok := taskChecks(e, f)[f.Cause]; ok {
		for _, t := range e.Tasks {
			switch {
			case !affects(f, t) || !isTrue(t):
			case t.LastStatus == running:
				n++
			case t.LastStatus == stopped:
				stoppedTasks++
			}
		}
		if f.Tasks > n || f.Tasks == 0 && stoppedTasks == 0 {
			return fmt.Sprintf("it is true of %d running and %d stopped tasks", n, stoppedTasks)
		}
		return ""
	}
	return clusterContradiction(e, f)
}

func clusterContradiction(e Evidence, f Finding) string {
	ok := false
	switch f.Cause {
	case RuntimeMonitoringOff:
		ok = (e.RuntimeMonitoring.State == Off || e.AccountSetting == Off) &&
			(f.Certainty == Proof) == (e.RuntimeMonitoring.State != On && e.AccountSetting != On)
	case AgentManagementOff:
		ok = e.AgentManagement.State == Off && e.Tags[managedTag] != "true" && (f.Certainty == Proof) == (e.Tags != nil)
	case ClusterExcluded:
		ok = e.Tags[managedTag] == "false" && (f.Certainty == Proof) == (f.Tasks == 0)
	case TaskGone:
		ok = e.Row != nil && !e.Truncated
		for _, t := range e.Tasks {
			ok = ok && aRevision.FindString(t.TaskDefinition) != f.Subject
		}
	case UnknownReason:
		ok = len(e.Refusals) == 0
	case Denied:
		refusals := e.Refusals
		if e.Deep != nil {
			refusals = append(slices.Clone(refusals), e.Deep.Refusals...)
		}
		for _, r := range refusals {
			ok = ok || strings.Contains(f.Evidence, r.Action)
		}
	}
	if !ok {
		return "the evidence does not support it"
	}
	return ""
}
