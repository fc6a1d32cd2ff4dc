package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// limiters holds one request rate for each account and Region.
type limiters struct {
	perSecond float64

	mu    sync.Mutex
	rates map[[2]string]rateLimit
}

func newLimiters(perSecond float64) *limiters {
	return &limiters{perSecond: perSecond, rates: map[[2]string]rateLimit{}}
}

func (l *limiters) of(accountID, region string) rateLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := [2]string{accountID, region}
	if _, ok := l.rates[at]; !ok {
		l.rates[at] = rateLimit{rate.NewLimiter(rate.Limit(l.perSecond), 1)}
	}
	return l.rates[at]
}

type rateLimit struct{ *rate.Limiter }

// limit makes every attempt of a call, retries included, wait for its turn.
func (r rateLimit) limit(stack *middleware.Stack) error {
	wait := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		out middleware.FinalizeOutput, md middleware.Metadata, err error,
	) {
		if err := r.Wait(ctx); err != nil {
			// Not to be tried again: there is no time left for it.
			return out, md, &aws.RequestCanceledError{Err: fmt.Errorf(
				"wait for a turn at the configured request rate: %w: %w", context.DeadlineExceeded, err)}
		}
		return next.HandleFinalize(ctx, in)
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("RequestRate", wait), "Retry", middleware.After)
}

// maxAnswerBytes is far above any page of 50 rows with 50 issues each, and
// above ten messages of a queue of 1 MiB each, every byte of them escaped.
const maxAnswerBytes = 24 << 20

var errBodyTooLarge = errors.New("the answer is larger than 24 MiB")

// boundedClient refuses answers that are too large to be true.
type boundedClient struct{ aws.HTTPClient }

func (c boundedClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		// A body that is copied by Read alone is not closed early by the SDK
		// when the answer comes before its end was seen (aws-sdk-go-v2 issues 1825, 2737).
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		return resp, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswerBytes}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int // negative once there was more
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, b.left = b.left, -1
		return n, errBodyTooLarge
	}
	b.left -= n
	return n, err
}
