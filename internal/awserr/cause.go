package awserr

import (
	"errors"

	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
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

// Refusal describes the error of a call that was refused: whether AWS denied it,
// and as the reason its sanitized error code or, without one, its state.
func Refusal(region string, err error) (denied bool, reason string) {
	state := State(region, err)
	if reason = coverage.Sanitize(CauseOf(err).Code); reason == "" {
		reason = string(state)
	}
	return state == coverage.Denied, reason
}

// IsActionDenied reports whether a service denied a call, which affects only the
// action. Denied credentials are not meant: they affect all calls.
func IsActionDenied(err error) bool {
	if credentials := (*CredentialsError)(nil); errors.As(err, &credentials) {
		return false
	}
	return isDeniedCode(CauseOf(err).Code)
}
