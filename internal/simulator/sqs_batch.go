package simulator

import (
	"regexp"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// messageEntry is the input for one message: an entry of a batch, or a single
// call, which has no ID.
type messageEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int // in seconds
}

// receiptScope returns the scope of receipt handles of the call's queue.
func receiptScope(req *request) string { return "receipt of " + req.queue.ARN() }

// decodeReceipt reads a receipt handle of the call's queue.
func (s *Server) decodeReceipt(req *request, handle string) (queue.Receipt, error) {
	var r queue.Receipt
	switch {
	case handle == "":
		return r, missingParameter("ReceiptHandle")
	case !s.tokens.Decode(receiptScope(req), handle, &r):
		return r, awswire.SQSErrorf("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	default:
		return r, nil
	}
}

// delete deletes the entry's message.
func (s *Server) delete(req *request, e messageEntry) error {
	r, err := s.decodeReceipt(req, e.ReceiptHandle)
	if err != nil {
		return err
	}
	s.messages.Delete(req.queue, r)
	return nil
}

// changeVisibility changes the visibility timeout of the entry's message.
func (s *Server) changeVisibility(req *request, e messageEntry) error {
	r, err := s.decodeReceipt(req, e.ReceiptHandle)
	if err != nil {
		return err
	}
	if e.VisibilityTimeout == nil {
		return missingParameter("VisibilityTimeout")
	}
	n := *e.VisibilityTimeout
	if n < 0 || n > 43200 {
		return invalidValue(n, "VisibilityTimeout", "Must be between 0 and 43200.")
	}
	found, tooLong := s.messages.ChangeVisibility(req.queue, r, s.now(), time.Duration(n)*time.Second)
	switch {
	case !found:
		return invalidValue(e.ReceiptHandle, "ReceiptHandle",
			"Message does not exist or is not available for visibility timeout change.")
	case tooLong:
		return invalidValue(n, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	default:
		return nil
	}
}

func (s *Server) deleteMessage(req *request) (any, error) {
	return s.single(req, s.delete, "ReceiptHandle")
}

func (s *Server) deleteMessageBatch(req *request) (any, error) {
	return s.batch(req, s.delete, "ReceiptHandle")
}

func (s *Server) changeMessageVisibility(req *request) (any, error) {
	return s.single(req, s.changeVisibility, "ReceiptHandle", "VisibilityTimeout")
}

func (s *Server) changeMessageVisibilityBatch(req *request) (any, error) {
	return s.batch(req, s.changeVisibility, "ReceiptHandle", "VisibilityTimeout")
}

// single performs a call for one message, whose body may have the members.
func (s *Server) single(req *request, do func(*request, messageEntry) error, members ...string) (any, error) {
	var in struct {
		sqsInput
		messageEntry
	}
	if _, _, err := s.decodeSQS(req, &in, members...); err != nil {
		return nil, err
	}
	return struct{}{}, do(req, in.messageEntry)
}

// batchSuccess and batchFailure are results of a batch's entries.
type batchSuccess struct {
	ID string `json:"Id"`
}

type batchFailure struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

// batch performs a call for several messages, whose entries may have the members.
// The entries succeed or fail independently.
func (s *Server) batch(req *request, do func(*request, messageEntry) error, members ...string) (any, error) {
	var in struct {
		sqsInput
		Entries []messageEntry
	}
	if _, _, err := s.decodeSQS(req, &in, append(members, "Entries", "Id")...); err != nil {
		return nil, err
	}
	if err := checkBatch(req.call.Operation, in.Entries); err != nil {
		return nil, err
	}
	out := struct {
		Successful []batchSuccess
		Failed     []batchFailure
	}{[]batchSuccess{}, []batchFailure{}}
	for _, e := range in.Entries {
		if err := do(req, e); err != nil {
			apiErr := awswire.ToAPIError(err)
			code, side := apiErr.Query()
			out.Failed = append(out.Failed, batchFailure{e.ID, side == "Sender", code, apiErr.Message})
			continue
		}
		out.Successful = append(out.Successful, batchSuccess{e.ID})
	}
	return out, nil
}

var entryIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch returns an error for a wrong number of entries and for invalid or
// repeated IDs.
func checkBatch(operation string, entries []messageEntry) error {
	switch n := len(entries); {
	case n == 0:
		return awswire.SQSErrorf("EmptyBatchRequest", "There should be at least one %sRequestEntry in the request.", operation)
	case n > 10:
		return awswire.SQSErrorf("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", n)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !entryIDPattern.MatchString(e.ID) {
			return awswire.SQSErrorf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, "+
				"hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[e.ID] {
			return awswire.SQSErrorf("BatchEntryIdsNotDistinct", "Id %s repeated.", e.ID)
		}
		seen[e.ID] = true
	}
	return nil
}
