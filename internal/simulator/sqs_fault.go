package simulator

import (
	"fmt"
	"net/http"
)

// sqsJSON is the protocol of SQS: AWS JSON 1.0 with, in the header
// X-Amzn-Query-Error, the code that an error had in the Query protocol before.
// SDKs show that one.
type sqsJSON struct{}

func (sqsJSON) write(w http.ResponseWriter, status int, answer any) {
	writeJSON(w, "application/x-amz-json-1.0", status, answer)
}

func (p sqsJSON) refuse(w http.ResponseWriter, f *fault, _ string) string {
	code, side := f.query()
	w.Header().Set("X-Amzn-Query-Error", code+";"+side)
	p.write(w, f.status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{"com.amazonaws.sqs#" + f.code, f.message})
	return code
}

// RefuseSQS writes an error answer as SQS does. The shape is the error's name in
// the API's model, such as QueueDoesNotExist or RequestThrottled. It is meant for
// an Intercept.
func RefuseSQS(w http.ResponseWriter, status int, shape, message string) {
	sqsJSON{}.refuse(w, &fault{status: status, code: shape, queryCode: sqsQueryCode(shape), message: message}, "")
}

// sqsFault is SQS's refusal of an input.
func sqsFault(shape, format string, args ...any) error {
	return &fault{
		status: http.StatusBadRequest, code: shape, queryCode: sqsQueryCode(shape), message: fmt.Sprintf(format, args...),
	}
}

// sqsQueryCode returns the code in the Query protocol of an error of that shape.
func sqsQueryCode(shape string) string {
	switch shape {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "AccessDeniedException":
		return "AccessDenied"
	case "InvalidParameterValueException":
		return "InvalidParameterValue"
	case "MissingRequiredParameterException":
		return "MissingParameter"
	case "BatchEntryIdsNotDistinct", "EmptyBatchRequest", "InvalidBatchEntryId", "MessageNotInflight",
		"TooManyEntriesInBatchRequest", "UnsupportedOperation":
		return "AWS.SimpleQueueService." + shape
	default:
		return shape
	}
}

// invalidValue is SQS's refusal of the value of a parameter.
func invalidValue(value any, parameter, reason string) error {
	return sqsFault("InvalidParameterValueException", "Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

// missingParameter is SQS's refusal of an input without the parameter.
func missingParameter(name string) error {
	return sqsFault("MissingRequiredParameterException", "The request must contain the parameter %s.", name)
}
