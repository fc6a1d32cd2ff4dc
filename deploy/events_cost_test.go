package deploy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

const (
	pollsPerMinute = 3
	// freeRequests of an account in a month: https://aws.amazon.com/sqs/pricing/ (read November 2026).
	freeRequests = 1_000_000
)

// queueFleet is an example in docs/cost.md: the queues of all replicas.
type queueFleet struct {
	name   string
	queues int
}

func exampleQueues() []queueFleet {
	return []queueFleet{
		{"One replica, one Region", 1},
		{"One replica, 3 Regions", 3},
		{"2 replicas, 3 Regions", 6},
		{"2 replicas, 17 Regions", 34},
	}
}

// row returns the row of the queues in the table.
func (f queueFleet) row() string {
	requests := capacity.QueueRequests(f.queues)
	dollars := func(charged int) string {
		return fmt.Sprintf("$%.2f", float64(max(0, charged))/1e6*capacity.DollarsPerMillion)
	}
	return fmt.Sprintf("| %s | %d | %s | %s | %s |\n",
		f.name, f.queues, capacity.Thousands(requests), dollars(requests), dollars(requests-freeRequests))
}

func TestCostOfQueues(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Replicas and Regions | Queues | Requests per month without events | Price of them | With what is free |\n")
	table.WriteString("|---|---|---|---|---|\n")
	for _, f := range exampleQueues() {
		table.WriteString(f.row())
	}
	t.Logf("\n%s", table.String())
	if !strings.Contains(string(read(t, "../docs/cost.md")), "\n"+table.String()+"\n") {
		t.Errorf("docs/cost.md does not contain this table:\n%s", table.String())
	}
}

// entry is an entry of a batch, in the request and in the response.
type entry struct {
	ID string `json:"Id"`
}

// sqsCalls is the transport of an SQS client. It serves a queue with these messages, waits as long as requested, and
// counts calls by operation.
type sqsCalls struct {
	mu       sync.Mutex
	messages []map[string]any
	calls    map[string]int
}

func (s *sqsCalls) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in struct {
		MaxNumberOfMessages int
		WaitTimeSeconds     int
		Entries             []entry
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	answer := map[string]any{}
	switch messages := s.take(operation, in.MaxNumberOfMessages); {
	case operation == "DeleteMessageBatch":
		answer["Successful"] = in.Entries
	case len(messages) > 0:
		answer["Messages"] = messages
	default:
		select {
		case <-time.After(time.Duration(in.WaitTimeSeconds) * time.Second):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(bytes.NewReader(encoded)), Request: r,
	}, nil
}

// take counts a call and returns the messages that it receives.
func (s *sqsCalls) take(operation string, limit int) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	n := min(len(s.messages), limit)
	taken := s.messages[:n]
	s.messages = s.messages[n:]
	return taken
}

// consume receives from the queue for that long, in fake time, and returns the number of calls by operation.
func consume(t *testing.T, d time.Duration, messages []map[string]any) map[string]int {
	t.Helper()
	queue := &sqsCalls{messages: messages, calls: map[string]int{}}
	consumer := events.New(events.Options{
		Apply:   func(context.Context, coverage.Event) (coverage.Outcome, error) { return coverage.Applied, nil },
		Metrics: events.NewMetrics(nil),
		Logger:  slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	consumer.Set(ctx, []events.Queue{{
		URL: "https://sqs.us-east-1.amazonaws.com/111122223333/guardduty-coverage-events-1", Key: 1,
		Config: aws.Config{
			Region: "us-east-1", HTTPClient: queue,
			Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "example", ""),
		},
	}})
	consumer.Wait()
	return queue.calls
}

// An empty queue gets as many requests in a hundred hours of fake time as docs/cost.md states.
func TestRequestsOfAQueue(t *testing.T) {
	t.Parallel()
	const hours = 100
	synctest.Test(t, func(t *testing.T) {
		calls := consume(t, hours*time.Hour, nil)
		want := hours * 60 * pollsPerMinute
		if n := calls["ReceiveMessage"]; len(calls) != 1 || n < want || n > want+2 { // the first one does not wait
			t.Errorf("calls in %d hours: %v, want %d ReceiveMessage", hours, calls, want)
		}
	})
}

// A burst of events is received and deleted ten at a time.
func TestRequestsOfEvents(t *testing.T) {
	const burst = 100
	var messages []map[string]any
	for i := range burst {
		messages = append(messages, map[string]any{
			"MessageId": fmt.Sprint(i), "ReceiptHandle": fmt.Sprint(i), "Body": sampleEvents()["unhealthy"],
			"Attributes": map[string]string{"ApproximateReceiveCount": "1"},
		})
	}
	synctest.Test(t, func(t *testing.T) {
		calls := consume(t, 10*time.Second, messages)
		if calls["ReceiveMessage"] > burst/10+2 || calls["DeleteMessageBatch"] > burst/10+1 || len(calls) != 2 {
			t.Errorf("calls for %d events: %v, want a tenth of each and the polls after", burst, calls)
		}
	})
}
