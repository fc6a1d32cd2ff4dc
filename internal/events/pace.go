package events

import "time"

const (
	// firstBackoff is the pause after a failed receive. It doubles with each
	// further one, up to lastBackoff.
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// shortestPoll is how soon an empty long poll is followed by the next one,
	// should a queue answer without waiting.
	shortestPoll = time.Second
	// afterFailure is when a change that could not be looked at is looked at again.
	afterFailure = time.Minute
)

// pace says how to receive next.
type pace struct {
	limit    int32 // of messages
	failures int   // since the last success
	answered bool  // by the last receive
}

func newPace() *pace { return &pace{limit: maxBatch} }

// wait is how long SQS may wait for a message: not at all at first and after a
// failure, so that it is soon known whether the queue can be read.
func (p *pace) wait() time.Duration {
	if p.answered {
		return longPoll
	}
	return 0
}

// next takes what a receive that took so long has brought, and returns how long
// to pause before the next one. After a failure messages are asked for one at a
// time, for it may be that several are too large for one answer; each answer
// with messages makes room for one more. random is from [0,1).
func (p *pace) next(messages int, err error, took time.Duration, random float64) time.Duration {
	polled := p.answered
	p.answered = err == nil
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
		return shortestPoll - took
	}
	return 0
}

// backoff returns the pause after that many failures in a row: half of it is
// certain, the other half random.
func backoff(failures int, random float64) time.Duration {
	longest := lastBackoff
	if doublings := failures - 1; doublings < 6 {
		longest = min(lastBackoff, firstBackoff<<doublings)
	}
	return longest/2 + time.Duration(random*float64(longest/2))
}

// lookAgain returns after what time to look again at a change that GuardDuty
// does not list yet, and whether to do so at all: a message that has been
// received too often, or without a count, is given up. What is listed then
// shows with the next refresh.
func lookAgain(receives int) (time.Duration, bool) {
	delays := []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}
	if receives < 1 || receives > len(delays) {
		return 0, false
	}
	return delays[receives-1], true
}
