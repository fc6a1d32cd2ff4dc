package events

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ackRequest is a message whose event was handled, and so can be deleted or has
// to be released.
type ackRequest struct {
	*message
	release bool
	delay   time.Duration // of the redelivery of a released message
}

// acknowledge deletes and releases messages, at most one call each.
func (q *queue) acknowledge(ctx context.Context, requests []ackRequest) {
	var done, rest []ackRequest
	for _, r := range requests {
		if r.release {
			rest = append(rest, r)
		} else {
			done = append(done, r)
		}
	}
	var calls sync.WaitGroup
	if len(done) > 0 {
		calls.Go(func() { q.deleteBatch(ctx, done) })
	}
	if len(rest) > 0 {
		calls.Go(func() { q.releaseBatch(ctx, rest) })
	}
	calls.Wait()
}

// deleteBatch deletes messages. Those that are not deleted are redelivered.
func (q *queue) deleteBatch(ctx context.Context, batch []ackRequest) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, r := range batch {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &r.receipt,
		})
	}
	out, err := q.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		q.done(ctx, actionDelete, batch, nil, fmt.Errorf("delete messages (sqs:DeleteMessage): %w", err))
		return
	}
	q.done(ctx, actionDelete, batch, out.Failed, nil)
}

// releaseBatch makes messages visible again after their delays. Those for which
// that fails become visible when their visibility timeout ends.
func (q *queue) releaseBatch(ctx context.Context, batch []ackRequest) {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
	for i, r := range batch {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &r.receipt, VisibilityTimeout: seconds(r.delay),
		})
	}
	out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		q.done(ctx, actionRelease, batch, nil, fmt.Errorf("release messages (sqs:ChangeMessageVisibility): %w", err))
		return
	}
	q.done(ctx, actionRelease, batch, out.Failed, nil)
}

// done records the result of a batch. A call in which every entry failed is a
// failure of the queue.
func (q *queue) done(ctx context.Context, a action, batch []ackRequest, failed []types.BatchResultErrorEntry, err error) {
	if err == nil && len(failed) == len(batch) {
		err = fmt.Errorf("%s: every entry of the batch failed, the first with %s", a, aws.ToString(failed[0].Code))
	}
	if err == nil || ctx.Err() == nil { // otherwise ackGrace is over
		q.status.record(ctx, a, err)
	}
	for _, f := range failed {
		q.o.Logger.DebugContext(ctx, "failed to acknowledge message, it will be redelivered",
			"action", string(a), "code", aws.ToString(f.Code), "reason", aws.ToString(f.Message))
	}
}
