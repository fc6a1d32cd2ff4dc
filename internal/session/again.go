package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// renewExpired makes a call once more with new credentials when AWS says that
// the old ones are expired, which by the exporter's clock they may not be.
func renewExpired(credentials *aws.CredentialsCache) func(*middleware.Stack) error {
	again := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error,
	) {
		out, md, err := next.HandleInitialize(ctx, in)
		if !isExpired(err) {
			return out, md, err
		}
		credentials.Invalidate()
		return next.HandleInitialize(ctx, in)
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RenewExpired", again), middleware.After)
	}
}

func isExpired(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "ExpiredToken" || api.ErrorCode() == "ExpiredTokenException")
}

// keepCause makes a call whose deadline comes while it waits to be tried again,
// or is tried again, fail with what the attempt before said, and not with the
// deadline.
func keepCause(stack *middleware.Stack) error {
	type key struct{}
	outside := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		var last error
		out, md, err := next.HandleFinalize(middleware.WithStackValue(ctx, key{}, &last), in)
		if last != nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, last) {
			err = fmt.Errorf("%w (there was no time left to try again)", last)
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
	if err := stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CauseOutside", outside), "Retry", middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CauseInside", inside), "Retry", middleware.After)
}
