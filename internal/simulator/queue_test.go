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

// queueAt is the address of a queue of the administrator.
func queueAt(name string) queue.Address {
	return queue.Address{AccountID: administrator, Region: region, Name: name}
}

// queueWorld is smallWorld, whose administrator has a queue with a dead-letter
// queue, one that anyone may use and one elsewhere.
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
		{Name: "blind", Deny: []string{"sqs:ReceiveMessage"}},
		{Name: "keeper", Deny: []string{"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}},
	}
	return w
}

// clock is a time that tests move by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time       { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// box is a queue as a client sees it. Its methods fail the test where the call
// fails.
type box struct {
	t      *testing.T
	client *sqs.Client
	url    string
}

func openBox(t *testing.T, url, name string) box {
	return box{t: t, client: sqs.NewFromConfig(awsConfig(url, administrator)), url: queueAt(name).URL(url)}
}

func (b box) send(bodies ...string) {
	b.t.Helper()
	for _, body := range bodies {
		if _, err := b.client.SendMessage(b.t.Context(), &sqs.SendMessageInput{QueueUrl: &b.url, MessageBody: &body}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// receive receives up to ten messages without waiting.
func (b box) receive() []types.Message {
	b.t.Helper()
	out, err := b.client.ReceiveMessage(b.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &b.url, MaxNumberOfMessages: 10,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Messages
}

func (b box) delete(m types.Message) error {
	_, err := b.client.DeleteMessage(b.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &b.url, ReceiptHandle: m.ReceiptHandle})
	return err
}

func (b box) hide(m types.Message, seconds int32) error {
	_, err := b.client.ChangeMessageVisibility(b.t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &b.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
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
