package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// eventWorld starts an exporter of homeWorld with a queue for its events. It
// refreshes once an hour, so that earlier changes come from events.
func eventWorld(t *testing.T, format simulator.EventFormat) *exporter {
	t.Helper()
	w := homeWorld(healthy("api"), healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{
		{Region: "us-east-1", Name: "coverage", Events: format, Observed: format == simulator.SNS, DeadLetter: "dead", MaxReceives: 10},
		{Region: "us-east-1", Name: "dead"},
	}
	return start(t, w, "refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}\ntargets: [{name: home, regions: [us-east-1]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
}

func TestChangeIsExportedWithinTwoSeconds(t *testing.T) {
	for name, format := range map[string]simulator.EventFormat{"direct": simulator.Direct, "through SNS": simulator.SNS} {
		t.Run(name, func(t *testing.T) {
			e := eventWorld(t, format)
			e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="web",region="us-east-1"} 1`)
			before := e.calls("ListCoverage")
			changed := time.Now()
			e.aws.Update(func(w *simulator.World) {
				c := w.Accounts[0].Cluster("us-east-1", "web")
				c.Status, c.UpdatedAt, c.Issues = "UNHEALTHY", time.Now(), []string{"Agent not reporting"}
			})
			e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="web",region="us-east-1"} 0`)
			if took := time.Since(changed); took > 2*time.Second {
				t.Errorf("the change was exported after %v", took)
			}
			for _, line := range []string{
				`guardduty_coverage_percent{account_id="111122223333",region="us-east-1",resource_type="ECS"} 50`,
				`guardduty_ecs_cluster_issues{account_id="111122223333",cluster_name="web",issue_type="agent_not_reporting",region="us-east-1"} 1`,
				`guardduty_coverage_transitions_total{account_id="111122223333",coverage_status="UNHEALTHY",region="us-east-1"} 1`,
				`guardduty_exporter_events_applied_total 1`,
				`guardduty_exporter_event_lag_seconds_count 1`,
			} {
				e.untilMetric(line)
			}
			if calls := e.calls("ListCoverage") - before; calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
			e.until("the message is deleted", func() bool { return e.calls("DeleteMessageBatch") == 1 })
		})
	}
}

func TestDiscardedEvents(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.NoEvents)
	e.untilReady()
	page := domainPage(e.metrics())
	event := func(account, region, cluster string, at time.Time) string {
		return fmt.Sprintf(`{"version":"0","id":%q,"detail-type":"GuardDuty Runtime Protection Healthy","source":"aws.guardduty",
			"account":%q,"time":%q,"region":%q,"resources":[],"detail":{"schemaVersion":"1.0","resourceAccountId":%q,"currentStatus":"HEALTHY",
			"previousStatus":"UNHEALTHY","resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":%q}},"issue":"","lastUpdatedAt":%d}}`,
			cluster+region+account, account, at.UTC().Format(time.RFC3339), region, account, cluster, at.UnixMilli())
	}
	then := healthy("web").UpdatedAt
	for reason, message := range map[string]string{
		"duplicate":       event("111122223333", "us-east-1", "web", then),
		"outdated":        event("111122223333", "us-east-1", "api", then.Add(-time.Hour)),
		"no_target":       event("111122223333", "eu-west-1", "web", then),
		"unknown_account": event("999999999999", "us-east-1", "web", then),
		"filtered":        strings.Replace(strings.Replace(event("111122223333", "us-east-1", "k8s", then), "ecsCluster", "eksCluster", 1), `"ECS"`, `"EKS"`, 1),
		"foreign":         `{"version":"0","id":"f","detail-type":"GuardDuty Finding","source":"aws.guardduty","account":"111122223333","time":"2026-03-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{}}`,
		"malformed":       `{"version":"0","detail-type":"GuardDuty Runtime Protection Healthy"}`,
	} {
		before := e.calls("ListCoverage")
		e.send(message)
		e.untilMetric(fmt.Sprintf("guardduty_exporter_events_discarded_total{reason=%q} 1", reason))
		if calls := e.calls("ListCoverage") - before; calls != 0 {
			t.Errorf("%s: %d calls", reason, calls)
		}
	}
	if after := domainPage(e.metrics()); after != page {
		t.Errorf("the page has changed from\n%s\nto\n%s", page, after)
	}
	e.until("all but the malformed one are deleted", func() bool {
		visible, inFlight := e.aws.QueueDepth("111122223333", "us-east-1", "coverage")
		return visible+inFlight == 1
	})
}

// TestRefreshWithoutEvents has a queue without events.
func TestRefreshWithoutEvents(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("api"), healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.NoEvents}}
	e := start(t, w, "refresh: {interval: 2s, timeout: 1s, max_staleness: 3h}\ntargets: [{name: home, regions: [us-east-1]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	e.untilMetric(webHealthy + "1")
	e.untilMetric(fmt.Sprintf("guardduty_event_queue_up{queue=%q} 1", e.queueURL()))
	e.setWebStatus("UNHEALTHY")
	e.untilMetric(webHealthy + "0")
	e.aws.Update(func(w *simulator.World) { w.Accounts[0].RemoveCluster("us-east-1", "api") })
	e.until("the deleted cluster is gone", func() bool { return !strings.Contains(e.metrics(), `cluster_name="api"`) })
	e.untilMetric("guardduty_exporter_events_applied_total 0")
}

// TestQueueThatFails has a queue that does not exist for a time. It does not
// affect the target.
func TestQueueThatFails(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.Direct)
	e.untilReady()
	up := fmt.Sprintf("guardduty_event_queue_up{queue=%q}", e.queueURL())
	e.untilMetric(up + " 1")
	e.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if call.Service != "sqs" {
			return false
		}
		w.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`))
		return true
	})
	e.send("{}") // ends the long poll
	e.untilMetric(up + " 0")
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="home"} 1`)
	e.aws.SetIntercept(nil)
	e.untilMetric(up + " 1")
}

func (e *exporter) queueURL() string { return e.endpoint + "/111122223333/coverage" }

func (e *exporter) send(message string) {
	e.t.Helper()
	if _, err := e.aws.Send("111122223333", "us-east-1", "coverage", message); err != nil {
		e.t.Fatal(err)
	}
}

func TestReloadRemovesQueues(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.Direct)
	e.untilReady()
	e.untilMetric(fmt.Sprintf("guardduty_event_queue_up{queue=%q} 1", e.queueURL()))
	e.setConfig("targets: [{name: home, regions: [us-east-1]}]\n")
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatal(status, body)
	}
	if page := e.metrics(); strings.Contains(page, "\nguardduty_event_queue_up{") {
		t.Error("the metric of a removed queue is exported")
	}
}
