package app

import (
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const withECS = `
aws: {requests_per_second: 1000}
targets:
  - regions: [us-east-1]
    detector: true
    members: true
    ecs:
      role_arn: arn:{partition}:iam::{account_id}:role/guardduty-coverage-ecs
      external_id: an-external-id-of-ecs
      scope: all
      tags: [team, cost-center]
`

// ecsWorld returns an administrator whose member has a service that was deployed
// before Runtime Monitoring was enabled, and a cluster that GuardDuty does not
// list; and another member whose ECS cannot be read.
func ecsWorld() *simulator.World {
	const (
		denied  = "444455556666"
		role    = "arn:aws:iam::222233334444:role/tasks"
		enabled = "us-east-1"
	)
	w := administratorWorld()
	ecsRole := func(deny ...string) *simulator.Role {
		return &simulator.Role{Name: "guardduty-coverage-ecs", ExternalID: "an-external-id-of-ecs", Deny: deny}
	}
	changed := map[string]time.Time{"RUNTIME_MONITORING": then, "ECS_FARGATE_AGENT_MANAGEMENT": then}
	before, after := then.Add(-24*time.Hour), then.Add(time.Hour)

	admin := w.Accounts[0]
	admin.Detectors[0].Members = append(admin.Detectors[0].Members, denied)
	admin.Detectors[0].ChangedAt = changed
	admin.Roles = append(admin.Roles, ecsRole())

	m := w.Accounts[1]
	m.Roles = append(m.Roles, ecsRole())
	m.Detectors[0].ChangedAt = changed
	definition := func(family string, revision int) *simulator.TaskDefinition {
		return &simulator.TaskDefinition{Region: enabled, Family: family, Revision: revision, ExecutionRole: role}
	}
	noRole := definition("report", 3)
	noRole.ExecutionRole = ""
	m.TaskDefinitions = []*simulator.TaskDefinition{definition("orders", 41), definition("cart", 7), noRole}
	shop := unhealthy("shop", "Agent not provisioned : Services deployed before enabling Automated Agent Configuration. Impacted service name(s): 'orders'")
	shop.Tags = map[string]string{"team": "storefront", "cost-center": "4711\n", "other": "not exported"}
	shop.Services = []*simulator.Service{
		{Name: "orders", TaskDefinition: "orders:41", CreatedAt: before},
		{Name: "cart", TaskDefinition: "cart:7", CreatedAt: before, DeployedAt: after},
	}
	shop.Tasks = []*simulator.Task{
		{Service: "orders", CreatedAt: before},
		{Service: "orders", CreatedAt: after},
		{Service: "cart", CreatedAt: after, Agent: &simulator.Container{}},
		{TaskDefinition: "report:3", CreatedAt: after},
	}
	unlisted := healthy("unlisted")
	unlisted.Unlisted = true
	unlisted.Services = []*simulator.Service{{Name: "cart", TaskDefinition: "cart:7", CreatedAt: after}}
	unlisted.Tasks = []*simulator.Task{{Service: "cart", CreatedAt: after, Agent: &simulator.Container{}}}
	empty := healthy("empty")
	empty.Unlisted = true
	m.Clusters = append(m.Clusters, shop, unlisted, empty)

	w.Accounts = append(w.Accounts, &simulator.Account{
		ID: denied, Name: "denied", Email: "denied@example.com",
		Roles:     []*simulator.Role{ecsRole("ecs:ListTasks", "ecs:DescribeClusters")},
		Detectors: []*simulator.Detector{{Region: enabled, ChangedAt: changed}},
		Clusters:  []*simulator.Cluster{unhealthy("ledger", "Unidentified issue, for tasks in TaskDefinition - 'ledger:1'")},
	})
	return w
}

// TestGoldenPageWithECS compares the page of a target with ecs. Without it, the
// coverage of the same world is the same.
func TestGoldenPageWithECS(t *testing.T) {
	t.Parallel()
	e := start(t, ecsWorld(), withECS)
	for _, account := range []string{home, member} {
		e.untilMetric(`guardduty_ecs_account_up{account_id="` + account + `",region="us-east-1",target="default"} 1`)
		e.until("all clusters of "+account, func() bool {
			return strings.Contains(e.metrics(), `guardduty_ecs_account_last_success_timestamp_seconds{account_id="`+account)
		})
	}
	e.untilMetric(`guardduty_ecs_account_up{account_id="444455556666",region="us-east-1",target="default"} 0`)
	e.untilMetric(`guardduty_ecs_cluster_listed{account_id="444455556666",cluster_name="ledger",region="us-east-1"} 1`)
	page := domainPage(e.metrics())
	checkGoldenPage(t, "ecs", page, e)
	if strings.Contains(e.log.String(), "an-external-id-of-ecs") {
		t.Errorf("the log has the external ID:\n%s", e.log)
	}

	configWithout, _, _ := strings.Cut(withECS, "    ecs:")
	off := start(t, ecsWorld(), configWithout)
	off.untilReady()
	without := domainPage(off.metrics())
	for line := range strings.Lines(page) {
		isECS := false
		for _, prefix := range []string{"guardduty_ecs_account_", "guardduty_ecs_service_", "guardduty_ecs_cluster_tasks", "guardduty_ecs_cluster_listed", "guardduty_ecs_cluster_tags_info"} {
			isECS = isECS || strings.Contains(line, prefix)
		}
		if strings.Contains(without, line) == isECS {
			t.Errorf("in a page without ecs, %v: %s", !isECS, line)
		}
	}
}
