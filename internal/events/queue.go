package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/semaphore"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// longPoll is how long SQS may wait for a message, the most it allows.
	longPoll = 20 * time.Second
	// visibility is how long a message stays hidden from its receipt on: longer
	// than a look and the delete after it usually take. If it runs out, the
	// message comes again, which does no harm.
	visibility = 2 * time.Minute
	// longestLook bounds a look, so that changes which cannot be looked at now
	// make room for others.
	longestLook = 45 * time.Second
	// maxBatch is the most messages that one call of SQS may be about.
	maxBatch = 10
	// maxUnderWay bounds the messages of one queue that are being looked at.
	maxUnderWay = 1000
	// maxMalformed is how many messages that cannot be read are remembered.
	maxMalformed = 10_000
	// grace is how long after the stop messages may still be deleted and handed back.
	grace = 2 * time.Second
)

// queue receives from one queue and settles what it has received.
type queue struct {
	url    string
	asks   any
	cancel context.CancelFunc
	o      Options
	client *sqs.Client
	health *health

	running   sync.WaitGroup      // the goroutines of messages and of batches
	slots     *semaphore.Weighted // one for each message under way or asked for
	underWay  *underWay
	malformed *memory // for run alone
	deletes   *batcher
	handBacks *batcher
}

func newQueue(q Queue, o Options) *queue {
	o.Logger = o.Logger.With("queue", q.URL)
	return &queue{
		url: q.URL, asks: q.Key, o: o,
		client:    sqs.NewFromConfig(q.Config),
		health:    newHealth(q.URL, o),
		slots:     semaphore.NewWeighted(maxUnderWay),
		underWay:  newUnderWay(),
		malformed: newMemory(maxMalformed),
	}
}

// run receives until ctx ends, and then waits for the messages under way.
func (q *queue) run(ctx context.Context, random func() float64) {
	settling, end := outlast(ctx, grace)
	defer end()
	q.deletes = newBatcher(&q.running, func(batch []entry) { q.delete(settling, batch) })
	q.handBacks = newBatcher(&q.running, func(batch []entry) { q.handBack(settling, batch) })
	defer q.running.Wait()

	p := newPace()
	for {
		asked := p.limit
		if q.slots.Acquire(ctx, int64(asked)) != nil {
			return
		}
		started := time.Now()
		messages, err := q.receive(ctx, asked, p.wait())
		if err != nil && ctx.Err() != nil {
			return // told to stop: that is no failure of the queue
		}
		q.health.report(ctx, receiving, err)
		used := 0
		for _, m := range messages {
			if q.take(ctx, m) {
				used++
			}
		}
		q.slots.Release(int64(asked) - int64(used))
		sleep(ctx, p.next(len(messages), err, time.Since(started), random()))
	}
}

func (q *queue) receive(ctx context.Context, limit int32, wait time.Duration) ([]types.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         limit,
		WaitTimeSeconds:             seconds(wait),
		VisibilityTimeout:           seconds(visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	})
	if err != nil {
		return nil, fmt.Errorf("receive messages (sqs:ReceiveMessage): %w", err)
	}
	return out.Messages[:min(len(out.Messages), int(limit))], nil // more would come again
}

// take begins with a message and says whether it is under way from now on. The
// body is not kept, for it may be large.
func (q *queue) take(ctx context.Context, received types.Message) bool {
	q.o.Metrics.received.Inc()
	m := &message{id: aws.ToString(received.MessageId), receipt: aws.ToString(received.ReceiptHandle)}
	m.receives, _ = strconv.Atoi(received.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if q.underWay.renew(m) {
		return false
	}
	event, err := Decode([]byte(aws.ToString(received.Body)))
	if err != nil && !errors.Is(err, ErrForeign) {
		q.leave(ctx, m.id, err)
		return false
	}
	q.underWay.add(m)
	if err != nil {
		q.o.Logger.DebugContext(ctx, "foreign event deleted", "message_id", m.id, "err", err)
		q.o.Metrics.discard(foreign)
		q.deletes.add(entry{message: m})
		return true
	}
	q.running.Go(func() { q.look(ctx, m, event) })
	return true
}

// leave leaves a message that cannot be read to the dead-letter queue, which
// SQS moves it to when it has come often enough.
func (q *queue) leave(ctx context.Context, messageID string, err error) {
	if !q.malformed.add(messageID) {
		return
	}
	q.o.Metrics.discard(malformed)
	q.o.Logger.WarnContext(ctx, "event cannot be read and is left in its queue", "message_id", messageID, "err", err)
}

// look has the change looked at and settles the message accordingly.
func (q *queue) look(ctx context.Context, m *message, e Event) {
	looking, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	verdict, err := q.o.Apply(looking, e.Change)
	if err != nil {
		delay := afterFailure
		if ctx.Err() != nil {
			delay = 0 // whoever comes next may have it at once
		}
		q.logLook(ctx, m, e, slog.Any("err", err))
		q.handBacks.add(entry{m, delay})
		return
	}
	q.logLook(ctx, m, e, slog.String("verdict", string(verdict)))
	if verdict == coverage.Behind {
		if delay, again := lookAgain(q.underWay.receives(m)); again {
			q.handBacks.add(entry{m, delay})
			return
		}
	}
	if verdict == coverage.Applied {
		q.o.Metrics.apply(e.Time)
	} else {
		q.o.Metrics.discard(string(verdict))
	}
	q.deletes.add(entry{message: m})
}

func (q *queue) logLook(ctx context.Context, m *message, e Event, result slog.Attr) {
	c := e.Change
	q.o.Logger.LogAttrs(ctx, slog.LevelDebug, "event looked at",
		slog.String("message_id", m.id), slog.String("event_id", e.ID), slog.Time("event_time", e.Time),
		slog.String("account_id", c.AccountID), slog.String("region", c.Region), slog.String("resource_type", string(c.Type)),
		slog.String("name", c.Name), slog.String("coverage_status", string(c.Status)), result)
}

// outlast returns a context that ends that long after ctx, or when the returned
// function is called.
func outlast(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func seconds(d time.Duration) int32 { return int32(d.Seconds()) }
