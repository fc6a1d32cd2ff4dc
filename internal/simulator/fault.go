package simulator

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
)

// fault is a refusal as AWS words it.
type fault struct {
	status    int
	code      string // in the REST-JSON protocol
	queryCode string // in the Query protocol of STS, and formerly of SQS, where it differs
	detail    string // __type of a REST-JSON body, where there is one
	message   string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

// query returns the code in the Query protocol, and whose fault it is there.
func (f *fault) query() (code, side string) {
	code, side = f.queryCode, "Sender"
	if code == "" {
		code = f.code
	}
	if f.status >= http.StatusInternalServerError {
		side = "Receiver"
	}
	return code, side
}

// asFault returns the fault in err, or AWS's internal error.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return &fault{
		status: http.StatusInternalServerError, code: "InternalServerErrorException",
		queryCode: "InternalFailure", message: err.Error(),
	}
}

// badRequest is GuardDuty's refusal of an input.
func badRequest(format string, args ...any) error {
	return &fault{
		status: http.StatusBadRequest, code: "BadRequestException", detail: "InvalidInputException",
		message: "The request is rejected because " + fmt.Sprintf(format, args...),
	}
}

// invalidParameter is GuardDuty's refusal of the value of a parameter.
func invalidParameter(format string, args ...any) error {
	return badRequest("an invalid or out-of-range value is specified as an input parameter: %s", fmt.Sprintf(format, args...))
}

// unknownOperation is the refusal of a path or action that is not served.
func unknownOperation(method, path string) error {
	return &fault{
		status: http.StatusNotFound, code: "UnknownOperationException",
		message: fmt.Sprintf("The operation %s %s is not served.", method, path),
	}
}

// protocol is one of the ways AWS writes its answers.
type protocol interface {
	// write writes a successful answer.
	write(w http.ResponseWriter, status int, answer any)
	// refuse writes a refusal and returns its code.
	refuse(w http.ResponseWriter, f *fault, requestID string) string
}

// restJSON is the protocol of GuardDuty and Account.
type restJSON struct{}

func (restJSON) write(w http.ResponseWriter, status int, answer any) {
	writeJSON(w, "application/json", status, answer)
}

// writeJSON writes an answer as JSON of the content type.
func writeJSON(w http.ResponseWriter, contentType string, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

func (p restJSON) refuse(w http.ResponseWriter, f *fault, _ string) string {
	w.Header().Set("X-Amzn-ErrorType", f.code)
	p.write(w, f.status, struct {
		Message string `json:"message"`
		Type    string `json:"__type,omitempty"`
	}{f.message, f.detail})
	return f.code
}

// Refuse writes an error answer as GuardDuty does: the code in the header
// X-Amzn-ErrorType, the message in a JSON body. It is meant for an Intercept.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	restJSON{}.refuse(w, &fault{status: status, code: code, message: message}, "")
}

// awsJSON is the protocol of Organizations: AWS JSON 1.1. Whatever is the
// caller's fault has the status 400.
type awsJSON struct{}

func (awsJSON) write(w http.ResponseWriter, status int, answer any) {
	writeJSON(w, "application/x-amz-json-1.1", status, answer)
}

func (p awsJSON) refuse(w http.ResponseWriter, f *fault, _ string) string {
	status := http.StatusBadRequest
	if f.status >= http.StatusInternalServerError {
		status = f.status
	}
	p.write(w, status, struct {
		Type    string `json:"__type"`
		Message string `json:"Message"`
	}{f.code, f.message})
	return f.code
}

// queryXML is the protocol of STS.
type queryXML struct{}

func (queryXML) write(w http.ResponseWriter, status int, answer any) {
	text, err := xml.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

func (p queryXML) refuse(w http.ResponseWriter, f *fault, requestID string) string {
	code, side := f.query()
	type wireError struct{ Type, Code, Message string }
	p.write(w, f.status, struct {
		XMLName   xml.Name  `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Error     wireError `xml:"Error"`
		RequestID string    `xml:"RequestId"`
	}{Error: wireError{side, code, f.message}, RequestID: requestID})
	return code
}
