package session

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// ecsShare is the request rate of clients made from [Session.ConfigForECS], as a
// share of [Options.RequestsPerSecond]. It is lower because the account's
// deployments call the same operations, and it is separate so that the requests
// do not delay those to GuardDuty.
const ecsShare = 2. / 5

// maxECSRate is the highest rate for ECS, whatever the configuration is.
const maxECSRate = 2

func (o Options) ecsRate() float64 {
	perSecond := o.RequestsPerSecond * ecsShare
	if o.Simulator == nil { // which has no deployments
		perSecond = min(perSecond, maxECSRate)
	}
	return perSecond
}

// limiters holds one rate limiter for each account and Region.
type limiters struct {
	perSecond float64

	mu    sync.Mutex
	rates map[[2]string]*rate.Limiter
}

func newLimiters(perSecond float64) *limiters {
	return &limiters{perSecond: perSecond, rates: map[[2]string]*rate.Limiter{}}
}

func (l *limiters) get(accountID, region string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := [2]string{accountID, region}
	if _, ok := l.rates[at]; !ok {
		l.rates[at] = rate.NewLimiter(rate.Limit(l.perSecond), 1)
	}
	return l.rates[at]
}

// rateLimit returns the limiter of a request.
type rateLimit func() *rate.Limiter

// limit delays every attempt of a call, retries included.
func (r rateLimit) limit(stack *middleware.Stack) error {
	wait := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		out middleware.FinalizeOutput, md middleware.Metadata, err error,
	) {
		if err := r().Wait(ctx); err != nil {
			// Not retried: there is no time left for it.
			return out, md, &aws.RequestCanceledError{Err: fmt.Errorf(
				"wait for the configured request rate: %w: %w", context.DeadlineExceeded, err)}
		}
		return next.HandleFinalize(ctx, in)
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("RequestRate", wait), "Retry", middleware.After)
}
