package refresh

import "time"

// Settings say when to look. Interval is longer than Timeout, and MaxStaleness
// than both together.
type Settings struct {
	Interval     time.Duration // from the start of a refresh to the start of the next
	Timeout      time.Duration // of a whole refresh
	MaxStaleness time.Duration // how long a snapshot is shown after it was made
}

const (
	// spacing is the usual distance of the first refreshes of two targets.
	spacing = 50 * time.Millisecond
	// jitter is the part of an interval by which a refresh may come early. It
	// never comes late, so that what is promised within an interval holds.
	jitter = 0.1
)

// firstDelay spreads the first refreshes of n targets, the i-th of which is
// asked for, over no more than half an interval.
func firstDelay(i, n int, interval time.Duration) time.Duration {
	return time.Duration(i) * min(spacing, interval/time.Duration(2*n))
}

// nextStart returns when to refresh again after a refresh that began at start.
// random is from [0,1).
func nextStart(start time.Time, interval time.Duration, random float64) time.Time {
	return start.Add(interval - time.Duration(random*jitter*float64(interval)))
}
