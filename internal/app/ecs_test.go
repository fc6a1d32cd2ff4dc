package app

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestOffWithoutECS: a configuration without ecs has no goroutine and no series of
// ECS. It is not parallel: it looks at the goroutines of the process.
func TestOffWithoutECS(t *testing.T) {
	e := start(t, administratorWorld(), ambient)
	e.untilReady()
	stacks := make([]byte, 1<<20)
	if all := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(all, "/internal/ecs.") {
		t.Errorf("a goroutine reads ECS:\n%s", all)
	}
	page := e.metrics()
	for _, text := range []string{"guardduty_ecs_account_", "guardduty_ecs_service_", "guardduty_ecs_cluster_tasks", "guardduty_ecs_cluster_tags_info", "guardduty_ecs_cluster_listed", `aws_service="ECS"`} {
		if strings.Contains(page, text) {
			t.Errorf("the page has %s:\n%s", text, page)
		}
	}
}

// TestECSThatFailsDoesNotAffectCoverage: while no role can be assumed, coverage is
// as before, and the external ID is not shown.
func TestECSThatFailsDoesNotAffectCoverage(t *testing.T) {
	t.Parallel()
	const secret = "external-id-of-ecs"
	e := start(t, administratorWorld(), ambient+`
    ecs: {role_arn: "arn:aws:iam::{account_id}:role/missing", external_id: `+secret+`, tags: [team]}
`)
	e.untilMetric(`guardduty_ecs_account_up{account_id="222233334444",region="us-east-1",target="default"} 0`)
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="default"} 1`)
	e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="222233334444",cluster_name="payments",region="us-east-1"} 0`)
	e.untilMetric(`guardduty_ecs_service_cause_info{account_id="222233334444",cause="denied",certainty="unknown",cluster_name="payments",region="us-east-1",service_name="",who="security"} 1`)
	page := e.metrics()
	for _, text := range []string{"guardduty_ecs_account_last_success_timestamp_seconds", "guardduty_ecs_cluster_tasks", "guardduty_ecs_cluster_tags_info"} {
		if strings.Contains(page, text) {
			t.Errorf("the page has %s:\n%s", text, page)
		}
	}
	if err := e.stop(); err != nil {
		t.Error(err)
	}
	if log := e.log.String(); strings.Contains(log+page, secret) || !strings.Contains(log, "reading ECS of an account failed") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestTagsOfTwoTargets: the labels of a cluster do not depend on which of two
// targets has read it last.
func TestTagsOfTwoTargets(t *testing.T) {
	t.Parallel()
	for _, tags := range [][2]string{{"team", "cost-center"}, {"cost-center", "team"}} {
		e := start(t, ecsWorld(), ambient+"    ecs: {role_arn: 'arn:aws:iam::{account_id}:role/guardduty-coverage-ecs', external_id: an-external-id-of-ecs, tags: ["+
			tags[0]+"]}\n"+memberTarget+"    ecs: {tags: ["+tags[1]+"]}\n")
		for _, target := range []string{"default", "member"} {
			e.untilMetric(`guardduty_ecs_account_up{account_id="222233334444",region="us-east-1",target="` + target + `"} 1`)
		}
		e.untilMetric(`guardduty_ecs_cluster_tags_info{account_id="222233334444",cluster_name="shop",region="us-east-1",tag_cost_center="4711",tag_team="storefront"} 1`)
	}
}

// TestReloadOfECS: ecs starts and ends with the configuration.
func TestReloadOfECS(t *testing.T) {
	t.Parallel()
	const on = ambient + "    ecs: {role_arn: 'arn:aws:iam::{account_id}:role/missing'}\n"
	e := start(t, administratorWorld(), ambient)
	e.untilReady()
	reload := func(yaml string) {
		t.Helper()
		e.setConfig(yaml)
		if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Fatalf("reload: %d %s", status, body)
		}
	}
	lists := e.calls("ListCoverage")
	const down = `guardduty_ecs_account_up{account_id="222233334444",region="us-east-1",target="default"} 0`
	reload(on)
	e.untilMetric(down)
	attempts := e.calls("AssumeRole")
	reload(on)
	if page := e.metrics(); !strings.Contains(page, "\n"+down+"\n") {
		t.Errorf("a reload without a change dropped the data:\n%s", page)
	}
	if n := e.calls("AssumeRole"); n != attempts {
		t.Errorf("a reload without a change began %d reads", n-attempts)
	}
	reload(ambient)
	e.until("the data is dropped", func() bool { return !strings.Contains(e.metrics(), "guardduty_ecs_account_up") })
	if n := e.calls("ListCoverage"); n != lists {
		t.Errorf("%d more listings of the unchanged target", n-lists)
	}
}

// TestShutdownWhileECSIsRead has an ECS that does not respond.
func TestShutdownWhileECSIsRead(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	aws := simulator.New(administratorWorld(), simulator.Options{})
	aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if c.Service != "ecs" {
			return false
		}
		asked <- struct{}{}
		<-r.Context().Done()
		return true
	})
	e := startWith(t, aws, ambient+"    ecs: {}\n")
	<-asked
	e.untilReady()
	if err := e.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestChangedClusterIsReadAtOnce: a new deployment changes GuardDuty's row, and the
// next refresh makes the exporter read the cluster long before the interval ends.
func TestChangedClusterIsReadAtOnce(t *testing.T) {
	t.Parallel()
	e := start(t, ecsWorld(), "refresh: {interval: 2s, timeout: 1s, max_staleness: 1h}\n"+withECS)
	const (
		missing = `guardduty_ecs_cluster_tasks{account_id="222233334444",agent="missing",cluster_name="shop",region="us-east-1"} `
		cause   = `cause="deployment_older_than_monitoring",certainty="strong",cluster_name="shop"`
	)
	e.untilMetric(missing + "3")
	if page := e.metrics(); !strings.Contains(page, cause) {
		t.Errorf("no %s:\n%s", cause, page)
	}
	e.aws.Update(func(w *simulator.World) {
		shop := w.Account(member).Cluster("us-east-1", "shop")
		shop.UpdatedAt = then.Add(2 * time.Hour)
		shop.Service("orders").DeployedAt = shop.UpdatedAt
		for _, task := range shop.Tasks {
			if task.Service == "orders" {
				task.CreatedAt, task.Agent = shop.UpdatedAt, &simulator.Container{}
			}
		}
	})
	e.untilMetric(missing + "1")
	if page := e.metrics(); strings.Contains(page, cause) {
		t.Errorf("still %s:\n%s", cause, page)
	}
	e.untilMetric(`guardduty_ecs_cluster_unhealthy_since_timestamp_seconds{account_id="222233334444",cluster_name="shop",region="us-east-1"} 1.79353620025e+09`)
}
