package app

import (
	"fmt"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// twoQueues starts an exporter with a queue of its own account and one of another
// account and Region, with a role that requires an external ID.
func twoQueues(t *testing.T, externalID string) *exporter {
	t.Helper()
	w := homeWorld(healthy("web"))
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage"}}
	w.Accounts = append(w.Accounts, &simulator.Account{
		ID:     member,
		Roles:  []*simulator.Role{{Name: "read-events", ExternalID: "an-external-id"}},
		Queues: []*simulator.Queue{{Region: "eu-west-1", Name: "coverage"}},
	})
	return start(t, w, `refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}
targets: [{name: home, regions: [us-east-1]}]
events:
  - {queue_url: http://simulator/111122223333/coverage, region: us-east-1}
  - queue_url: http://simulator/222233334444/coverage
    region: eu-west-1
    role_arn: arn:aws:iam::222233334444:role/read-events
    external_id: `+externalID+"\n")
}

// untilQueues waits for both queues to be up or not.
func (e *exporter) untilQueues(own, other int) {
	e.t.Helper()
	e.untilMetric(fmt.Sprintf("guardduty_event_queue_up{queue=%q} %d", e.queueURL(), own))
	e.untilMetric(fmt.Sprintf("guardduty_event_queue_up{queue=%q} %d", e.endpoint+"/222233334444/coverage", other))
}

func TestQueueOfAnotherAccountAndRegion(t *testing.T) {
	t.Parallel()
	e := twoQueues(t, "an-external-id")
	e.untilQueues(1, 1)
	received := map[string]bool{}
	for _, c := range e.aws.Calls() {
		if c.Operation == "ReceiveMessage" {
			received[c.AccountID+" "+c.Region+" "+c.Role] = true
		}
	}
	if !received["222233334444 eu-west-1 read-events"] || !received["111122223333 us-east-1 "] || len(received) != 2 {
		t.Errorf("messages were received by %v", received)
	}
}

func TestQueueWithADeniedRole(t *testing.T) {
	t.Parallel()
	e := twoQueues(t, "another-external-id")
	e.untilQueues(1, 0)
	e.send("{}") // ends the long poll
	e.untilMetric("guardduty_exporter_events_received_total 1")
	e.untilQueues(1, 0)
}
