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

// gather is how long settled messages are gathered for one call.
const gather = 100 * time.Millisecond

// entry is a message that is settled.
type entry struct {
	*message
	delay time.Duration // after which it shall come again, where it is handed back
}

// delete removes messages from the queue. Those that are not removed come again.
func (q *queue) delete(ctx context.Context, batch []entry) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, e := range batch {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(q.underWay.receipt(e.message)),
		})
	}
	out, err := q.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		q.finish(ctx, deleting, batch, nil, fmt.Errorf("delete messages (sqs:DeleteMessage): %w", err))
		return
	}
	q.finish(ctx, deleting, batch, out.Failed, nil)
}

// handBack makes messages visible again after their delays. Those for which
// that fails become visible all the same, when their visibility timeout ends.
func (q *queue) handBack(ctx context.Context, batch []entry) {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
	for i, e := range batch {
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(q.underWay.receipt(e.message)),
			VisibilityTimeout: seconds(e.delay),
		})
	}
	out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		q.finish(ctx, handingBack, batch, nil, fmt.Errorf("hand messages back (sqs:ChangeMessageVisibility): %w", err))
		return
	}
	q.finish(ctx, handingBack, batch, out.Failed, nil)
}

// finish lets go of the messages of a batch, whatever became of it.
func (q *queue) finish(ctx context.Context, a action, batch []entry, failed []types.BatchResultErrorEntry, err error) {
	for _, e := range batch {
		q.underWay.remove(e.message)
	}
	q.slots.Release(int64(len(batch)))
	if err == nil && len(failed) == len(batch) {
		err = fmt.Errorf("%s: every message of the request failed, the first with %s", a, aws.ToString(failed[0].Code))
	}
	if err == nil || ctx.Err() == nil { // else the time to stop is over
		q.health.report(ctx, a, err)
	}
	for _, f := range failed {
		q.o.Logger.DebugContext(ctx, "message not settled, so it comes again",
			"action", string(a), "code", aws.ToString(f.Code), "reason", aws.ToString(f.Message))
	}
}

// batcher gathers entries and sends them together, up to maxBatch at a time. It
// is safe for concurrent use.
type batcher struct {
	running *sync.WaitGroup
	send    func([]entry)

	mu   sync.Mutex
	open *batch // that further entries go into, nil for none
}

type batch struct {
	entries []entry
	full    chan struct{} // closed when there is no more room
}

// newBatcher returns a batcher whose goroutines count as running. send owns the
// slice that it gets and is called concurrently.
func newBatcher(running *sync.WaitGroup, send func([]entry)) *batcher {
	return &batcher{running: running, send: send}
}

func (b *batcher) add(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		opened := &batch{full: make(chan struct{})}
		b.open = opened
		b.running.Go(func() { b.run(opened) })
	}
	b.open.entries = append(b.open.entries, e)
	if len(b.open.entries) == maxBatch {
		close(b.open.full)
		b.open = nil
	}
}

// run sends one batch when it is full or has gathered for long enough.
func (b *batcher) run(opened *batch) {
	select {
	case <-opened.full:
	case <-time.After(gather):
	}
	b.mu.Lock()
	if b.open == opened {
		b.open = nil
	}
	b.mu.Unlock()
	b.send(opened.entries)
}
