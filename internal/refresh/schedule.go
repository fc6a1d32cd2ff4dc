package refresh

import (
	"cmp"
	"time"
)

// Settings is the schedule of refreshes. Interval is longer than Timeout, and
// MaxStaleness is longer than both together.
type Settings struct {
	Interval     time.Duration // from the start of a refresh to the start of the next
	Timeout      time.Duration // of one refresh
	MaxStaleness time.Duration // how long a snapshot is exported after the refresh that read it
}

// of returns the settings of a target.
func (s Settings) of(t Target) Settings {
	s.Interval = cmp.Or(t.Interval, s.Interval)
	s.Timeout = cmp.Or(t.Timeout, s.Timeout)
	return s
}

const (
	// spacing is the usual time between the first refreshes of two targets.
	spacing = 50 * time.Millisecond
	// jitter is the fraction of an interval by which a refresh may start early.
	// It never starts late, so that data is at most one interval old.
	jitter = 0.1
)

// firstDelay spreads the first refreshes of n targets over at most half an
// interval. i is the index of the target.
func firstDelay(i, n int, interval time.Duration) time.Duration {
	return time.Duration(i) * min(spacing, interval/time.Duration(2*n))
}

// nextStart returns when to refresh again after a refresh that began at start.
// random is from [0,1).
func nextStart(start time.Time, interval time.Duration, random float64) time.Time {
	return start.Add(interval - time.Duration(random*jitter*float64(interval)))
}
