package coverage

import "time"

// Instant is a time in milliseconds since 1970, as fine as the API gives it, or
// none at all where it is 0. A [time.Time] takes three times its memory.
type Instant int64

// InstantOf makes an Instant of a time, none of the zero one.
func InstantOf(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixMilli())
}

// Time returns the time in UTC, the zero one for none.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(i)).UTC()
}
