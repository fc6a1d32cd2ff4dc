package awserr

import (
	"errors"

	"github.com/aws/smithy-go"
)

// Cause identifies what failed, without request IDs and other parts of a message
// that change from call to call.
type Cause struct {
	Operation string // the innermost operation, such as AssumeRole; "" for none
	Code      string // of AWS's error; "" for none
}

// CauseOf returns the cause of an error of a call to AWS.
func CauseOf(err error) Cause {
	var c Cause
	var api smithy.APIError
	if errors.As(err, &api) {
		c.Code = api.ErrorCode()
	}
	for operation := (*smithy.OperationError)(nil); errors.As(err, &operation); err = operation.Err {
		c.Operation = operation.OperationName
	}
	return c
}
