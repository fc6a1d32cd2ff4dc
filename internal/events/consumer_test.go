package events_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// equal compares two values with cmp.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEventIsApplied(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.set(h.queue(mainQueue))
		h.advance(10 * time.Second) // within a long poll
		h.send(mainQueue, event("shop"))
		h.advance(10 * time.Millisecond)
		equal(t, "handled", []string{"shop"}, h.handled())
		h.wantDepth(mainQueue, 0, 1) // deleted after ackDelay
		h.advance(200 * time.Millisecond)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 1, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

func TestOutcomes(t *testing.T) {
	for _, o := range coverage.Outcomes() {
		if o == coverage.Applied || o == coverage.Behind {
			continue
		}
		t.Run(string(o), func(t *testing.T) {
			withHarness(t, func(t *testing.T, h *harness) {
				h.onApply(returns(o))
				h.send(mainQueue, event("shop"))
				h.set(h.queue(mainQueue))
				h.advance(time.Hour)
				h.wantDepth(mainQueue, 0, 0)
				equal(t, "metrics", map[string]float64{
					"received_total": 1, "discarded_total " + string(o): 1, "event_queue_up coverage": 1,
				}, h.values())
			})
		})
	}
}

// TestSimulatorEvents decodes the events that the simulator sends, in every
// format.
func TestSimulatorEvents(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.server.Update(func(w *simulator.World) {
			a := w.Accounts[0]
			a.Detectors = []*simulator.Detector{{Region: region}}
			for _, q := range []*simulator.Queue{
				{Name: "documented", Events: simulator.Direct},
				{Name: "observed", Events: simulator.Direct, Observed: true},
				{Name: "documented-sns", Events: simulator.SNS},
				{Name: "observed-sns", Events: simulator.SNS, Observed: true},
			} {
				q.Region = region
				a.Queues = append(a.Queues, q)
			}
		})
		var changes []coverage.Event
		h.onApply(func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			changes = append(changes, c)
			return coverage.Applied, nil
		})
		h.set(h.queue("documented"), h.queue("observed"), h.queue("documented-sns"), h.queue("observed-sns"))
		h.advance(time.Minute)
		changed := time.Now().Add(-5 * time.Minute).UTC().Truncate(time.Millisecond)
		h.server.Update(func(w *simulator.World) {
			a := w.Accounts[0]
			a.Clusters = []*simulator.Cluster{{Region: region, Name: "shop", UpdatedAt: changed}}
			a.Instances = []*simulator.Instance{{Region: region, ID: "i-0123456789abcdef0", UpdatedAt: changed}}
			a.EKSClusters = []*simulator.EKSCluster{{Region: region, Name: "kube", UpdatedAt: changed}}
		})
		h.advance(time.Minute)
		want := map[coverage.Event]int{}
		for _, k := range []coverage.Key{key(coverage.ECS, "shop"), key(coverage.EC2, "i-0123456789abcdef0"), key(coverage.EKS, "kube")} {
			want[coverage.Event{Key: k, Status: coverage.Healthy, UpdatedAt: changed}] = 4
		}
		got := map[coverage.Event]int{}
		for _, c := range changes {
			got[c]++
		}
		equal(t, "changes", want, got)
	})
}

func TestDuplicatesOutOfOrder(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		known := map[string]coverage.Status{}
		h.onApply(func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			switch known[c.Name] {
			case c.Status:
				return coverage.Duplicate, nil
			case "":
				known[c.Name] = c.Status
				return coverage.Applied, nil
			}
			return coverage.Outdated, nil
		})
		newest := event("shop")
		for _, body := range []string{newest, newest, viaSNS(newest), strings.Replace(newest, `"currentStatus":"UNHEALTHY"`, `"currentStatus":"HEALTHY"`, 1)} {
			h.send(mainQueue, body)
			h.set(h.queue(mainQueue))
			h.advance(time.Second)
		}
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "discarded_total duplicate": 2, "discarded_total outdated": 1,
			"event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

func TestForeignEventsAreDeleted(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.send(mainQueue, `{"detail-type":"GuardDuty Finding","detail":{}}`)
		h.send(mainQueue, viaSNS(`{"detail-type":"AWS API Call via CloudTrail","detail":{}}`))
		h.set(h.queue(mainQueue))
		h.advance(time.Hour)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "handled", []string(nil), h.handled())
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "discarded_total foreign": 2, "event_queue_up coverage": 1,
		}, h.values())
	})
}

// TestMalformedMessages checks that malformed messages reach the dead-letter
// queue, are counted and logged once, and delay no other message.
func TestMalformedMessages(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		var bodies []string
		for _, body := range malformedEvents() {
			if body != "" && !strings.ContainsRune(body, 0) { // SQS rejects both
				bodies = append(bodies, body)
			}
		}
		var want []string
		for _, body := range bodies {
			want = append(want, "malformed event left in queue "+h.send(mainQueue, body))
		}
		h.send(mainQueue, event("shop"))
		h.set(h.queue(mainQueue))
		h.advance(time.Second)
		equal(t, "handled", []string{"shop"}, h.handled())
		h.wantDepth(mainQueue, 0, len(bodies))
		h.advance(time.Hour)
		h.wantDepth(mainQueue, 0, 0)
		h.wantDepth(deadLetter, len(bodies), 0)

		var got []string
		for _, l := range h.logged() {
			if l.Level == slog.LevelWarn {
				got = append(got, l.Text)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		equal(t, "warnings", want, got)
		equal(t, "metrics", map[string]float64{
			"received_total": float64(10*len(bodies) + 1), "applied_total": 1, "discarded_total malformed": float64(len(bodies)),
			"event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

func TestBehind(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(returns(coverage.Behind))
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(time.Hour)
		h.wantDepth(mainQueue, 0, 0)
		h.wantDepth(deadLetter, 0, 0)
		var pauses []time.Duration
		for i, c := range h.calls[1:] {
			pauses = append(pauses, (c.after - h.calls[i].after).Round(time.Second))
		}
		equal(t, "pauses", []time.Duration{2e9, 5e9, 15e9, 30e9, 60e9}, pauses)
		equal(t, "metrics", map[string]float64{
			"received_total": 6, "discarded_total behind": 1, "event_queue_up coverage": 1,
		}, h.values())
	})
}

func TestBehindAtFirst(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(returns(coverage.Behind))
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(10 * time.Second)
		h.onApply(returns(coverage.Applied))
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

// TestApplyFails checks that an event is retried until its target recovers.
func TestApplyFails(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(func(context.Context, coverage.Event) (coverage.Outcome, error) { return "", errors.New("denied") })
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(7*time.Minute + 30*time.Second)
		if n := len(h.handled()); n != 8 {
			t.Errorf("applied %d times in 7.5 minutes, want once a minute", n)
		}
		h.wantDepth(mainQueue, 0, 1)
		h.onApply(returns(coverage.Applied))
		h.advance(time.Minute)
		h.wantDepth(mainQueue, 0, 0)
		h.wantDepth(deadLetter, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 9, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, h.values())
	})
}

func TestLag(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.onApply(delayed(3*time.Second, returns(coverage.Applied)))
		h.set(h.queue(mainQueue))
		h.advance(time.Minute)
		h.send(mainQueue, event("shop"))
		h.advance(10 * time.Second)
		later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // by a wrong clock
		h.send(mainQueue, strings.Replace(documented, "2026-08-03T07:58:16Z", later, 1))
		h.send(mainQueue, strings.Replace(documented, "2026-08-03T07:58:16Z", "", 1))
		h.advance(10 * time.Second)
		for _, f := range gather(t, h.metrics) {
			if h := f.GetMetric()[0].GetHistogram(); h != nil && (h.GetSampleCount() != 2 || math.Abs(h.GetSampleSum()-3) > 0.01) {
				t.Errorf("%d lags with the sum %v, want two with the sum 3 s", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	})
}
