// Package awswire implements AWS's wire formats for a server: verification of
// Signature Version 4, the protocols with their error responses, strict decoding
// of request bodies, and opaque tokens. It shares no type with the AWS SDK.
package awswire

import (
	"errors"
	"fmt"
	"net/http"
)

// APIError is an error response of AWS.
type APIError struct {
	Status    int    // HTTP status
	Code      string // in the JSON protocols
	QueryCode string // in the Query protocol, if different from Code
	Detail    string // __type of a REST-JSON body, if any
	Message   string
}

func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an error response with status 400.
func Errorf(code, format string, args ...any) error {
	return &APIError{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Query returns the error's code in the Query protocol and the side, Sender or
// Receiver, that caused it.
func (e *APIError) Query() (code, side string) {
	code, side = e.QueryCode, "Sender"
	if code == "" {
		code = e.Code
	}
	if e.Status >= http.StatusInternalServerError {
		side = "Receiver"
	}
	return code, side
}

// ToAPIError returns the APIError in err, otherwise AWS's internal error.
func ToAPIError(err error) *APIError {
	var e *APIError
	if errors.As(err, &e) {
		return e
	}
	return &APIError{
		Status: http.StatusInternalServerError, Code: "InternalServerErrorException",
		QueryCode: "InternalFailure", Message: err.Error(),
	}
}
