package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// sqsTarget is the prefix of X-Amz-Target in a call of SQS.
const sqsTarget = "AmazonSQS."

func (req *request) routeSQS() {
	action, ok := strings.CutPrefix(req.http.Header.Get("X-Amz-Target"), sqsTarget)
	if !ok || req.http.Method != http.MethodPost {
		return
	}
	var in struct {
		QueueURL string `json:"QueueUrl"`
	}
	_ = json.Unmarshal(req.body, &in) // the operation reports an invalid body
	req.queue = queue.ParseURL(in.QueueURL, req.call.Region)
	req.setOperation(map[string]operation{
		"ReceiveMessage":               (*Server).receiveMessage,
		"DeleteMessage":                (*Server).deleteMessage,
		"DeleteMessageBatch":           (*Server).deleteMessageBatch,
		"ChangeMessageVisibility":      (*Server).changeMessageVisibility,
		"ChangeMessageVisibilityBatch": (*Server).changeMessageVisibilityBatch,
		"GetQueueAttributes":           (*Server).getQueueAttributes,
		"SendMessage":                  (*Server).sendMessage,
	}, action)
}

// sqsInput is the member of every call of SQS that identifies the queue.
type sqsInput struct {
	QueueURL string `json:"QueueUrl"`
}

// decodeSQS reads the body of a call of SQS, whose members may be QueueUrl and
// those of names. It returns the queue and its account.
func (s *Server) decodeSQS(req *request, v any, names ...string) (*Account, *Queue, error) {
	if err := awswire.Decode(req.body, v, append(names, "QueueUrl")...); err != nil {
		return nil, nil, awswire.SQSErrorf("SerializationException", "%v", err)
	}
	return s.callQueue(req)
}

// callQueue returns the queue of the call and its account, if the caller may use
// it.
func (s *Server) callQueue(req *request) (*Account, *Queue, error) {
	if req.queue == (queue.Address{}) {
		return nil, nil, awswire.SQSErrorf("InvalidAddress", "The address of the queue is not valid for this endpoint.")
	}
	a := s.index.accounts[req.queue.AccountID]
	if a == nil || a.Queue(req.queue.Region, req.queue.Name) == nil {
		return nil, nil, awswire.SQSErrorf("QueueDoesNotExist", "The specified queue does not exist.")
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
	visible, inFlight := s.messages.Depth(req.queue, s.now())
	all := map[string]string{
		"QueueArn":                              req.queue.ARN(),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"DelaySeconds":                          "0",
		"MaximumMessageSize":                    strconv.Itoa(maxMessage),
		"MessageRetentionPeriod":                seconds(queue.Retention),
		"ReceiveMessageWaitTimeSeconds":         "0",
		"VisibilityTimeout":                     seconds(q.visibilityTimeout()),
	}
	if dead, n := a.deadLetter(q); n > 0 {
		all["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, dead.ARN(), n)
	}
	for name, value := range map[string]string{"Policy": q.Policy, "KmsMasterKeyId": q.KMSKey} {
		if value != "" {
			all[name] = value
		}
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

// pick returns the attributes of these names, or all of them for the name All. It
// returns an error for a name that is neither in all nor in absent.
func pick(all map[string]string, names []string, absent ...string) (map[string]string, error) {
	picked := map[string]string{}
	for _, name := range names {
		value, ok := all[name]
		switch {
		case name == "All":
			return all, nil
		case ok:
			picked[name] = value
		case !slices.Contains(absent, name):
			return nil, awswire.SQSErrorf("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	return picked, nil
}

// invalidValue returns the error for an invalid value of a parameter.
func invalidValue(value any, parameter, reason string) error {
	return awswire.SQSErrorf("InvalidParameterValueException", "Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

// missingParameter returns the error for a missing parameter.
func missingParameter(name string) error {
	return awswire.SQSErrorf("MissingRequiredParameterException", "The request must contain the parameter %s.", name)
}
