package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
)

const (
	// invalidateInterval is the least time after which the credentials of an
	// identity are invalidated again.
	invalidateInterval = time.Minute
	// maxDenied is how many times in a row an operation is denied in a Region
	// before the credentials are invalidated: a role that was deleted and made again,
	// or whose sessions were revoked, denies the old sessions.
	maxDenied = 3
)

// refreshExpiredCredentials invalidates credentials that AWS denies, although they
// have not expired by our clock, and repeats the call once with new ones.
func refreshExpiredCredentials(i *identity) func(*middleware.Stack) error {
	handle := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error,
	) {
		start := time.Now()
		out, md, err := next.HandleInitialize(ctx, in)
		operation := awsmiddleware.GetServiceID(ctx) + " " + awsmiddleware.GetOperationName(ctx) + " " + awsmiddleware.GetRegion(ctx)
		if !i.isDenied(operation, err) || !i.invalidate(start) {
			return out, md, err
		}
		return next.HandleInitialize(ctx, in)
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RefreshExpiredCredentials", handle), middleware.After)
	}
}

// isDenied reports whether a result of an operation means that the credentials
// are no longer accepted.
func (i *identity) isDenied(operation string, err error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	code := errorCode(err)
	if code != "AccessDenied" && code != "AccessDeniedException" {
		delete(i.denied, operation)
		return isCredentialsCode(code)
	}
	i.denied[operation]++
	if i.denied[operation] < maxDenied {
		return false
	}
	delete(i.denied, operation)
	return true
}

// invalidate invalidates the credentials of a call that began at start, and
// reports whether new ones can be retrieved: not within invalidateInterval of the
// last time, unless that came after start.
func (i *identity) invalidate(start time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.invalidated.After(start) {
		return true
	}
	if now := time.Now(); now.Sub(i.invalidated) >= invalidateInterval {
		i.invalidated = now
		i.credentials.Invalidate()
		if i.sts != nil {
			i.accountID.Store(nil) // the new ones may be of another account
		}
		return true
	}
	return false
}

// errorCode returns the code of AWS's response to a signed request, "" if there
// is none.
func errorCode(err error) string {
	var missing *awserr.CredentialsError
	var api smithy.APIError
	if errors.As(err, &missing) || !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

func isCredentialsCode(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"InvalidToken", "SignatureDoesNotMatch", "InvalidSignatureException":
		return true
	}
	return false
}

// preserveCause returns the last attempt's error, not context.DeadlineExceeded,
// when the deadline expires during retries.
func preserveCause(stack *middleware.Stack) error {
	type key struct{}
	outside := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		var last error
		out, md, err := next.HandleFinalize(middleware.WithStackValue(ctx, key{}, &last), in)
		if last != nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, last) {
			err = fmt.Errorf("%w (no time left to retry)", last)
		}
		return out, md, err
	}
	inside := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		out, md, err := next.HandleFinalize(ctx, in)
		if last, ok := middleware.GetStackValue(ctx, key{}).(*error); ok && (ctx.Err() == nil || *last == nil) {
			*last = err
		}
		return out, md, err
	}
	if err := stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("PreserveCauseOutside", outside), "Retry", middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("PreserveCauseInside", inside), "Retry", middleware.After)
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = slices.Concat(
			[]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(lacksCredentials)},
			o.Retryables,
			[]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(isBrokenResponse)},
		)
	})
}

// lacksCredentials prevents retries of calls that failed for lack of
// credentials: the provider has its own retries.
func lacksCredentials(err error) aws.Ternary {
	if missing := (*awserr.CredentialsError)(nil); errors.As(err, &missing) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// isBrokenResponse causes retries after a response that was truncated or is not
// of the protocol, and after a 429 without an AWS error code.
func isBrokenResponse(err error) aws.Ternary {
	var broken *smithy.DeserializationError
	var response *awshttp.ResponseError
	switch {
	case errors.Is(err, errBodyTooLarge):
		return aws.FalseTernary
	case errors.As(err, &broken), errors.As(err, &response) && response.HTTPStatusCode() == 429:
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
