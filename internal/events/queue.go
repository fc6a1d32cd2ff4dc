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
	// longPoll is the longest wait time that SQS allows.
	longPoll = 20 * time.Second
	// visibilityTimeout exceeds the time to handle and delete a message.
	// Redelivery is harmless.
	visibilityTimeout = 2 * time.Minute
	// applyTimeout limits one call of Options.Apply, so that events of a target
	// that does not respond make room for others.
	applyTimeout = 45 * time.Second
	// maxBatch is the most messages that one SQS call takes or returns.
	maxBatch = 10
	// maxInFlight limits the events of one queue that are handled concurrently.
	// It is high because all events of a target wait while the target does not
	// respond or is refreshed, and must not delay events of other targets.
	maxInFlight = 1000
	// ackDelay is how long to wait for more events of the same batch before
	// their messages are acknowledged: a burst costs few calls, and a slow event
	// does not hold up the others of its batch.
	ackDelay = 100 * time.Millisecond
	// ackGrace is how long messages may still be acknowledged after ctx ends.
	ackGrace = 2 * time.Second
	// maxMalformed is how many IDs of malformed messages are kept, so that each
	// message is counted and logged once.
	maxMalformed = 10_000
)

// ServiceID is the aws_service label of the requests to queues.
const ServiceID = sqs.ServiceID

// Operations returns the operations that a queue needs.
func Operations() []string {
	return []string{"ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
}

// queue receives from one queue. There is one receiver, so that an idle queue
// costs three requests a minute; it does not wait for the batches that it has
// received.
type queue struct {
	url    string
	key    any
	cancel context.CancelFunc
	o      Options
	client *sqs.Client
	status *queueStatus

	slots     *semaphore.Weighted // one for each event in flight or requested
	malformed *recentIDs          // for run alone
}

func newQueue(q Queue, o Options) *queue {
	o.Logger = o.Logger.With("queue", q.URL)
	return &queue{
		url: q.URL, key: q.Key, o: o,
		client:    sqs.NewFromConfig(q.Config),
		status:    newQueueStatus(q.URL, o),
		slots:     semaphore.NewWeighted(maxInFlight),
		malformed: newRecentIDs(maxMalformed),
	}
}

// run receives until ctx ends, and returns when all messages are acknowledged.
func (q *queue) run(ctx context.Context, random func() float64) {
	ackCtx, cancel := extend(ctx, ackGrace)
	defer cancel()
	var batches sync.WaitGroup
	defer batches.Wait()
	p := newPacer()
	for {
		limit := p.limit
		if q.slots.Acquire(ctx, int64(limit)) != nil {
			return
		}
		started := time.Now()
		received, err := q.receive(ctx, limit, p.wait())
		if err != nil && ctx.Err() != nil {
			return
		}
		q.status.record(ctx, actionReceive, err)
		batch := q.decode(ctx, received)
		q.slots.Release(int64(limit) - int64(len(batch)))
		batches.Go(func() { q.handle(ctx, ackCtx, batch) })
		sleep(ctx, p.next(len(received), err, time.Since(started), random()))
	}
}

func (q *queue) receive(ctx context.Context, limit int32, wait time.Duration) ([]types.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         limit,
		WaitTimeSeconds:             seconds(wait),
		VisibilityTimeout:           seconds(visibilityTimeout),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	})
	if err != nil {
		return nil, fmt.Errorf("receive messages (sqs:ReceiveMessage): %w", err)
	}
	return out.Messages[:min(len(out.Messages), int(limit))], nil // the others will be redelivered
}

// message is a received message without its body, which may be large.
type message struct {
	id           string
	receipt      string
	receives     int // 0 if unknown
	notification Notification
	foreign      error // not nil if the message is an event of another type
}

// decode returns the messages to handle. Malformed ones are not deleted; SQS
// moves them to the dead-letter queue after its maxReceiveCount.
func (q *queue) decode(ctx context.Context, received []types.Message) []*message {
	var batch []*message
	for _, r := range received {
		q.o.Metrics.received.Inc()
		m := &message{id: aws.ToString(r.MessageId), receipt: aws.ToString(r.ReceiptHandle)}
		m.receives, _ = strconv.Atoi(r.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
		notification, err := Decode([]byte(aws.ToString(r.Body)))
		switch {
		case err == nil:
			m.notification = notification
		case errors.Is(err, ErrForeign):
			m.foreign = err
		default:
			if q.malformed.add(m.id) {
				q.o.Metrics.discard(malformed)
				q.o.Logger.WarnContext(ctx, "malformed event left in queue", "message_id", m.id, "err", err)
			}
			continue
		}
		batch = append(batch, m)
	}
	return batch
}

// handle handles the events of a batch concurrently and acknowledges their
// messages as they are done.
func (q *queue) handle(ctx, ackCtx context.Context, batch []*message) {
	results := make(chan ackRequest, len(batch))
	for _, m := range batch {
		go func() {
			defer q.slots.Release(1)
			results <- q.apply(ctx, m)
		}()
	}
	var calls sync.WaitGroup
	defer calls.Wait()
	for left := len(batch); left > 0; {
		requests := []ackRequest{<-results}
		<-time.After(ackDelay) // even after ctx has ended, because then all events of a batch end together
		for len(results) > 0 {
			requests = append(requests, <-results)
		}
		left -= len(requests)
		calls.Go(func() { q.acknowledge(ackCtx, requests) })
	}
}

// apply applies an event and returns what to do with its message.
func (q *queue) apply(ctx context.Context, m *message) ackRequest {
	if m.foreign != nil {
		q.o.Logger.DebugContext(ctx, "foreign event deleted", "message_id", m.id, "err", m.foreign)
		q.o.Metrics.discard(foreign)
		return ackRequest{message: m}
	}
	limited, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	outcome, err := q.o.Apply(limited, m.notification.Event)
	if err != nil {
		delay := retryDelay
		if ctx.Err() != nil {
			delay = 0 // available to the next process at once
		}
		q.logHandled(ctx, m, slog.Any("err", err))
		return ackRequest{m, true, delay}
	}
	q.logHandled(ctx, m, slog.String("outcome", string(outcome)))
	if outcome == coverage.Behind {
		if delay, again := redeliveryDelay(m.receives); again {
			return ackRequest{m, true, delay}
		}
	}
	if outcome == coverage.Applied {
		q.o.Metrics.apply(m.notification.Published)
	} else {
		q.o.Metrics.discard(string(outcome))
	}
	return ackRequest{message: m}
}

func (q *queue) logHandled(ctx context.Context, m *message, result slog.Attr) {
	n, e := m.notification, m.notification.Event
	q.o.Logger.LogAttrs(ctx, slog.LevelDebug, "event handled",
		slog.String("message_id", m.id), slog.String("event_id", n.ID), slog.Time("event_time", n.Published),
		slog.String("account_id", e.AccountID), slog.String("region", e.Region), slog.String("resource_type", string(e.Type)),
		slog.String("name", e.Name), slog.String("coverage_status", string(e.Status)), result)
}

// extend returns a context that ends d after ctx, or when the returned function
// is called.
func extend(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
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
