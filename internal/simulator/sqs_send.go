package simulator

import (
	"crypto/md5" //nolint:gosec // the digest of SQS
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

const (
	// maxMessage limits the bytes of a message.
	maxMessage = 1 << 20
	// eventSender is the sender's user ID of messages that no caller sent.
	eventSender = "AIDASIMULATEDPRODUCER"
)

func (s *Server) sendMessage(req *request) (any, error) {
	var in struct {
		sqsInput
		MessageBody string
	}
	if _, _, err := s.decodeSQS(req, &in, "MessageBody"); err != nil {
		return nil, err
	}
	if err := checkMessage(in.MessageBody); err != nil {
		return nil, err
	}
	return struct {
		MD5OfMessageBody string
		MessageID        string `json:"MessageId"`
	}{hexMD5(in.MessageBody), s.messages.Send(req.queue, s.now(), req.session.userID(), in.MessageBody)}, nil
}

// checkMessage returns an error for an invalid message body.
func checkMessage(body string) error {
	switch {
	case body == "":
		return missingParameter("MessageBody")
	case len(body) > maxMessage:
		return awswire.SQSErrorf("InvalidParameterValueException",
			"One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessage)
	case !utf8.ValidString(body) || strings.ContainsFunc(body, invalidRune):
		return awswire.SQSErrorf("InvalidMessageContents",
			"Invalid characters were found in the message body. Valid unicode characters are "+
				"#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	default:
		return nil
	}
}

// invalidRune reports whether SQS rejects messages with the character.
func invalidRune(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF'
}

// Send adds a message to a queue of the world, as EventBridge or another producer
// would, and returns its ID. It returns an error if the queue does not exist or
// the body is invalid.
func (s *Server) Send(accountID, region, name, body string) (messageID string, err error) {
	to := queue.Address{AccountID: accountID, Region: region, Name: name}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.index.accounts[accountID]; a == nil || a.Queue(region, name) == nil {
		return "", fmt.Errorf("send to %s: no such queue", to.ARN())
	}
	if err := checkMessage(body); err != nil {
		return "", fmt.Errorf("send to %s: %w", to.ARN(), err)
	}
	return s.messages.Send(to, s.now(), eventSender, body), nil
}

// QueueDepth counts the visible messages of a queue and those in flight. Both are
// zero for a queue that does not exist.
func (s *Server) QueueDepth(accountID, region, name string) (visible, inFlight int) {
	return s.messages.Depth(queue.Address{AccountID: accountID, Region: region, Name: name}, s.now())
}

func hexMD5(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // the digest of SQS
	return hex.EncodeToString(sum[:])
}
