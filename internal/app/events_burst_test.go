package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// untilEmpty waits until nothing is left in the queue.
func (e *exporter) untilEmpty() {
	e.t.Helper()
	e.until("all messages are deleted", func() bool {
		visible, inFlight := e.aws.QueueDepth(home, "us-east-1", "coverage")
		return visible+inFlight == 0
	})
}

// The events of 101 changes of one cluster within a second, each newer than the
// one before, cost one call.
func TestBurstOfOneCluster(t *testing.T) {
	t.Parallel()
	const burst = 101 // odd, so that the last status differs from the first
	w := homeWorld(healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	e := start(t, w, "aws: {requests_per_second: 1000}\nrefresh: {interval: 1h, timeout: 10s, max_staleness: 3h}\n"+ // not the limit
		"targets: [{name: home, regions: [us-east-1]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	e.untilMetric(webHealthy + "1")
	before, begin := e.calls("ListCoverage"), time.Now().Add(-burst*time.Second)
	for i := range burst {
		e.aws.Update(func(w *simulator.World) {
			c := w.Accounts[0].Cluster("us-east-1", "web")
			c.Status, c.UpdatedAt = []string{"UNHEALTHY", "HEALTHY"}[i%2], begin.Add(time.Duration(i)*time.Second)
		})
		if i%10 == 9 { // the last change must not be read too early
			e.until("the messages are received", func() bool {
				visible, _ := e.aws.QueueDepth(home, "us-east-1", "coverage")
				return visible == 0
			})
		}
	}
	e.untilEmpty()
	if calls := e.calls("ListCoverage") - before; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	e.untilMetric(fmt.Sprintf("guardduty_exporter_events_applied_total %d", burst))
	e.untilMetric(webHealthy + "0")
}

// webUnhealthy returns the event of the cluster web becoming unhealthy.
func webUnhealthy(id int, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"%d","detail-type":"GuardDuty Runtime Protection Unhealthy","source":"aws.guardduty",
		"account":%q,"time":%q,"region":"us-east-1","resources":[],"detail":{"schemaVersion":"1.0","resourceAccountId":%q,
		"currentStatus":"UNHEALTHY","previousStatus":"HEALTHY","resourceDetails":{"resourceType":"ECS",
		"ecsClusterDetails":{"clusterName":"web"}},"issue":"","lastUpdatedAt":%d}}`,
		id, home, at.Format(time.RFC3339), home, at.UnixMilli())
}

// Events of 51 clusters are one refresh of the target, which lists them all on
// two pages, after its statistics.
func TestBurstOfManyClusters(t *testing.T) {
	t.Parallel()
	const burst = 51
	w := homeWorld()
	for i := range burst {
		w.Accounts[0].Clusters = append(w.Accounts[0].Clusters, healthy(fmt.Sprintf("cluster-%02d", i)))
	}
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	e := start(t, w, "refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}\ntargets: [{name: home, regions: [us-east-1]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	e.untilReady()
	e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="cluster-50",region="us-east-1"} 1`)
	lists, statistics := e.calls("ListCoverage"), e.calls("GetCoverageStatistics")
	e.aws.Update(func(w *simulator.World) {
		for _, c := range w.Accounts[0].Clusters {
			c.Status, c.UpdatedAt = "UNHEALTHY", time.Now()
		}
	})
	e.untilMetric("guardduty_exporter_events_applied_total 51")
	e.untilEmpty()
	if n := e.calls("GetCoverageStatistics") - statistics; n != statistics {
		t.Errorf("%d more reads of the statistics, want the %d of one refresh", n, statistics)
	}
	if n := e.calls("ListCoverage") - lists; n != lists {
		t.Errorf("%d more listings, want the %d of one refresh", n, lists)
	}
	e.untilMetric(`guardduty_coverage_percent{account_id="111122223333",region="us-east-1",resource_type="ECS"} 0`)
}

// The event arrives before ListCoverage has the change.
func TestEventBeforeTheRow(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.NoEvents)
	e.untilMetric(webHealthy + "1")
	before := e.calls("ListCoverage")
	e.send(webUnhealthy(0, time.Now().Add(-time.Second)))
	e.until("the row is read too early", func() bool { return e.calls("ListCoverage") == before+1 })
	e.until("the message is released", func() bool { return e.calls("ChangeMessageVisibilityBatch") == 1 })
	e.setWebStatus("UNHEALTHY")
	e.untilMetric("guardduty_exporter_events_applied_total 1")
	e.untilMetric(webHealthy + "0")
	e.untilMetric(`guardduty_exporter_events_discarded_total{reason="behind"} 0`)
	e.untilEmpty()
}

// A cluster that becomes UNHEALTHY and HEALTHY again has two transitions.
func TestTransitionsOfAClusterThatRecovers(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.Direct)
	e.untilMetric(webHealthy + "1")
	transitions := `guardduty_coverage_transitions_total{account_id="111122223333",coverage_status=%q,region="us-east-1"} 1`
	for _, change := range []struct{ status, shown string }{{"UNHEALTHY", "0"}, {"HEALTHY", "1"}} {
		e.setWebStatus(change.status)
		e.untilMetric(webHealthy + change.shown)
		e.untilMetric(fmt.Sprintf(transitions, change.status))
	}
	e.untilMetric(fmt.Sprintf(transitions, "UNHEALTHY"))
	e.untilMetric("guardduty_exporter_events_applied_total 2")
}
