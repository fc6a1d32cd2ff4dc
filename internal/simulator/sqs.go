package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sqsTarget is what the X-Amz-Target of a call of SQS begins with.
const sqsTarget = "AmazonSQS."

func (req *request) routeSQS() {
	action, ok := strings.CutPrefix(req.http.Header.Get("X-Amz-Target"), sqsTarget)
	if !ok || req.http.Method != http.MethodPost {
		return
	}
	var in struct {
		QueueURL string `json:"QueueUrl"`
	}
	_ = json.Unmarshal(req.body, &in) // the operation tells what is wrong with it
	req.queue = parseQueueURL(in.QueueURL, req.call.Region)
	operations := map[string]operation{
		"ReceiveMessage":               (*Server).receiveMessage,
		"DeleteMessage":                (*Server).deleteMessage,
		"DeleteMessageBatch":           (*Server).deleteMessageBatch,
		"ChangeMessageVisibility":      (*Server).changeMessageVisibility,
		"ChangeMessageVisibilityBatch": (*Server).changeMessageVisibilityBatch,
		"GetQueueAttributes":           (*Server).getQueueAttributes,
		"SendMessage":                  (*Server).sendMessage,
	}
	if req.operation = operations[action]; req.operation != nil {
		req.call.Operation = action
	}
}

// sqsInput is the part of every call of SQS that names the queue.
type sqsInput struct {
	QueueURL string `json:"QueueUrl"`
}

// decodeSQS reads the body of a call of SQS, in which names may occur beside the
// queue's URL, and returns the caller's queue and its account.
func (s *Server) decodeSQS(req *request, v any, names ...string) (*Account, *Queue, error) {
	if err := decode(req.body, v, append(names, "QueueUrl")...); err != nil {
		return nil, nil, sqsFault("SerializationException", "%v", err)
	}
	return s.callersQueue(req)
}

// callersQueue returns the queue of the call, which the caller must be one to
// use, and its account.
func (s *Server) callersQueue(req *request) (*Account, *Queue, error) {
	if req.queue == (QueueAddress{}) {
		return nil, nil, sqsFault("InvalidAddress", "The address of the queue is not valid for this endpoint.")
	}
	a := s.index.accounts[req.queue.AccountID]
	if a == nil || a.Queue(req.queue.Region, req.queue.Name) == nil {
		return nil, nil, sqsFault("QueueDoesNotExist", "The specified queue does not exist.")
	}
	q := a.Queue(req.queue.Region, req.queue.Name)
	if a.ID != req.session.AccountID && !q.AnyCaller {
		return nil, nil, req.denied("resource")
	}
	return a, q, nil
}

func (s *Server) getQueueAttributes(req *request) (any, error) {
	var in struct {
		sqsInput
		AttributeNames []string
	}
	a, q, err := s.decodeSQS(req, &in, "AttributeNames")
	if err != nil {
		return nil, err
	}
	visible, inFlight := s.mail.depth(req.queue, s.now())
	all := map[string]string{
		"QueueArn":                              req.queue.arn(),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"DelaySeconds":                          "0",
		"MaximumMessageSize":                    strconv.Itoa(maxMessage),
		"MessageRetentionPeriod":                seconds(retention),
		"ReceiveMessageWaitTimeSeconds":         "0",
		"VisibilityTimeout":                     seconds(q.visibilityTimeout()),
	}
	if dead, n := a.deadLetter(q); n > 0 {
		all["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, dead.arn(), n)
	}
	var out struct {
		Attributes map[string]string `json:",omitempty"`
	}
	out.Attributes, err = pick(all, in.AttributeNames, "Policy", "RedrivePolicy", "RedriveAllowPolicy", "CreatedTimestamp",
		"LastModifiedTimestamp", "SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
		"FifoQueue", "FifoThroughputLimit", "ContentBasedDeduplication", "DeduplicationScope")
	return out, err
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// pick returns those of the attributes that are asked for by name, or by All. A
// name that is neither among them nor among the others is refused.
func pick(all map[string]string, names []string, others ...string) (map[string]string, error) {
	picked := map[string]string{}
	for _, name := range names {
		value, ok := all[name]
		switch {
		case name == "All":
			return all, nil
		case ok:
			picked[name] = value
		case !slices.Contains(others, name):
			return nil, sqsFault("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return picked, nil
}
