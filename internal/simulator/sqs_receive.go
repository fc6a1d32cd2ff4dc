package simulator

import (
	"fmt"
	"strconv"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

type receiveInput struct {
	sqsInput
	AttributeNames              []string // the deprecated name of MessageSystemAttributeNames
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string // accepted; messages have none
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int // in seconds
	WaitTimeSeconds             *int
}

// validate returns an error for values out of range and unknown attributes.
func (in *receiveInput) validate() error {
	in.MessageSystemAttributeNames = append(in.MessageSystemAttributeNames, in.AttributeNames...)
	if n := in.MaxNumberOfMessages; n != nil && (*n < 1 || *n > 10) {
		return invalidValue(*n, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if n := in.VisibilityTimeout; n != nil && (*n < 0 || *n > 43200) {
		return invalidValue(*n, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
	}
	if n := in.WaitTimeSeconds; n != nil && (*n < 0 || *n > 20) {
		return invalidValue(*n, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	}
	_, err := attributes(queue.Message{}, in.MessageSystemAttributeNames)
	return err
}

// receivedMessage is an element of ReceiveMessage's Messages.
type receivedMessage struct {
	MessageID     string `json:"MessageId"`
	ReceiptHandle string
	MD5OfBody     string
	Body          string
	Attributes    map[string]string `json:",omitempty"`
}

// receiveOutput is the response of ReceiveMessage. Without messages it has no
// members.
type receiveOutput struct {
	Messages []receivedMessage `json:",omitempty"`
}

func (s *Server) receiveMessage(req *request) (any, error) {
	var in receiveInput
	_, _, err := s.decodeSQS(req, &in, "AttributeNames", "MessageSystemAttributeNames", "MessageAttributeNames",
		"MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds")
	if err != nil {
		return nil, err
	}
	if err := in.validate(); err != nil {
		return nil, err
	}
	return deferred(func() (any, error) { return s.poll(req, in) }), nil
}

// poll receives messages. If there are none it waits for up to WaitTimeSeconds.
func (s *Server) poll(req *request, in receiveInput) (any, error) {
	end := time.Now()
	if in.WaitTimeSeconds != nil {
		end = end.Add(time.Duration(*in.WaitTimeSeconds) * time.Second)
	}
	for {
		received, next, err := s.receive(req, in)
		if err != nil {
			return nil, err
		}
		if left := time.Until(end); len(received) == 0 && left > 0 && req.waitFor(next, left) {
			continue
		}
		return s.receivedMessages(req, in, received)
	}
}

// receive receives messages without waiting.
func (s *Server) receive(req *request, in receiveInput) ([]queue.Message, queue.Next, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, q, err := s.callQueue(req) // it may have been removed during a long poll
	if err != nil {
		return nil, queue.Next{}, err
	}
	p := queue.ReceiveParams{Now: s.now(), MaxMessages: 1, VisibilityTimeout: q.visibilityTimeout()}
	p.DeadLetter, p.MaxReceives = a.deadLetter(q)
	if in.MaxNumberOfMessages != nil {
		p.MaxMessages = *in.MaxNumberOfMessages
	}
	if in.VisibilityTimeout != nil {
		p.VisibilityTimeout = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	received, next := s.messages.Receive(req.queue, p)
	return received, next, nil
}

// waitFor waits until there may be a message, at most the duration left, and
// reports whether the call continues.
func (req *request) waitFor(next queue.Next, left time.Duration) bool {
	if next.Visible > 0 {
		// The minimum prevents a busy loop if the server's clock stands still.
		left = min(left, max(next.Visible, 10*time.Millisecond))
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-next.Changed:
		return true
	case <-timer.C:
		return true
	case <-req.stopping:
		return false
	case <-req.http.Context().Done():
		return false
	}
}

// receivedMessages returns the response with the received messages.
func (s *Server) receivedMessages(req *request, in receiveInput, received []queue.Message) (any, error) {
	var out receiveOutput
	for _, m := range received {
		handle, err := s.tokens.Encode(receiptScope(req), m.Receipt())
		if err != nil {
			return nil, fmt.Errorf("encode the receipt handle: %w", err)
		}
		attributes, err := attributes(m, in.MessageSystemAttributeNames)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, receivedMessage{
			MessageID: m.ID, ReceiptHandle: handle, MD5OfBody: hexMD5(m.Body), Body: m.Body, Attributes: attributes,
		})
	}
	return out, nil
}

// attributes returns the message's system attributes of these names.
func attributes(m queue.Message, names []string) (map[string]string, error) {
	all := map[string]string{
		"SenderId":                         m.Sender,
		"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived.UnixMilli(), 10),
	}
	if m.Source != "" {
		all["DeadLetterQueueSourceArn"] = m.Source
	}
	return pick(all, names, "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn")
}
