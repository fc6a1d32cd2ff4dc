// Package events receives GuardDuty's change notifications from SQS queues. An
// event is a hint that one resource has changed, not the truth: whoever is
// handed it asks GuardDuty again.
//
// Every queue has a goroutine that receives, and each message under way one of
// its own, so that a slow look keeps no other message waiting. A message is
// deleted only after what it says is known, or is known not to matter; all else
// comes again. SQS delivers at least once and in no order, so the same event may
// be looked at twice.
//
// Sources: the Amazon SQS API reference (ReceiveMessage, DeleteMessageBatch,
// ChangeMessageVisibilityBatch), the pages on runtime coverage in the GuardDuty
// user guide, and the Amazon EventBridge events reference.
package events

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Queue is one queue to receive from.
type Queue struct {
	URL string
	// Key is a comparable value of everything that decides how the queue is
	// reached. While it stays the same the queue goes on through
	// [Consumer.Set], with the Config that it began with.
	Key any
	// Config has the Region of the queue. Its HTTP client must wait longer than
	// 20 seconds for an answer, and bounds what a queue that hangs costs.
	Config aws.Config
}

// Options of a Consumer. All are required.
type Options struct {
	// Apply says what became of a change. It is called concurrently, for as many
	// changes as there are messages under way, and ends soon after its context
	// does. After an error the same change is looked at again later.
	Apply   func(context.Context, coverage.Event) (coverage.Outcome, error)
	Metrics *Metrics
	Logger  *slog.Logger
}

// Consumer is safe for concurrent use.
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

// Set makes these the queues, identified by their URLs. Queues that ask the
// same as before go on; others start anew, and those that are gone are stopped.
// All run until ctx ends.
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
		if q, ok := wanted[url]; !ok || q.Key != running.asks {
			running.cancel()
			running.health.retire()
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

// Wait returns when all goroutines of queues have ended, at most a few seconds
// after the context of Set has. Messages under way have been handed back to
// their queues then, as far as that was possible.
func (c *Consumer) Wait() { c.running.Wait() }
