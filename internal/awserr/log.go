package awserr

import (
	"log/slog"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// logInterval is how often a failure that lasts is logged above debug level.
const logInterval = time.Hour

// LogLevels chooses levels for the log of repeated attempts: the first success
// after a failure, each new cause of failure, and a failure that lasts once per
// hour are logged above debug level. The zero value has seen no attempt. It is not
// safe for concurrent use.
type LogLevels struct {
	seen   bool
	failed bool
	state  coverage.State
	cause  Cause
	logged time.Time
}

// Next returns the level for an attempt.
func (l *LogLevels) Next(state coverage.State, err error) slog.Level {
	before, now := *l, time.Now()
	l.seen, l.failed, l.state, l.cause = true, err != nil, state, CauseOf(err)
	switch {
	case err == nil && before.seen && !before.failed:
		return slog.LevelDebug
	case err == nil:
		return slog.LevelInfo
	case before.failed && before.state == state && before.cause == l.cause && now.Sub(before.logged) < logInterval:
		return slog.LevelDebug
	}
	l.logged = now
	return slog.LevelWarn
}
