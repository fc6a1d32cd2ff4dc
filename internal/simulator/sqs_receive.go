package simulator

import (
	"fmt"
	"strconv"
	"time"
)

type receiveInput struct {
	sqsInput
	AttributeNames              []string // the former name of the next
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string // messages have none
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int // in seconds, as is the next
	WaitTimeSeconds             *int
}

// validate refuses values that are out of range and unknown attributes.
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
	_, err := message{}.attributes(in.MessageSystemAttributeNames)
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

// receiveOutput is the answer of ReceiveMessage. Without a message it is empty.
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
	return later(func() (any, error) { return s.poll(req, in) }), nil
}

// poll receives messages. Where there is none it waits for one, for as long as
// the caller wants.
func (s *Server) poll(req *request, in receiveInput) (any, error) {
	end := time.Now()
	if in.WaitTimeSeconds != nil {
		end = end.Add(time.Duration(*in.WaitTimeSeconds) * time.Second)
	}
	for {
		taken, ahead, err := s.receive(req, in)
		if err != nil {
			return nil, err
		}
		if left := time.Until(end); len(taken) == 0 && left > 0 && req.pause(ahead, left) {
			continue
		}
		return s.handOut(req, in, taken)
	}
}

// receive takes the messages that there are now.
func (s *Server) receive(req *request, in receiveInput) ([]message, outlook, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, q, err := s.callersQueue(req) // gone, maybe, since it was last looked at
	if err != nil {
		return nil, outlook{}, err
	}
	t := taking{now: s.now(), limit: 1, hide: q.visibilityTimeout()}
	t.deadLetter, t.maxReceives = a.deadLetter(q)
	if in.MaxNumberOfMessages != nil {
		t.limit = *in.MaxNumberOfMessages
	}
	if in.VisibilityTimeout != nil {
		t.hide = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	taken, ahead := s.mail.take(req.queue, t)
	return taken, ahead, nil
}

// pause waits until there may be a message, left at most, and reports whether
// the caller goes on waiting for one.
func (req *request) pause(ahead outlook, left time.Duration) bool {
	if ahead.next > 0 {
		// A clock that stands still must not be asked without end.
		left = min(left, max(ahead.next, 10*time.Millisecond))
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ahead.changed:
		return true
	case <-timer.C:
		return true
	case <-req.ending:
		return false
	case <-req.http.Context().Done():
		return false
	}
}

// handOut writes messages that were taken as the API does.
func (s *Server) handOut(req *request, in receiveInput, taken []message) (any, error) {
	var out receiveOutput
	for _, m := range taken {
		handle, err := s.sealer.seal(receiptPurpose(req), receipt{ID: m.id, Receives: m.receives})
		if err != nil {
			return nil, fmt.Errorf("seal the receipt handle: %w", err)
		}
		attributes, err := m.attributes(in.MessageSystemAttributeNames)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, receivedMessage{
			MessageID: m.id, ReceiptHandle: handle, MD5OfBody: hexMD5(m.body), Body: m.body, Attributes: attributes,
		})
	}
	return out, nil
}

// attributes returns the message's system attributes of these names.
func (m message) attributes(names []string) (map[string]string, error) {
	all := map[string]string{
		"SenderId":                         m.sender,
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
	}
	if m.source != "" {
		all["DeadLetterQueueSourceArn"] = m.source
	}
	return pick(all, names, "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn")
}
