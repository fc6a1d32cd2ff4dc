package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const webHealthy = `guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="web",region="us-east-1"} `

func (e *exporter) setWebStatus(status string) {
	e.aws.Update(func(w *simulator.World) {
		c := w.Accounts[0].Cluster("us-east-1", "web")
		c.Status, c.UpdatedAt = status, time.Now()
	})
}

// shownWithin reports whether the metrics contain a line before a time has passed.
func (e *exporter) shownWithin(d time.Duration, line string) bool {
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		if strings.Contains(e.metrics(), "\n"+line+"\n") {
			return true
		}
		<-time.After(20 * time.Millisecond)
	}
	return false
}

// After a reload without changes, events are still handled.
func TestChangeAfterAReload(t *testing.T) {
	t.Parallel()
	e := eventWorld(t, simulator.Direct)
	e.untilMetric(webHealthy + "1")
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatal(status, body)
	}
	e.setWebStatus("UNHEALTHY")
	if !e.shownWithin(4*time.Second, webHealthy+"0") {
		t.Errorf("not exported within 4 s of a reload")
		for l := range strings.Lines(e.log.String()) {
			if strings.Contains(l, "read again") || strings.Contains(l, "event handled") {
				t.Log(l)
			}
		}
	}
}

// The targets of listed Regions get new clients when the Regions are listed again.
func TestChangeAfterAReloadOfAllRegions(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	e := start(t, w, "refresh: {interval: 8s, timeout: 4s, max_staleness: 3h}\ntargets: [{name: home, regions: [all]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	e.untilMetric(webHealthy + "1")
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatal(status, body)
	}
	status := "HEALTHY"
	for range 2 {
		<-time.After(2500 * time.Millisecond)
		status = map[string]string{"HEALTHY": "UNHEALTHY", "UNHEALTHY": "HEALTHY"}[status]
		e.setWebStatus(status)
	}
	for l := range strings.Lines(e.log.String()) {
		if strings.Contains(l, "partial read of target failed") {
			t.Error(l)
		}
	}
}

// Messages wait in the queue when the exporter starts and lists its Regions.
func TestWaitingMessagesWithAllRegions(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	aws := simulator.New(w, simulator.Options{})
	aws.Update(func(w *simulator.World) {
		c := w.Accounts[0].Cluster("us-east-1", "web")
		c.Status, c.UpdatedAt = "UNHEALTHY", time.Now()
	})
	aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, _ *http.Request) bool {
		if call.Operation == "ListRegions" {
			<-time.After(300 * time.Millisecond) // latency
		}
		return false
	})
	e := startWith(t, aws, "targets: [{name: home, regions: [all]}]\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	e.untilMetric(webHealthy + "0")
	if strings.Contains(e.metrics(), "\n"+`guardduty_exporter_events_discarded_total{reason="no_target"} 1`+"\n") {
		t.Error("an event of a Region with a target was discarded as no_target")
	}
}

// Two targets of one account filter by management type.
func TestTwoTargetsOfOneAccount(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("web"))
	w.Accounts[0].Clusters[0].ManagementType = "MANUAL"
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	e := start(t, w, `refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}
targets:
  - {name: a, regions: [us-east-1], filter: {management_type: {equals: [AUTO_MANAGED]}}}
  - {name: b, regions: [us-east-1], filter: {management_type: {equals: [MANUAL]}}}
events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]
`)
	e.untilMetric(webHealthy + "1")
	e.untilReady()
	e.setWebStatus("UNHEALTHY")
	e.untilMetric("guardduty_exporter_events_applied_total 1")
	if !strings.Contains(e.metrics(), "\n"+webHealthy+"0\n") {
		t.Error("the event counts as applied, but the change is not exported")
	}
}
