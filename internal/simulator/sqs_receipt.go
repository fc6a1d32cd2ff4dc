package simulator

import (
	"regexp"
	"time"
)

// receiptEntry is what is asked about one message: an entry of a batch, or a
// call that is not a batch, which has no ID.
type receiptEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int // in seconds
}

// receiptPurpose is what the receipt handles of the call's queue are sealed for.
func receiptPurpose(req *request) string { return "receipt of " + req.queue.arn() }

// openReceipt reads the receipt handle of the call's queue.
func (s *Server) openReceipt(req *request, handle string) (receipt, error) {
	var r receipt
	switch {
	case handle == "":
		return r, missingParameter("ReceiptHandle")
	case !s.sealer.open(receiptPurpose(req), handle, &r):
		return r, sqsFault("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	default:
		return r, nil
	}
}

// delete deletes the entry's message.
func (s *Server) delete(req *request, e receiptEntry) error {
	r, err := s.openReceipt(req, e.ReceiptHandle)
	if err != nil {
		return err
	}
	s.mail.remove(req.queue, r)
	return nil
}

// changeVisibility hides the entry's message for another time, from now on.
func (s *Server) changeVisibility(req *request, e receiptEntry) error {
	r, err := s.openReceipt(req, e.ReceiptHandle)
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
	found, tooLong := s.mail.hide(req.queue, r, s.now(), time.Duration(n)*time.Second)
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

// single does the call's one entry, of which the members may be given.
func (s *Server) single(req *request, do func(*request, receiptEntry) error, members ...string) (any, error) {
	var in struct {
		sqsInput
		receiptEntry
	}
	if _, _, err := s.decodeSQS(req, &in, members...); err != nil {
		return nil, err
	}
	return struct{}{}, do(req, in.receiptEntry)
}

// batchSuccess and batchFailure tell how an entry of a batch has ended.
type batchSuccess struct {
	ID string `json:"Id"`
}

type batchFailure struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

// batch does the entries of the call, of which the members may be given. One
// that fails does not keep the others from being done.
func (s *Server) batch(req *request, do func(*request, receiptEntry) error, members ...string) (any, error) {
	var in struct {
		sqsInput
		Entries []receiptEntry
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
			f := asFault(err)
			code, side := f.query()
			out.Failed = append(out.Failed, batchFailure{e.ID, side == "Sender", code, f.message})
			continue
		}
		out.Successful = append(out.Successful, batchSuccess{e.ID})
	}
	return out, nil
}

// checkBatch refuses a batch of too few or too many entries, and entries that
// cannot be told apart.
func checkBatch(operation string, entries []receiptEntry) error {
	switch n := len(entries); {
	case n == 0:
		return sqsFault("EmptyBatchRequest", "There should be at least one %sRequestEntry in the request.", operation)
	case n > 10:
		return sqsFault("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", n)
	}
	valid := regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)
	met := map[string]bool{}
	for _, e := range entries {
		if !valid.MatchString(e.ID) {
			return sqsFault("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, "+
				"hyphens and underscores. It can be at most 80 letters long.")
		}
		if met[e.ID] {
			return sqsFault("BatchEntryIdsNotDistinct", "Id %s repeated.", e.ID)
		}
		met[e.ID] = true
	}
	return nil
}
