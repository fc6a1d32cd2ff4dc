package faulttest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const ecsGroup = "ECS"

// ecsExternalID is a secret.
const ecsExternalID = subjectExternalID

// ecsFault is a fault of reading ECS. It exists from the start. Coverage stays as it is
// without the fault.
type ecsFault struct {
	name  string
	short bool
	heavy bool
	// begin is that of the test case; nil if setup makes the fault.
	begin func(*harness) func()
	// change changes the member's unhealthy cluster, which has four tasks.
	change func(*simulator.Account, *simulator.Cluster)
	// want are series that the page has during the fault, absent those that it does
	// not have then, see [page.has].
	want, absent []wanted
}

// wanted is a series of the member, with only some of its labels; "" is any value.
type wanted struct {
	family string
	labels map[string]string
	value  string
}

func ecsCases() []testCase {
	up := wanted{"guardduty_ecs_account_up", nil, "1"}
	down := wanted{"guardduty_ecs_account_up", nil, "0"}
	denied := wanted{"guardduty_ecs_service_cause_info", map[string]string{"cause": "denied"}, "1"}
	anyTasks := wanted{"guardduty_ecs_cluster_tasks", nil, ""}
	tasks := func(agent string, n int) wanted {
		return wanted{"guardduty_ecs_cluster_tasks", map[string]string{"agent": agent}, fmt.Sprint(n)}
	}
	unreadable := []wanted{down, denied}
	ofMember := func(operations ...string) callMatcher {
		return func(c simulator.Call, _ *http.Request) bool {
			return c.Service == "ecs" && c.AccountID == memberAccount && (len(operations) == 0 || slices.Contains(operations, c.Operation))
		}
	}
	denial := errorResponse(400, "AccessDeniedException", "User is not authorized to perform this action")
	faults := []ecsFault{
		{name: "AccessDenied for every call to ECS of one account", short: true, begin: respond(ofMember(), denial), want: unreadable, absent: []wanted{anyTasks}},
		{name: "AccessDenied for ListTasks", begin: respond(ofMember("ListTasks"), denial), want: unreadable, absent: []wanted{anyTasks}},
		{name: "no role for ECS in one account", want: unreadable, absent: []wanted{anyTasks}, change: func(a *simulator.Account, _ *simulator.Cluster) {
			a.Roles = slices.DeleteFunc(a.Roles, func(r *simulator.Role) bool { return r.Name == "ecs" })
		}},
		{
			name: "ThrottlingException for every call to ECS of one account", want: unreadable, absent: []wanted{anyTasks},
			begin: respond(ofMember(), errorResponse(400, "ThrottlingException", "Rate exceeded")),
		},
		{ // nothing is known until the calls time out
			name: "no response of ECS", begin: respond(ofMember(), hang), absent: []wanted{{"guardduty_ecs_account_up", nil, ""}, anyTasks},
		},
		{name: "truncated JSON from ECS", begin: respond(ofMember("DescribeTasks"), truncatedJSON), want: unreadable, absent: []wanted{anyTasks}},
		{
			name: "half of the tasks gone between the list and their description", want: []wanted{up, tasks("missing", 2)}, absent: []wanted{denied},
			begin: changeBefore(ofMember("DescribeTasks"), func(c *simulator.Cluster) { c.Tasks = c.Tasks[2:] }),
		},
		{
			name: "a cluster deleted while it is read", want: []wanted{up}, absent: []wanted{denied, anyTasks},
			begin: changeBefore(ofMember("ListTasks"), func(c *simulator.Cluster) { c.Deleted = true }),
		},
		{
			name: "a deleted task definition", want: []wanted{up, denied, tasks("missing", 4)},
			change: func(a *simulator.Account, _ *simulator.Cluster) { a.TaskDefinitions = nil },
		},
		{
			name: "a container named like the agent by a user", want: []wanted{up, tasks("running", 0), tasks("missing", 4)},
			change: func(_ *simulator.Account, c *simulator.Cluster) {
				for _, t := range c.Tasks {
					t.Containers = []simulator.Container{{Name: "aws-guardduty-agent-abcDEF", Image: "nginx:1"}}
				}
			},
		},
		{
			name: "unknown launch types, platforms and statuses", want: []wanted{up, tasks("running", 0)},
			change: func(_ *simulator.Account, c *simulator.Cluster) {
				for _, t := range c.Tasks {
					t.LaunchType, t.PlatformFamily, t.PlatformVersion, t.CPUArchitecture, t.LastStatus = "QUANTUM", "Plan9", "new", "riscv64", "DREAMING"
				}
			},
		},
		{
			name: "5,100 tasks in a cluster", heavy: true, want: []wanted{tasks("missing", 5000)},
			change: func(_ *simulator.Account, c *simulator.Cluster) {
				for i := range 5096 {
					c.Tasks = append(c.Tasks, &simulator.Task{Service: "web", CreatedAt: baseTime.Add(time.Duration(i) * time.Second)})
				}
			},
		},
	}
	var cases []testCase
	for _, f := range faults {
		cases = append(cases, f.testCase())
	}
	return cases
}

func (f ecsFault) testCase() testCase {
	tc := testCase{
		group: ecsGroup, name: f.name, short: f.short, heavy: f.heavy, state: coverage.OK, fromStart: true,
		config: strings.Replace(defaultTargets(), "members: true}",
			"members: true, ecs: {role_arn: 'arn:aws:iam::{account_id}:role/ecs', external_id: "+ecsExternalID+"}}", 1),
		skip: skips{
			lastGood: refreshSucceeds,
			recovery: "ECS is read again after a minute or later, which the tests of `internal/ecs` check with a clock of their own",
		},
		setup: func(h *harness) {
			h.aws.Update(func(w *simulator.World) {
				addTasks(w)
				if f.change != nil {
					a := w.Account(memberAccount)
					f.change(a, a.Cluster(faultRegion, "cluster-00001"))
				}
			})
		},
		begin:     f.begin,
		during:    func(h *harness) { h.waitForECS(f.want, f.absent) },
		checkPage: checkSameClusters,
	}
	if f.begin == nil {
		tc.begin = func(*harness) func() { return func() {} }
	}
	if f.heavy {
		tc.pace = heavyPace()
	}
	return tc
}

// addTasks adds to the subject and its member roles to read ECS, and a service with
// tasks without an agent to an unhealthy cluster.
func addTasks(w *simulator.World) {
	for _, id := range []string{subjectAccount, memberAccount} {
		a := w.Account(id)
		a.Roles = append(a.Roles, &simulator.Role{Name: "ecs", ExternalID: ecsExternalID})
		a.TaskDefinitions = append(a.TaskDefinitions, &simulator.TaskDefinition{
			Region: faultRegion, Family: "web", Revision: 7, ExecutionRole: "arn:aws:iam::" + id + ":role/tasks",
		})
		c := a.Cluster(faultRegion, "cluster-00001")
		c.Services = append(c.Services, &simulator.Service{Name: "web", TaskDefinition: "web:7", CreatedAt: baseTime})
		for range 4 {
			c.Tasks = append(c.Tasks, &simulator.Task{Service: "web", CreatedAt: baseTime})
		}
	}
}

// changeBefore changes the member's unhealthy cluster before the first call that
// matches.
func changeBefore(match callMatcher, change func(*simulator.Cluster)) func(*harness) func() {
	return func(h *harness) func() {
		var once sync.Once
		h.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
			if match(c, r) {
				once.Do(func() {
					h.aws.Update(func(w *simulator.World) { change(w.Account(memberAccount).Cluster(faultRegion, "cluster-00001")) })
				})
			}
			return false
		})
		return func() { h.aws.SetIntercept(nil) }
	}
}

// waitForECS waits until the page has the series of the member, except for those
// that must be absent, and those of the subject as without a fault.
func (h *harness) waitForECS(want, absent []wanted) {
	h.Helper()
	ofSubject := []wanted{
		{"guardduty_ecs_account_up", nil, "1"},
		{"guardduty_ecs_cluster_tasks", map[string]string{"cluster_name": "cluster-00001", "agent": "missing"}, "4"},
	}
	h.waitFor(fmt.Sprintf("series of ECS: %v without %v", want, absent), time.Minute, func(p page) bool {
		lacks := func(account string) func(wanted) bool {
			return func(w wanted) bool { return !p.has(account, w) }
		}
		return !slices.ContainsFunc(ofSubject, lacks(subjectAccount)) && !slices.ContainsFunc(want, lacks(memberAccount)) &&
			!slices.ContainsFunc(absent, func(w wanted) bool { return p.has(memberAccount, w) })
	})
}

// has reports whether a page has a series of an account in the Region of faults.
func (p page) has(account string, w wanted) bool {
	for s, value := range p.series {
		l := labels(s)
		if family(s) != w.family || w.value != "" && value != w.value || l["account_id"] != account || l["region"] != faultRegion {
			continue
		}
		equal := true
		for name, v := range w.labels {
			equal = equal && l[name] == v
		}
		if equal {
			return true
		}
	}
	return false
}
