package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
	"github.com/prometheus/client_golang/prometheus"
)

// TestSimulatorOverTCP runs over TCP and in real time, unlike the tests in
// synctest bubbles.
func TestSimulatorOverTCP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(simulator.New(&simulator.World{Accounts: []*simulator.Account{{
		ID: account, Keys: simulator.Keys{AccessKeyID: keyID, SecretAccessKey: secret},
		Queues: []*simulator.Queue{{Region: region, Name: mainQueue}},
	}}}, simulator.Options{}))
	t.Cleanup(server.Close)
	testQueue(t, server.URL, queue.Address{AccountID: account, Region: region, Name: mainQueue}.URL(server.URL), nil)
}

func configOf(t *testing.T, base string) aws.Config {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: region, BaseEndpoint: &base, HTTPClient: &http.Client{Transport: transport, Timeout: 40 * time.Second},
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	}
}

// testQueue sends every kind of message to an empty queue and checks the results.
// publish, if not nil, sends through SNS.
func testQueue(t *testing.T, base, queueURL string, publish func(body string)) {
	t.Helper()
	cfg := configOf(t, base)
	client := sqs.NewFromConfig(cfg)
	send := func(body string) {
		t.Helper()
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	if publish == nil {
		publish = func(body string) { send(viaSNS(body)) }
	}

	var mu sync.Mutex
	handled := map[string]int{}
	metrics := prometheus.NewPedanticRegistry()
	ctx, stop := context.WithCancel(t.Context())
	consumer := events.New(events.Options{
		Apply: func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			handled[c.Name]++
			if c.Name == "behind" && handled[c.Name] == 1 {
				return coverage.Behind, nil
			}
			return coverage.Applied, nil
		},
		Metrics: events.NewMetrics(metrics), Logger: slog.New(slog.DiscardHandler),
	})
	defer consumer.Wait()
	defer stop()
	consumer.Set(ctx, []events.Queue{{URL: queueURL, Config: cfg}})

	want := map[string]int{"behind": 2, "through SNS": 1}
	send(event("behind"))
	publish(event("through SNS"))
	send(`{"detail-type":"GuardDuty Finding","detail":{}}`)
	send("not an event")
	for i := range 30 {
		name := fmt.Sprintf("cluster %d & <b>“é”</b>", i)
		want[name] = 1
		send(event(name))
	}
	eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(handled) == len(want) && handled["behind"] == 2
	})
	eventually(t, func() bool {
		names := []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		}
		out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: names})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes[string(names[0])] == "0" && out.Attributes[string(names[1])] == "1" // the malformed one
	})
	mu.Lock()
	equal(t, "handled", want, handled)
	mu.Unlock()
	var values []float64
	for _, f := range gather(t, metrics) {
		if slices.Contains([]string{"guardduty_exporter_events_applied_total", "guardduty_event_queue_up"}, f.GetName()) {
			values = append(values, f.GetMetric()[0].GetCounter().GetValue()+f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	equal(t, "up and applied", []float64{1, 32}, values)
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); !done(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("not within 20 seconds")
		}
	}
}
