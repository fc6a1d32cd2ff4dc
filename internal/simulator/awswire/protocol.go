package awswire

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
)

// Protocol is one of AWS's protocols.
type Protocol interface {
	// Write writes a successful response.
	Write(w http.ResponseWriter, response any)
	// WriteError writes an error response and returns its code in the protocol.
	WriteError(w http.ResponseWriter, e *APIError, requestID string) string
}

// The protocols. Only those with XML write the request ID.
type (
	// RESTJSON is the protocol of GuardDuty and Account.
	RESTJSON struct{}
	// AWSJSON is the protocol of Organizations: AWS JSON 1.1. Errors of the caller
	// have status 400.
	AWSJSON struct{}
	// ECSJSON is the protocol of ECS: AWS JSON 1.1 with errors whose message is in
	// the member message.
	ECSJSON struct{ AWSJSON }
	// QueryXML is the protocol of STS and IAM.
	QueryXML struct {
		Namespace string // of the API's version
	}
	// EC2XML is the protocol of EC2, Query with other forms of responses and errors.
	EC2XML struct{ QueryXML }
	// SQSJSON is the protocol of SQS: AWS JSON 1.0 with, in the header
	// X-Amzn-Query-Error, the code that the error had in the Query protocol. SDKs
	// return that one.
	SQSJSON struct{}
)

// WriteError writes an error response in the form of GuardDuty.
func WriteError(w http.ResponseWriter, status int, code, message string) {
	RESTJSON{}.WriteError(w, &APIError{Status: status, Code: code, Message: message}, "")
}

// WriteSQSError writes an error response in the form of SQS. shape is the error's
// name in the API model, such as QueueDoesNotExist or RequestThrottled.
func WriteSQSError(w http.ResponseWriter, status int, shape, message string) {
	SQSJSON{}.WriteError(w, &APIError{Status: status, Code: shape, QueryCode: sqsQueryCode(shape), Message: message}, "")
}

// Write implements Protocol.
func (RESTJSON) Write(w http.ResponseWriter, response any) {
	WriteJSON(w, "application/json", http.StatusOK, response)
}

// WriteError implements Protocol.
func (RESTJSON) WriteError(w http.ResponseWriter, e *APIError, _ string) string {
	w.Header().Set("X-Amzn-ErrorType", e.Code)
	WriteJSON(w, "application/json", e.Status, struct {
		Message string `json:"message"`
		Type    string `json:"__type,omitempty"`
	}{e.Message, e.Detail})
	return e.Code
}

const contentType11 = "application/x-amz-json-1.1"

// Write implements Protocol.
func (AWSJSON) Write(w http.ResponseWriter, response any) {
	WriteJSON(w, contentType11, http.StatusOK, response)
}

// WriteError implements Protocol.
func (AWSJSON) WriteError(w http.ResponseWriter, e *APIError, _ string) string {
	WriteJSON(w, contentType11, status11(e), struct {
		Type    string `json:"__type"`
		Message string `json:"Message"`
	}{e.Code, e.Message})
	return e.Code
}

// WriteError implements Protocol.
func (ECSJSON) WriteError(w http.ResponseWriter, e *APIError, _ string) string {
	WriteJSON(w, contentType11, status11(e), struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{e.Code, e.Message})
	return e.Code
}

// status11 returns the status of an error in AWS JSON 1.1.
func status11(e *APIError) int {
	if e.Status >= http.StatusInternalServerError {
		return e.Status
	}
	return http.StatusBadRequest
}

const contentType10 = "application/x-amz-json-1.0"

// Write implements Protocol.
func (SQSJSON) Write(w http.ResponseWriter, response any) {
	WriteJSON(w, contentType10, http.StatusOK, response)
}

// WriteError implements Protocol.
func (SQSJSON) WriteError(w http.ResponseWriter, e *APIError, _ string) string {
	code, side := e.Query()
	w.Header().Set("X-Amzn-Query-Error", code+";"+side)
	WriteJSON(w, contentType10, e.Status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{"com.amazonaws.sqs#" + e.Code, e.Message})
	return code
}

// Write implements Protocol.
func (QueryXML) Write(w http.ResponseWriter, response any) {
	text, err := xml.Marshal(response)
	write(w, "text/xml", http.StatusOK, text, err)
}

// WriteError implements Protocol.
func (p QueryXML) WriteError(w http.ResponseWriter, e *APIError, requestID string) string {
	code, side := e.Query()
	type wireError struct{ Type, Code, Message string }
	text, err := xml.Marshal(struct {
		XMLName   xml.Name
		Error     wireError `xml:"Error"`
		RequestID string    `xml:"RequestId"`
	}{xml.Name{Space: p.Namespace, Local: "ErrorResponse"}, wireError{side, code, e.Message}, requestID})
	write(w, "text/xml", e.Status, text, err)
	return code
}

// WriteError implements Protocol.
func (EC2XML) WriteError(w http.ResponseWriter, e *APIError, requestID string) string {
	code, _ := e.Query()
	status := e.Status
	switch code {
	case "InvalidClientTokenId":
		code, status = "AuthFailure", http.StatusUnauthorized
	case "AccessDenied":
		code = "UnauthorizedOperation"
	}
	type wireError struct{ Code, Message string }
	text, err := xml.Marshal(struct {
		XMLName   xml.Name  `xml:"Response"`
		Error     wireError `xml:"Errors>Error"`
		RequestID string
	}{Error: wireError{code, e.Message}, RequestID: requestID})
	write(w, "text/xml", status, text, err)
	return code
}

// WriteJSON writes a response as JSON.
func WriteJSON(w http.ResponseWriter, contentType string, status int, response any) {
	text, err := json.Marshal(response)
	write(w, contentType, status, text, err)
}

// write writes the marshaled text, or the error of marshaling it.
func write(w http.ResponseWriter, contentType string, status int, text []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text) // fails if the client has disconnected
}
