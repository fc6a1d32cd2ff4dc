package events

import "time"

const (
	// firstBackoff is the pause after a failed receive. It doubles with each
	// further failure, up to maxBackoff.
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// minPollInterval is the least time between empty long polls, should a
	// queue respond to them without waiting.
	minPollInterval = time.Second
	// retryDelay is the delay after which an event that could not be applied is redelivered.
	retryDelay = time.Minute
)

// pacer decides when to receive next, how much, and how long to wait for it.
type pacer struct {
	limit    int32 // messages per receive
	failures int   // since the last success
	ok       bool  // the last receive succeeded
}

func newPacer() *pacer { return &pacer{limit: maxBatch} }

// wait returns the wait time of the next receive. The first one and those after
// a failure do not wait, so that the state of the queue is soon known.
func (p *pacer) wait() time.Duration {
	if p.ok {
		return longPoll
	}
	return 0
}

// next takes the result and duration of a receive and returns the pause before
// the next one. After a failure the limit is 1, because several messages may be
// too large for one response; it grows by one with each response that has
// messages. random is from [0,1).
func (p *pacer) next(messages int, err error, took time.Duration, random float64) time.Duration {
	polled := p.ok
	p.ok = err == nil
	if err != nil {
		p.limit = 1
		p.failures++
		return backoff(p.failures, random)
	}
	p.failures = 0
	if messages > 0 {
		p.limit = min(p.limit+1, maxBatch)
		return 0
	}
	if polled {
		return minPollInterval - took
	}
	return 0
}

// backoff returns the pause after that many failures in a row, half of it random.
func backoff(failures int, random float64) time.Duration {
	longest := maxBackoff
	if doublings := failures - 1; doublings < 6 {
		longest = min(maxBackoff, firstBackoff<<doublings)
	}
	return longest/2 + time.Duration(random*float64(longest/2))
}

// redeliveryDelay returns the delay after which to handle an event again that
// GuardDuty does not list yet, and whether to do so at all: not if its message
// was received too often, or has no receive count. The next refresh reads the
// resource in any case.
func redeliveryDelay(receives int) (time.Duration, bool) {
	delays := []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
	if receives < 1 || receives > len(delays) {
		return 0, false
	}
	return delays[receives-1], true
}
