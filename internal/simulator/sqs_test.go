package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestVisibility(t *testing.T) {
	c := &clock{time.Now()}
	begin := c.now
	s, url := serve(t, queueWorld(), simulator.Options{Now: c.Now})
	queue := openQueue(t, url, queueName)
	queue.send("one", `<two> & "two"`)
	first := queue.receive()
	checkBodies(t, first, "one", `<two> & "two"`)
	checkDepth(t, s, queueName, 0, 2)
	c.advance(30*time.Second - time.Nanosecond)
	checkBodies(t, queue.receive())
	if err := queue.delete(first[1]); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Nanosecond)
	checkDepth(t, s, queueName, 1, 0)

	again := queue.receive()
	checkBodies(t, again, "one")
	if *again[0].MessageId != *first[0].MessageId || *again[0].ReceiptHandle == *first[0].ReceiptHandle {
		t.Errorf("the message was received as %+v, then as %+v", first[0], again[0])
	}
	user := again[0].Attributes["SenderId"]
	want := map[string]string{
		"ApproximateReceiveCount": "2", "SenderId": user,
		"SentTimestamp":                    strconv.FormatInt(begin.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(begin.UnixMilli(), 10),
	}
	if diff := cmp.Diff(want, again[0].Attributes); diff != "" || !strings.HasPrefix(user, "AIDA") {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestStaleReceipts(t *testing.T) {
	c := &clock{time.Now()}
	s, url := serve(t, queueWorld(), simulator.Options{Now: c.Now})
	queue := openQueue(t, url, "open") // without redrive
	queue.send("one")
	first := queue.receive()[0]
	c.advance(time.Minute)
	if err := queue.changeVisibility(first, 60); err != nil {
		t.Errorf("visibility of a message that is visible again: %v", err)
	}
	checkDepth(t, s, "open", 1, 0)
	second := queue.receive()[0]
	if err := queue.delete(first); err != nil {
		t.Errorf("deleting with an old receipt handle: %v", err)
	}
	if code := errorCode(t, queue.changeVisibility(first, 0)); code != "InvalidParameterValue" {
		t.Errorf("visibility with an old receipt handle: %s", code)
	}
	checkDepth(t, s, "open", 0, 1)

	if err := queue.changeVisibility(second, 0); err != nil {
		t.Error(err)
	}
	checkDepth(t, s, "open", 1, 0)
	if err := queue.delete(second); err != nil { // visible, but not received again
		t.Error(err)
	}
	checkDepth(t, s, "open", 0, 0)
	if err := queue.delete(second); err != nil {
		t.Errorf("deleting twice: %v", err)
	}
	if code := errorCode(t, queue.changeVisibility(second, 0)); code != "InvalidParameterValue" {
		t.Errorf("visibility of a deleted message: %s", code)
	}
}

func TestTotalVisibilityTimeoutIsLimited(t *testing.T) {
	c := &clock{time.Now()}
	s, url := serve(t, queueWorld(), simulator.Options{Now: c.Now})
	queue := openQueue(t, url, "open")
	queue.send("one")
	m := queue.receive()[0]
	c.advance(time.Second)
	if code := errorCode(t, queue.changeVisibility(m, 43200)); code != "InvalidParameterValue" {
		t.Errorf("error is %s", code)
	}
	if err := queue.changeVisibility(m, 43199); err != nil {
		t.Error(err)
	}
	c.advance(43198 * time.Second)
	checkDepth(t, s, "open", 0, 1)
	c.advance(time.Second)
	checkDepth(t, s, "open", 1, 0)
}

func TestRetention(t *testing.T) {
	c := &clock{time.Now()}
	s, url := serve(t, queueWorld(), simulator.Options{Now: c.Now})
	openQueue(t, url, queueName).send("one")
	c.advance(4 * 24 * time.Hour)
	checkDepth(t, s, queueName, 1, 0)
	c.advance(time.Nanosecond)
	checkDepth(t, s, queueName, 0, 0)
	got := rawCall{
		method: http.MethodPost, path: "/", service: "sqs", body: fmt.Sprintf(`{"QueueUrl":%q}`, queueAt(queueName).URL(url)),
		signedAt: c.now, modify: func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage") },
	}.do(t, url)
	if got.body != "{}" {
		t.Errorf("received %+v", got)
	}
}

func TestRedrive(t *testing.T) {
	c := &clock{time.Now()}
	s, url := serve(t, queueWorld(), simulator.Options{Now: c.Now})
	queue, dead := openQueue(t, url, queueName), openQueue(t, url, deadName)
	queue.send("poison", "good")
	for range 2 {
		messages := queue.receive()
		checkBodies(t, messages[:1], "poison")
		if len(messages) > 1 {
			if err := queue.delete(messages[1]); err != nil {
				t.Fatal(err)
			}
		}
		c.advance(time.Minute)
	}
	checkBodies(t, queue.receive())
	checkDepth(t, s, queueName, 0, 0)
	got := dead.receive()
	checkBodies(t, got, "poison")
	if a := got[0].Attributes; a["ApproximateReceiveCount"] != "3" || a["DeadLetterQueueSourceArn"] != "arn:aws:sqs:us-east-1:"+administrator+":"+queueName {
		t.Errorf("the dead letter's attributes are %v", a)
	}
	// A dead letter stays in its queue.
	s.Update(func(w *simulator.World) {
		q := w.Account(administrator).Queue(region, deadName)
		q.DeadLetter, q.MaxReceives = queueName, 1
	})
	c.advance(time.Minute)
	checkBodies(t, dead.receive(), "poison")
	// Without its dead-letter queue, a queue keeps its messages.
	s.Update(func(w *simulator.World) { w.Account(administrator).Queue(region, queueName).DeadLetter = "none" })
	queue.send("poison")
	for range 3 {
		m := queue.receive()
		checkBodies(t, m, "poison")
		if err := queue.changeVisibility(m[0], 0); err != nil {
			t.Error(err)
		}
	}
}

func TestBatches(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	queue.send("one", "two", "three")
	got := queue.receive()
	deleted, err := queue.client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: &queue.url, Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle},
			{Id: aws.String("b"), ReceiptHandle: aws.String("made up")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(deleted.Successful) != 1 || *deleted.Successful[0].Id != "a" || len(deleted.Failed) != 1 {
		t.Fatalf("results are %+v and %+v", deleted.Successful, deleted.Failed)
	}
	if f := deleted.Failed[0]; *f.Id != "b" || *f.Code != "ReceiptHandleIsInvalid" || !f.SenderFault || *f.Message == "" {
		t.Errorf("failed entry is %+v", f)
	}
	checkDepth(t, s, queueName, 0, 2)
	changed, err := queue.client.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &queue.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 10},
			{Id: aws.String("b"), ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: 43201},
			{Id: aws.String("c"), ReceiptHandle: got[2].ReceiptHandle, VisibilityTimeout: 0},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	for _, f := range changed.Failed {
		failed[*f.Id] = *f.Code
	}
	if diff := cmp.Diff(map[string]string{"a": "InvalidParameterValue", "b": "InvalidParameterValue"}, failed); diff != "" {
		t.Errorf("failed entries (-want +got):\n%s", diff)
	}
	checkDepth(t, s, queueName, 1, 1)
	checkBodies(t, queue.receive(), "three")
}

// Messages of the maximum length are not truncated, even when every byte is
// escaped, and one response has ten of them.
func TestLongMessages(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	long := strings.Repeat("a", 1<<20)
	for range 9 {
		if _, err := s.Send(administrator, region, queueName, long); err != nil {
			t.Fatal(err)
		}
	}
	escaped := strings.Repeat("<", 1<<20)
	queue.send(escaped)
	if got := bodiesOf(queue.receive()); !slices.Equal(got, append(slices.Repeat([]string{long}, 9), escaped)) {
		t.Errorf("%d messages received", len(got))
	}
}

func TestQueueAttributes(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	queue.send("one", "two", "three")
	if _, err := queue.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue.url}); err != nil {
		t.Fatal(err)
	}
	s.Update(func(w *simulator.World) {
		w.Account(administrator).Queue(region, queueName).VisibilityTimeout = 7 * time.Minute
	})
	get := func(names ...types.QueueAttributeName) (map[string]string, error) {
		out, err := queue.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue.url, AttributeNames: names})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	got, err := get("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "VisibilityTimeout", "RedrivePolicy", "Policy")
	want := map[string]string{
		"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1", "VisibilityTimeout": "420",
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:` + administrator + `:coverage-dead","maxReceiveCount":2}`,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := get("All"); err != nil || len(got) != 10 || got["MaximumMessageSize"] != "1048576" {
		t.Errorf("all attributes are %v, %v", got, err)
	}
	if got, err := get(); err != nil || len(got) != 0 {
		t.Errorf("no attribute requested: %v, %v", got, err)
	}
	if _, err := get("Bogus"); errorCode(t, err) != "InvalidAttributeName" {
		t.Errorf("an unknown attribute: %v", err)
	}
}
