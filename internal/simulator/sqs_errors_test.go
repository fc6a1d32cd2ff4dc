package simulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestRefusedBatches(t *testing.T) {
	_, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{nil, "AWS.SimpleQueueService.EmptyBatchRequest"},
		{strings.Split("0123456789a", ""), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"},
		{[]string{"a", "b", "a"}, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"},
		{[]string{"a:b"}, "AWS.SimpleQueueService.InvalidBatchEntryId"},
		{[]string{strings.Repeat("a", 81)}, "AWS.SimpleQueueService.InvalidBatchEntryId"},
	} {
		entries := []types.DeleteMessageBatchRequestEntry{}
		for _, id := range c.ids {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(id), ReceiptHandle: aws.String("r")})
		}
		_, err := queue.client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &queue.url, Entries: entries})
		if code := errorCode(t, err); code != c.want {
			t.Errorf("%q: %s, want %s", c.ids, code, c.want)
		}
	}
}

func TestRefusedValues(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	queue.send("one")
	for _, c := range []struct {
		in   sqs.ReceiveMessageInput
		want string
	}{
		{sqs.ReceiveMessageInput{MaxNumberOfMessages: 11}, "InvalidParameterValue"},
		{sqs.ReceiveMessageInput{MaxNumberOfMessages: -1}, "InvalidParameterValue"},
		{sqs.ReceiveMessageInput{WaitTimeSeconds: 21}, "InvalidParameterValue"},
		{sqs.ReceiveMessageInput{VisibilityTimeout: 43201}, "InvalidParameterValue"},
		{sqs.ReceiveMessageInput{MessageSystemAttributeNames: []types.MessageSystemAttributeName{"Bogus"}}, "InvalidAttributeName"},
		{sqs.ReceiveMessageInput{QueueUrl: aws.String(url + "/" + administrator)}, "InvalidAddress"},
		{sqs.ReceiveMessageInput{QueueUrl: aws.String(queueAt("none").URL(url))}, "AWS.SimpleQueueService.NonExistentQueue"},
		{sqs.ReceiveMessageInput{QueueUrl: aws.String(queueAt("elsewhere").URL(url))}, "AWS.SimpleQueueService.NonExistentQueue"},
	} {
		if c.in.QueueUrl == nil {
			c.in.QueueUrl = &queue.url
		}
		_, err := queue.client.ReceiveMessage(t.Context(), &c.in)
		if code := errorCode(t, err); code != c.want {
			t.Errorf("%+v: %s, want %s", c.in, code, c.want)
		}
		if is := errors.As(err, new(*types.QueueDoesNotExist)); is != strings.HasSuffix(c.want, "NonExistentQueue") {
			t.Errorf("%+v: the SDK's error is %T", c.in, errors.Unwrap(err))
		}
	}
	for body, want := range map[string]string{
		strings.Repeat("a", 1<<20+1): "InvalidParameterValue", "": "MissingParameter", "bell \a": "InvalidMessageContents",
	} {
		_, err := queue.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue.url, MessageBody: &body})
		if code := errorCode(t, err); code != want {
			t.Errorf("message of %d bytes: %s, want %s", len(body), code, want)
		}
		if _, err := s.Send(administrator, region, queueName, body); err == nil {
			t.Errorf("Send accepted a message of %d bytes", len(body))
		}
	}
	if _, err := s.Send(administrator, region, "none", "one"); err == nil {
		t.Error("Send accepted a message for a missing queue")
	}
	_, err := queue.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue.url, MessageBody: aws.String("late"), DelaySeconds: 5})
	if code := errorCode(t, err); code != "SerializationException" {
		t.Errorf("a delay: %s", code)
	}
	if code := errorCode(t, queue.delete(types.Message{ReceiptHandle: aws.String("made up")})); code != "ReceiptHandleIsInvalid" {
		t.Errorf("invalid receipt handle: %s", code)
	}
	checkDepth(t, s, queueName, 1, 0)
}

// withRole returns a client with a role of the administrator.
func withRole(t *testing.T, url, role string) *sqs.Client {
	t.Helper()
	config := awsConfig(url, administrator)
	config.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(config), "arn:aws:iam::"+administrator+":role/"+role)
	return sqs.NewFromConfig(config)
}

func TestQueueAccess(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := openQueue(t, url, queueName)
	queue.send("one")
	refusal := func(err error) string {
		t.Helper()
		if code := errorCode(t, err); code != "AccessDenied" {
			t.Errorf("error is %s: %v", code, err)
		}
		return err.Error()
	}
	receive := &sqs.ReceiveMessageInput{QueueUrl: &queue.url}
	_, err := withRole(t, url, "no-receive").ReceiveMessage(t.Context(), receive)
	const arn = "arn:aws:sqs:us-east-1:" + administrator + ":" + queueName
	if text := refusal(err); !strings.Contains(text, "StatusCode: 403") ||
		!strings.Contains(text, "not authorized to perform: sqs:receivemessage on resource: "+arn+" because no identity-based policy") {
		t.Error(text)
	}
	if calls := s.Calls(); calls[len(calls)-1].Error != "AccessDenied" || calls[len(calls)-1].Service != "sqs" {
		t.Errorf("recorded as %+v", calls[len(calls)-1])
	}
	noDelete := withRole(t, url, "no-delete")
	got, err := noDelete.ReceiveMessage(t.Context(), receive)
	if err != nil {
		t.Fatal(err)
	}
	_, err = noDelete.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: &queue.url, Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: got.Messages[0].ReceiptHandle}},
	})
	refusal(err)
	_, err = noDelete.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &queue.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: got.Messages[0].ReceiptHandle}},
	})
	refusal(err)

	member := sqs.NewFromConfig(awsConfig(url, memberID))
	_, err = member.ReceiveMessage(t.Context(), receive)
	if text := refusal(err); !strings.Contains(text, "no resource-based policy") {
		t.Error(text)
	}
	if _, err = member.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueAt("open").URL(url))}); err != nil {
		t.Errorf("queue for any caller: %v", err)
	}
	s.Update(func(w *simulator.World) { w.Account(administrator).Keys = simulator.Keys{} })
	_, err = queue.client.ReceiveMessage(t.Context(), receive)
	if code := errorCode(t, err); code != "InvalidClientTokenId" {
		t.Errorf("unknown key: %s", code)
	}
}

// The form of an error is that of the example in the SQS developer guide,
// "Interpreting Amazon SQS JSON API responses".
func TestErrorOnTheWire(t *testing.T) {
	_, url := serve(t, queueWorld(), simulator.Options{})
	call := rawCall{
		method: http.MethodPost, path: "/", service: "sqs",
		body:   fmt.Sprintf(`{"QueueUrl":%q}`, queueAt("none").URL("https://sqs.us-east-1.amazonaws.com")),
		modify: func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage") },
	}
	got := call.do(t, url)
	if got.status != http.StatusBadRequest || got.header.Get("X-Amzn-Query-Error") != "AWS.SimpleQueueService.NonExistentQueue;Sender" ||
		got.header.Get("Content-Type") != "application/x-amz-json-1.0" ||
		got.body != `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}` {
		t.Errorf("response is %+v", got)
	}
	for name, modify := range map[string]func(*http.Request){
		"UnknownOperationException":  func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.PurgeQueue") },
		"MissingAuthenticationToken": func(r *http.Request) { r.Header.Del("Authorization") },
	} {
		call.modify = func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
			modify(r)
		}
		if got := call.do(t, url); got.header.Get("X-Amzn-Query-Error") != name+";Sender" {
			t.Errorf("%s: response is %+v", name, got)
		}
	}
	call.body, call.modify = fmt.Sprintf(`{"QueueUrl":%q}`, queueAt(queueName).URL("http://any")), func(r *http.Request) {
		r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
	}
	if got := call.do(t, url); got.status != http.StatusOK || got.body != "{}" {
		t.Errorf("response of an empty queue is %+v", got)
	}
}
