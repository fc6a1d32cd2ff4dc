package events

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
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
	last    Status
	stopped bool
}

// Status is what is known of a queue, for people.
type Status struct {
	URL string
	// Up is the value of guardduty_event_queue_up: false before the first request.
	Up          bool
	LastSuccess time.Time         // of a receive request; zero before the first one
	LastFailure *coverage.Failure // the last failed request, nil for none; it stays after a success
}

func newQueueStatus(url string, o Options) *queueStatus {
	return &queueStatus{url: url, o: o, failed: map[action]bool{}, last: Status{URL: url}}
}

// record records the result of an action. A queue is up while receiving and
// deleting succeed. Failures to release a message do not affect that: the
// message reappears on its own.
func (s *queueStatus) record(ctx context.Context, a action, err error) {
	failed, first, ok := s.set(a, err)
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
func (s *queueStatus) set(a action, err error) (before, first, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false, false, false
	}
	before, tried := s.failed[a]
	s.failed[a] = err != nil
	switch {
	case err != nil:
		s.last.LastFailure = awserr.Failure(time.Now(), err)
	case a == actionReceive:
		s.last.LastSuccess = time.Now()
	}
	s.last.Up = !s.failed[actionReceive] && !s.failed[actionDelete]
	s.o.Metrics.setUp(s.url, s.last.Up)
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

func (s *queueStatus) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
