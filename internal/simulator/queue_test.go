package simulator_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

const (
	queueName = "coverage"
	deadName  = "coverage-dead"
)

// queueAt returns the address of a queue of the administrator.
func queueAt(name string) queue.Address {
	return queue.Address{AccountID: administrator, Region: region, Name: name}
}

// queueWorld is smallWorld, whose administrator has a queue with a dead-letter
// queue, one that every account may use and one in another Region.
func queueWorld() *simulator.World {
	w := smallWorld()
	a := w.Account(administrator)
	a.Queues = []*simulator.Queue{
		{Region: region, Name: queueName, DeadLetter: deadName, MaxReceives: 2},
		{Region: region, Name: deadName},
		{Region: region, Name: "open", AnyCaller: true},
		{Region: "eu-west-1", Name: "elsewhere"},
	}
	a.Roles = []*simulator.Role{
		{Name: "no-receive", Deny: []string{"sqs:ReceiveMessage"}},
		{Name: "no-delete", Deny: []string{"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}},
	}
	return w
}

// clock is a clock that tests advance.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

// queueClient is a client of one queue. Methods without an error result fail the
// test if the call fails.
type queueClient struct {
	t      *testing.T
	client *sqs.Client
	url    string
}

func openQueue(t *testing.T, url, name string) queueClient {
	return queueClient{t: t, client: sqs.NewFromConfig(awsConfig(url, administrator)), url: queueAt(name).URL(url)}
}

func (q queueClient) send(bodies ...string) {
	q.t.Helper()
	for _, body := range bodies {
		if _, err := q.client.SendMessage(q.t.Context(), &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body}); err != nil {
			q.t.Fatal(err)
		}
	}
}

// receive receives up to ten messages without waiting.
func (q queueClient) receive() []types.Message {
	q.t.Helper()
	out, err := q.client.ReceiveMessage(q.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		q.t.Fatal(err)
	}
	return out.Messages
}

func (q queueClient) delete(m types.Message) error {
	_, err := q.client.DeleteMessage(q.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle})
	return err
}

func (q queueClient) changeVisibility(m types.Message, seconds int32) error {
	_, err := q.client.ChangeMessageVisibility(q.t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	})
	return err
}

func bodiesOf(messages []types.Message) []string {
	bodies := []string{}
	for _, m := range messages {
		bodies = append(bodies, *m.Body)
	}
	return bodies
}

func checkBodies(t *testing.T, got []types.Message, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), bodiesOf(got)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func checkDepth(t *testing.T, s *simulator.Server, name string, visible, inFlight int) {
	t.Helper()
	if v, f := s.QueueDepth(administrator, region, name); v != visible || f != inFlight {
		t.Errorf("%s has %d visible messages and %d in flight, want %d and %d", name, v, f, visible, inFlight)
	}
}
