package simulator

import (
	"crypto/md5" //nolint:gosec // the digest that SQS gives of a message
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxMessage bounds the bytes of a message.
	maxMessage = 1 << 20
	// producer is the user ID of who sends what no caller has sent.
	producer = "AIDASIMULATEDPRODUCER"
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
	}{hexMD5(in.MessageBody), s.mail.send(req.queue, s.now(), req.session.userID(), in.MessageBody)}, nil
}

// checkMessage refuses what cannot be a message's text.
func checkMessage(body string) error {
	switch {
	case body == "":
		return missingParameter("MessageBody")
	case len(body) > maxMessage:
		return sqsFault("InvalidParameterValueException",
			"One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessage)
	case !utf8.ValidString(body) || strings.ContainsFunc(body, notInMessages):
		return sqsFault("InvalidMessageContents",
			"Invalid characters were found in the message body. Valid unicode characters are "+
				"#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	default:
		return nil
	}
}

// notInMessages reports whether a character is one that SQS takes in no message.
func notInMessages(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF'
}

// Send puts a message into a queue of the served world, as EventBridge or
// another producer would, and returns its ID. It fails where there is no such
// queue, and for a text that SQS takes not.
func (s *Server) Send(accountID, region, name, body string) (messageID string, err error) {
	to := QueueAddress{AccountID: accountID, Region: region, Name: name}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.index.accounts[accountID]; a == nil || a.Queue(region, name) == nil {
		return "", fmt.Errorf("send to %s: there is no such queue", to.arn())
	}
	if err := checkMessage(body); err != nil {
		return "", fmt.Errorf("send to %s: %w", to.arn(), err)
	}
	return s.mail.send(to, s.now(), producer, body), nil
}

// QueueDepth counts the messages of a queue: those that can be received, and
// those that have been and are hidden still. A queue that is not there has none.
func (s *Server) QueueDepth(accountID, region, name string) (visible, inFlight int) {
	return s.mail.depth(QueueAddress{AccountID: accountID, Region: region, Name: name}, s.now())
}

func hexMD5(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
