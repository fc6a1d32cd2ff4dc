package faulttest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

const (
	eventQueue = "Event queue"
	queueName  = "coverage"
	maxMessage = 1 << 20 // bytes
)

// eventRows are about the queue that change notifications come in.
func eventRows() []row {
	return []row{
		queued("an event delivered many times", sent(50, repeatedEvent)).with(func(r *row) {
			r.also = func(r *rig) { r.wantEvents(`discarded_total{reason="duplicate"}`, 50) }
		}).stands(),
		queued("old events after new ones", sent(50, oldEvent)).with(func(r *row) {
			r.also = func(r *rig) { r.wantEvents(`discarded_total{reason="outdated"}`, 50) }
		}),
		queued("messages that are no events", sent(20, func(i int) string { return fmt.Sprintf("{%d poison", i) })).with(func(r *row) {
			r.also = func(r *rig) { r.wantEvents(`discarded_total{reason="malformed"}`, 20) }
		}).stands(),
		queued("messages of 1 MiB", sent(12, func(i int) string { return fmt.Sprint(i) + strings.Repeat(`"`, maxMessage-2) })).with(func(r *row) {
			r.pace, r.heavy = ample(), true
			r.also = func(r *rig) { r.wantEvents(`discarded_total{reason="malformed"}`, 12) }
		}),
		queued("events of another type", sent(50, foreignEvent)).with(func(r *row) {
			r.also = func(r *rig) { r.wantEvents(`discarded_total{reason="foreign"}`, 50) }
		}),
		queued("deletes that fail", deletesFail).with(func(r *row) {
			r.also = func(r *rig) { r.wantQueueUp(0) }
		}),
		queued("AccessDenied on ReceiveMessage", receivesDenied).with(func(r *row) {
			r.also = func(r *rig) { r.wantQueueUp(0) }
		}),
		queued("a visibility timeout that runs out", visibilityRunsOut),
		queued("a queue that is gone", queueGone).with(func(r *row) {
			r.also = func(r *rig) { r.wantQueueUp(0) }
		}).stands(),
	}
}

// queued is a row of an exporter with a queue in its own account, in which
// the events of all changes come.
func queued(name string, begin func(*rig) func()) row {
	return bears(eventQueue, name, begin).with(func(r *row) {
		r.arrange = func(r *rig) {
			r.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Queues = theQueue() })
			r.configure(r.yaml + fmt.Sprintf("events: [{queue_url: %q, region: %s}]\n", queueURL(r), sibling))
		}
		r.after = func(r *rig) {
			r.wantQueueUp(1)
			seen := r.number(`guardduty_exporter_events_discarded_total{reason="duplicate"}`)
			r.send(event("cluster-00000", "Healthy", then))
			r.wantEvents(`discarded_total{reason="duplicate"}`, seen+1)
		}
	})
}

func theQueue() []*simulator.Queue {
	return []*simulator.Queue{{Region: sibling, Name: queueName, Events: simulator.Direct, Observed: true}}
}

func queueURL(r *rig) string {
	return queue.Address{AccountID: homeAccount, Region: sibling, Name: queueName}.URL(r.server.URL)
}

// wantEvents waits until so many events are counted.
func (r *rig) wantEvents(counter string, n int) {
	r.Helper()
	r.until(fmt.Sprintf("%d of %s", n, counter), 20*time.Second, func(page) bool {
		return r.number("guardduty_exporter_events_"+counter) >= n
	})
}

func (r *rig) wantQueueUp(up int) {
	r.Helper()
	r.until(fmt.Sprintf("the queue's up is %d", up), 20*time.Second, func(page) bool {
		return r.number(fmt.Sprintf("guardduty_event_queue_up{queue=%q}", queueURL(r))) == up
	})
}

// send sends messages to the queue.
func (r *rig) send(messages ...string) {
	for _, m := range messages {
		if _, err := r.aws.Send(homeAccount, sibling, queueName, m); err != nil {
			r.Error(err)
		}
	}
}

// sent is a fault of so many messages.
func sent(n int, message func(i int) string) func(*rig) func() {
	return func(r *rig) func() {
		for i := range n {
			r.send(message(i))
		}
		return func() {}
	}
}

// event is about a cluster of near's, in the documented form.
func event(cluster, status string, at time.Time) string {
	return fmt.Sprintf(`{"version":"0","id":"%s-%d","detail-type":"GuardDuty Runtime Protection %s","source":"aws.guardduty","account":%q,`+
		`"time":%q,"region":%q,"resources":[],"detail":{"schemaVersion":"1.0","resourceAccountId":%q,"currentStatus":%q,"previousStatus":"",`+
		`"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":%q}},"issue":"","lastUpdatedAt":%d}}`,
		cluster, at.UnixMilli(), status, homeAccount, at.UTC().Format(time.RFC3339), faulty, nearAccount, status, cluster, at.UnixMilli())
}

func foreignEvent(i int) string {
	return fmt.Sprintf(`{"version":"0","id":"finding-%d","detail-type":"GuardDuty Finding","source":"aws.guardduty","account":%q,"time":%q,`+
		`"region":%q,"resources":[],"detail":{"service":{"additionalInfo":{"mail":%q}}}}`,
		i, homeAccount, then.Format(time.RFC3339), faulty, canaryMail)
}

func repeatedEvent(int) string { return event("cluster-00000", "Healthy", then) }

func oldEvent(i int) string {
	return event("cluster-00000", "Unhealthy", then.Add(-time.Duration(i+1)*time.Minute))
}

func deletesFail(r *rig) func() {
	mend := answered(called("sqs", homeAccount, "DeleteMessageBatch"), refusal(500, "InternalError", "Try again."))(r)
	r.send(event("cluster-00000", "Healthy", then))
	return func() {
		mend()
		r.send(event("cluster-00003", "Healthy", then)) // so that there is one more to delete
	}
}

// receivesDenied refuses what has worked. A message ends each call that waits
// for one.
func receivesDenied(r *rig) func() {
	r.send(event("cluster-00000", "Healthy", then))
	r.wantQueueUp(1)
	mend := answered(called("sqs", homeAccount, "ReceiveMessage"), deniedBySQS)(r)
	r.send(event("cluster-00003", "Healthy", then))
	return mend
}

// visibilityRunsOut keeps the exporter waiting for the one call that an event
// costs, until the message comes a second time.
func visibilityRunsOut(r *rig) func() {
	received := func() int { return r.number("guardduty_exporter_events_received_total") }
	asked, answer := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	r.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, req *http.Request) bool {
		if of(near(), "ListCoverage")(c) && len(criterion(req, "ECS_CLUSTER_NAME")) > 0 && held.CompareAndSwap(false, true) {
			close(asked)
			select {
			case <-answer:
			case <-req.Context().Done():
			}
		}
		return false
	})
	r.send(event("cluster-00002", "Unhealthy", then.Add(time.Minute))) // the row lags behind it
	<-asked
	r.clock.set(3 * time.Minute)                    // longer than the message is hidden, and within what a signature may be off
	r.send(event("cluster-00000", "Healthy", then)) // ends the call that waits for messages
	for begun := time.Now(); received() < 3 && time.Since(begun) < 20*time.Second; {
		r.wait(50 * time.Millisecond)
	}
	if n := received(); n != 3 {
		r.Errorf("%d messages were received, want the two, and the first again", n)
	}
	for _, call := range r.aws.Calls() {
		if call.Operation == "ChangeMessageVisibilityBatch" {
			r.Error("a message was handed back while it was looked at")
		}
	}
	close(answer)
	return func() {
		r.clock.set(0)
		r.aws.SetIntercept(nil)
	}
}

func queueGone(r *rig) func() {
	set := func(queues []*simulator.Queue) {
		r.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Queues = queues })
	}
	set(nil)
	return func() { set(theQueue()) }
}
