package events_test

import (
	"context"
	"errors"
	"fmt"
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

// equal compares what was found with what was expected.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEventIsAppliedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.set(b.queue(usual))
		b.pass(10 * time.Second) // within a long poll
		b.send(usual, event("shop"))
		b.pass(10 * time.Millisecond)
		equal(t, "looked at", []string{"shop"}, b.looked())
		b.wantDepth(usual, 0, 1) // not deleted before others may have joined
		b.pass(200 * time.Millisecond)
		b.wantDepth(usual, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 1, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

func TestVerdicts(t *testing.T) {
	for _, v := range coverage.Outcomes() {
		if v == coverage.Applied || v == coverage.Behind {
			continue
		}
		t.Run(string(v), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.judgeBy(always(v))
				b.send(usual, event("shop"))
				b.set(b.queue(usual))
				b.pass(time.Hour)
				b.wantDepth(usual, 0, 0)
				equal(t, "metrics", map[string]float64{
					"received_total": 1, "discarded_total " + string(v): 1, "event_queue_up coverage": 1,
				}, b.values())
			})
		})
	}
}

// TestEventsOfTheSimulator reads the events that the simulator makes of a
// change, in every form.
func TestEventsOfTheSimulator(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.server.Update(func(w *simulator.World) {
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
		b.judgeBy(func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			changes = append(changes, c)
			return coverage.Applied, nil
		})
		b.set(b.queue("documented"), b.queue("observed"), b.queue("documented-sns"), b.queue("observed-sns"))
		b.pass(time.Minute)
		changed := time.Now().Add(-5 * time.Minute).UTC().Truncate(time.Millisecond)
		b.server.Update(func(w *simulator.World) {
			a := w.Accounts[0]
			a.Clusters = []*simulator.Cluster{{Region: region, Name: "shop", UpdatedAt: changed}}
			a.Instances = []*simulator.Instance{{Region: region, ID: "i-0123456789abcdef0", UpdatedAt: changed}}
			a.EKSClusters = []*simulator.EKSCluster{{Region: region, Name: "kube", UpdatedAt: changed}}
		})
		b.pass(time.Minute)
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

func TestDuplicatesAndDisorder(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		known := map[string]coverage.Status{}
		b.judgeBy(func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
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
			b.send(usual, body)
			b.set(b.queue(usual))
			b.pass(time.Second)
		}
		b.wantDepth(usual, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "discarded_total duplicate": 2, "discarded_total outdated": 1,
			"event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

func TestForeignEventsAreDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.send(usual, `{"detail-type":"GuardDuty Finding","detail":{}}`)
		b.send(usual, viaSNS(`{"detail-type":"AWS API Call via CloudTrail","detail":{}}`))
		b.set(b.queue(usual))
		b.pass(time.Hour)
		b.wantDepth(usual, 0, 0)
		equal(t, "looked at", []string(nil), b.looked())
		equal(t, "metrics", map[string]float64{
			"received_total": 2, "discarded_total foreign": 2, "event_queue_up coverage": 1,
		}, b.values())
	})
}

// TestPoison holds that messages which cannot be read go to the dead-letter
// queue, are counted and told of once, and keep no other waiting.
func TestPoison(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		var bodies []string
		for _, body := range mangled() {
			if body != "" && !strings.ContainsRune(body, 0) { // SQS takes neither
				bodies = append(bodies, body)
			}
		}
		var want []string
		for _, body := range bodies {
			want = append(want, "event cannot be read and is left in its queue "+b.send(usual, body))
		}
		b.send(usual, event("shop"))
		b.set(b.queue(usual))
		b.pass(time.Second)
		equal(t, "looked at", []string{"shop"}, b.looked())
		b.wantDepth(usual, 0, len(bodies))
		b.pass(time.Hour)
		b.wantDepth(usual, 0, 0)
		b.wantDepth(deadLetter, len(bodies), 0)

		var got []string
		for _, l := range b.said() {
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
		}, b.values())
	})
}

func TestBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(always(coverage.Behind))
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(time.Hour)
		b.wantDepth(usual, 0, 0)
		b.wantDepth(deadLetter, 0, 0)
		var pauses []time.Duration
		for i, l := range b.looks[1:] {
			pauses = append(pauses, (l.after - b.looks[i].after).Round(time.Second))
		}
		equal(t, "pauses between looks", []time.Duration{2e9, 5e9, 15e9, 30e9, 60e9}, pauses)
		equal(t, "metrics", map[string]float64{
			"received_total": 6, "discarded_total behind": 1, "event_queue_up coverage": 1,
		}, b.values())
	})
}

func TestBehindForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(always(coverage.Behind))
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(10 * time.Second)
		b.judgeBy(always(coverage.Applied))
		b.pass(time.Minute)
		b.wantDepth(usual, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 4, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

// TestLookFails holds that an event outlives the failure of a target that is
// shorter than what the queue allows it.
func TestLookFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(func(context.Context, coverage.Event) (coverage.Outcome, error) { return "", errors.New("denied") })
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(7*time.Minute + 30*time.Second)
		if n := len(b.looked()); n != 8 {
			t.Errorf("looked at %d times in 7.5 minutes, want once a minute", n)
		}
		b.wantDepth(usual, 0, 1)
		b.judgeBy(always(coverage.Applied))
		b.pass(time.Minute)
		b.wantDepth(usual, 0, 0)
		b.wantDepth(deadLetter, 0, 0)
		equal(t, "metrics", map[string]float64{
			"received_total": 9, "applied_total": 1, "event_queue_up coverage": 1, "exporter_event_lag_seconds": 1,
		}, b.values())
	})
}

func TestLag(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.judgeBy(after(3*time.Second, always(coverage.Applied)))
		b.set(b.queue(usual))
		b.pass(time.Minute)
		b.send(usual, event("shop"))
		b.pass(10 * time.Second)
		later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // by another clock
		b.send(usual, strings.Replace(documented, "2026-08-03T07:58:16Z", later, 1))
		b.send(usual, strings.Replace(documented, "2026-08-03T07:58:16Z", "", 1))
		b.pass(10 * time.Second)
		for _, f := range gather(t, b.metrics) {
			if h := f.GetMetric()[0].GetHistogram(); h != nil && (h.GetSampleCount() != 2 || math.Abs(h.GetSampleSum()-3) > 0.01) {
				t.Errorf("%d lags of %v in sum, want those of 3 s and of 0", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	})
}

// TestManyEvents holds the bound of looks at a time, and that few calls settle
// many messages.
func TestManyEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		const messages = 1500
		var now, most int
		b.judgeBy(func(ctx context.Context, c coverage.Event) (coverage.Outcome, error) {
			b.mu.Lock()
			now++
			most = max(most, now)
			b.mu.Unlock()
			defer func() {
				b.mu.Lock()
				now--
				b.mu.Unlock()
			}()
			return after(40*time.Second, always(coverage.Applied))(ctx, c)
		})
		for i := range messages {
			b.send(usual, event(fmt.Sprint(i)))
		}
		b.set(b.queue(usual))
		b.pass(5 * time.Minute)
		b.wantDepth(usual, 0, 0)
		if most != 1000 {
			t.Errorf("%d looks at a time, want 1000", most)
		}
		if n := b.calls("DeleteMessageBatch"); n > messages/10+10 {
			t.Errorf("%d calls deleted %d messages", n, messages)
		}
		if got := b.values(); got["received_total"] != messages || got["applied_total"] != messages {
			t.Errorf("metrics: %v", got)
		}
	})
}
