package awswire

import (
	"fmt"
	"net/http"
)

// SQSErrorf returns an error response of SQS with status 400. shape is the
// error's name in the API model.
func SQSErrorf(shape, format string, args ...any) error {
	return &APIError{
		Status: http.StatusBadRequest, Code: shape, QueryCode: sqsQueryCode(shape), Message: fmt.Sprintf(format, args...),
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
