package faulttest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

const (
	eventQueue = "Event queue"
	queueName  = "coverage"

	maxMessageBytes = 1 << 20
)

// queueCases are about the queue with change notifications.
func queueCases() []testCase {
	return []testCase{
		{
			group: eventQueue, name: "a repeated event", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			setup: addQueue, after: checkQueue,
			begin:  sendMessages(50, func(int) string { return event("cluster-00000", "Healthy", baseTime) }),
			during: wantDiscarded("duplicate", 50),
		},
		{
			group: eventQueue, name: "old events after new ones", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			setup: addQueue, after: checkQueue,
			begin: sendMessages(50, func(i int) string {
				return event("cluster-00000", "Unhealthy", baseTime.Add(-time.Duration(i+1)*time.Minute))
			}),
			during: wantDiscarded("outdated", 50),
		},
		{
			group: eventQueue, name: "an event before the filtered index of ListCoverage has the change", state: coverage.OK,
			skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), setup: addQueue, after: checkQueue,
			begin: func(h *harness) func() {
				h.aws.Update(func(w *simulator.World) { w.FilteredIndex = []*simulator.Account{{ID: subjectAccount}} })
				h.send(event("cluster-00000", "Unhealthy", baseTime.Add(time.Minute)))
				return func() { h.aws.Update(func(w *simulator.World) { w.FilteredIndex = nil }) }
			},
			during: func(h *harness) {
				if n := h.value("guardduty_exporter_events_received_total"); n == 0 {
					h.Error("no event was received")
				}
				for _, p := range h.pages {
					if _, ok := p.series[clusterSeries("cluster-00000")]; !ok && p.state(subject()) == coverage.OK {
						h.Errorf("the page of %s lacks the cluster", p.requested.Format(clockTime))
					}
				}
			},
		},
		{
			group: eventQueue, name: "malformed messages", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			setup: addQueue, after: checkQueue,
			begin:  sendMessages(20, func(i int) string { return fmt.Sprintf("{%d poison", i) }),
			during: wantDiscarded("malformed", 20),
		},
		{
			group: eventQueue, name: "messages of 1 MiB", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true,
			setup: addQueue, after: checkQueue,
			begin:  sendMessages(12, func(i int) string { return fmt.Sprint(i) + strings.Repeat(`"`, maxMessageBytes-2) }),
			during: wantDiscarded("malformed", 12),
		},
		{
			group: eventQueue, name: "other types of events", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			setup: addQueue, after: checkQueue, begin: sendMessages(50, foreignEvent), during: wantDiscarded("foreign", 50),
		},
		{
			group: eventQueue, name: "deletes that fail", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			setup: addQueue, after: checkQueue, during: func(h *harness) { h.wantQueueUp(0) },
			begin: func(h *harness) func() {
				end := respond(callsTo("sqs", homeAccount, "DeleteMessageBatch"), errorResponse(500, "InternalError", "Try again."))(h)
				h.send(event("cluster-00000", "Healthy", baseTime))
				return func() {
					end()
					h.send(event("cluster-00003", "Healthy", baseTime)) // so that another delete follows
				}
			},
		},
		{
			group: eventQueue, name: "AccessDenied for ReceiveMessage", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			setup: addQueue, after: checkQueue, during: func(h *harness) { h.wantQueueUp(0) },
			begin: denyReceive,
		},
		{
			group: eventQueue, name: "a visibility timeout that expires", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			setup: addQueue, after: checkQueue, begin: visibilityTimeoutExpires,
		},
		{
			group: eventQueue, name: "a deleted queue", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			setup: addQueue, after: checkQueue, during: func(h *harness) { h.wantQueueUp(0) },
			begin: updateWorld(
				func(w *simulator.World) { w.Account(homeAccount).Queues = nil },
				func(w *simulator.World) { w.Account(homeAccount).Queues = queues() },
			),
		},
	}
}

// addQueue adds a queue in the exporter's account that receives the events of
// all changes.
func addQueue(h *harness) {
	h.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Queues = queues() })
	h.configure(h.yaml + fmt.Sprintf("events: [{queue_url: %q, region: %s}]\n", queueURL(h), healthyRegion))
}

// checkQueue checks that events are received again.
func checkQueue(h *harness) {
	h.wantQueueUp(1)
	duplicates := h.value(`guardduty_exporter_events_discarded_total{reason="duplicate"}`)
	h.send(event("cluster-00000", "Healthy", baseTime))
	wantDiscarded("duplicate", duplicates+1)(h)
}

func queues() []*simulator.Queue {
	return []*simulator.Queue{{Region: healthyRegion, Name: queueName, Events: simulator.Direct, Observed: true}}
}

func queueURL(h *harness) string {
	return queue.Address{AccountID: homeAccount, Region: healthyRegion, Name: queueName}.URL(h.server.URL)
}

// wantDiscarded waits until n events have been discarded for a reason.
func wantDiscarded(reason string, n int) func(*harness) {
	return func(h *harness) {
		h.Helper()
		h.waitFor(fmt.Sprintf("%d events discarded as %s", n, reason), 20*time.Second, func(page) bool {
			return h.value(fmt.Sprintf("guardduty_exporter_events_discarded_total{reason=%q}", reason)) >= n
		})
	}
}

func (h *harness) wantQueueUp(up int) {
	h.Helper()
	h.waitFor(fmt.Sprintf("guardduty_event_queue_up %d", up), 20*time.Second, func(page) bool {
		return h.value(fmt.Sprintf("guardduty_event_queue_up{queue=%q}", queueURL(h))) == up
	})
}

// send sends messages to the queue.
func (h *harness) send(messages ...string) {
	for _, m := range messages {
		if _, err := h.aws.Send(homeAccount, healthyRegion, queueName, m); err != nil {
			h.Error(err)
		}
	}
}

// sendMessages returns a fault of n messages.
func sendMessages(n int, message func(i int) string) func(*harness) func() {
	return func(h *harness) func() {
		for i := range n {
			h.send(message(i))
		}
		return func() {}
	}
}

// event returns an event, as documented, for a cluster of the subject.
func event(cluster, status string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"%s-%d","detail-type":"GuardDuty Runtime Protection %s","source":"aws.guardduty","account":%q,`+
		`"time":%q,"region":%q,"resources":[],"detail":{"schemaVersion":"1.0","resourceAccountId":%q,"currentStatus":%q,"previousStatus":"",`+
		`"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":%q}},"issue":"","lastUpdatedAt":%d}}`,
		cluster, at.UnixMilli(), status, homeAccount, at.UTC().Format(time.RFC3339), faultRegion, subjectAccount, status, cluster, at.UnixMilli())
}

// foreignEvent returns an event that is not about coverage.
func foreignEvent(i int) string {
	return fmt.Sprintf(`{"version":"0","id":"finding-%d","detail-type":"GuardDuty Finding","source":"aws.guardduty","account":%q,"time":%q,`+
		`"region":%q,"resources":[],"detail":{"service":{"additionalInfo":{"mail":%q}}}}`,
		i, homeAccount, baseTime.Format(time.RFC3339), faultRegion, canaryEmail)
}

// denyReceive denies ReceiveMessage after it has worked. Messages end the calls
// that wait for one.
func denyReceive(h *harness) func() {
	h.send(event("cluster-00000", "Healthy", baseTime))
	h.wantQueueUp(1)
	end := respond(callsTo("sqs", homeAccount, "ReceiveMessage"), accessDeniedBySQS)(h)
	h.send(event("cluster-00003", "Healthy", baseTime))
	return end
}

// visibilityTimeoutExpires delays the read that an event causes until the
// message is received a second time.
func visibilityTimeoutExpires(h *harness) func() {
	received := func() int { return h.value("guardduty_exporter_events_received_total") }
	called, respond := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	h.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if callsOf(subject(), "ListCoverage")(c, r) && len(filterValues(r, "ECS_CLUSTER_NAME")) > 0 && held.CompareAndSwap(false, true) {
			close(called)
			select {
			case <-respond:
			case <-r.Context().Done():
			}
		}
		return false
	})
	h.send(event("cluster-00002", "Unhealthy", baseTime.Add(time.Minute))) // newer than the row
	<-called
	h.setClock(3 * time.Minute)                         // beyond the visibility timeout, within the tolerance of signatures
	h.send(event("cluster-00000", "Healthy", baseTime)) // ends the call that waits for messages
	for began := time.Now(); received() < 3 && time.Since(began) < 20*time.Second; {
		h.wait(50 * time.Millisecond)
	}
	if n := received(); n != 3 {
		h.Errorf("%d messages were received, want two and the first one again", n)
	}
	for _, call := range h.aws.Calls() {
		if call.Operation == "ChangeMessageVisibilityBatch" {
			h.Error("a message was released while it was handled")
		}
	}
	close(respond)
	return func() {
		h.setClock(0)
		h.aws.SetIntercept(nil)
	}
}
