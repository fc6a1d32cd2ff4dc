package events

import (
	"context"
	"log/slog"
	"sync"
)

// action is a kind of request to a queue.
type action string

const (
	actionReceive action = "receive"
	actionDelete  action = "delete"
	actionRelease action = "release"
)

// queueStatus exports and logs whether the requests to a queue succeed. It is
// safe for concurrent use.
type queueStatus struct {
	url string
	o   Options

	mu      sync.Mutex
	failed  map[action]bool // by the last request of each action that was tried
	stopped bool
}

func newQueueStatus(url string, o Options) *queueStatus {
	return &queueStatus{url: url, o: o, failed: map[action]bool{}}
}

// record records the result of an action. A queue is up while receiving and
// deleting succeed. Failures to release a message do not affect that: the
// message reappears on its own.
func (s *queueStatus) record(ctx context.Context, a action, err error) {
	failed, first, ok := s.set(a, err != nil)
	switch {
	case !ok:
	case err != nil:
		level := slog.LevelWarn
		if failed {
			level = slog.LevelDebug
		}
		s.o.Logger.LogAttrs(ctx, level, "request to event queue failed", slog.String("action", string(a)), slog.Any("err", err))
	case failed, first && a == actionReceive:
		s.o.Logger.LogAttrs(ctx, slog.LevelInfo, "request to event queue succeeded", slog.String("action", string(a)))
	}
}

// set sets the result of an action. It returns whether the action failed before
// and whether this is its first result; ok is false after stop.
func (s *queueStatus) set(a action, failed bool) (before, first, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false, false, false
	}
	before, tried := s.failed[a]
	s.failed[a] = failed
	s.o.Metrics.setUp(s.url, !s.failed[actionReceive] && !s.failed[actionDelete])
	return before, !tried, true
}

// stop removes the queue's metric. Later results are ignored. A result that was
// recorded before may still be logged after stop returns.
func (s *queueStatus) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.o.Metrics.dropUp(s.url)
}
