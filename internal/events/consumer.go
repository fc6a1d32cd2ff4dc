// Package events receives GuardDuty's change notifications from SQS queues.
// Events are hints: the resource they name is read again from GuardDuty.
//
// Each queue has one receiver: receive up to ten messages, decode them, apply
// their events concurrently, then delete the messages of those that are done and
// release the rest, each in one call. A message is deleted only after its change
// is exported or known not to matter; all others are redelivered. SQS delivers
// at least once and in no order, so the same event may be applied twice.
//
// Sources: the Amazon SQS API reference (ReceiveMessage, DeleteMessageBatch,
// ChangeMessageVisibilityBatch), the pages on runtime coverage in the GuardDuty
// user guide, and the Amazon EventBridge events reference, read in November 2026.
package events

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Queue is one queue to receive from.
type Queue struct {
	URL string
	// Key is a comparable value of all settings that Config is made of. While it
	// stays the same, [Consumer.Set] keeps the queue and the Config it has.
	Key any
	// Config has the Region of the queue. Its HTTP client must allow for more
	// than 20 seconds without a response, and limits the time of a request.
	Config aws.Config
}

// Options of a Consumer. All are required.
type Options struct {
	// Apply handles an event and returns its outcome. It is called concurrently,
	// and must return soon after its context ends. After an error the same event
	// is applied again later.
	Apply   func(context.Context, coverage.Event) (coverage.Outcome, error)
	Metrics *Metrics
	Logger  *slog.Logger
}

// Consumer receives from queues. It is safe for concurrent use.
type Consumer struct {
	o       Options
	running sync.WaitGroup

	mu     sync.Mutex
	queues map[string]*queue // by URL
}

// New returns a Consumer without queues.
func New(o Options) *Consumer {
	return &Consumer{o: o, queues: map[string]*queue{}}
}

// Set replaces the queues, which are identified by their URLs. Queues whose Key
// is the same are kept; others are started anew, and those that are gone are
// stopped. All run until ctx ends.
func (c *Consumer) Set(ctx context.Context, queues []Queue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	wanted := map[string]Queue{}
	for _, q := range queues {
		wanted[q.URL] = q
	}
	for url, running := range c.queues {
		if q, ok := wanted[url]; !ok || q.Key != running.key {
			running.cancel()
			running.status.stop()
			delete(c.queues, url)
		}
	}
	for url, q := range wanted {
		if _, ok := c.queues[url]; ok {
			continue
		}
		added := newQueue(q, c.o)
		queueCtx, cancel := context.WithCancel(ctx)
		added.cancel = cancel
		c.queues[url] = added
		c.running.Go(func() { added.run(queueCtx, rand.Float64) })
	}
}

// Status returns what is known of each queue, sorted by URL.
func (c *Consumer) Status() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Status
	for _, url := range slices.Sorted(maps.Keys(c.queues)) {
		all = append(all, c.queues[url].status.status())
	}
	return all
}

// Wait returns when all queues have stopped, at most a few seconds after the
// context of Set has ended. Messages in flight have been released by then, as
// far as possible.
func (c *Consumer) Wait() { c.running.Wait() }
