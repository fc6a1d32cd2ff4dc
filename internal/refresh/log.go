package refresh

import (
	"context"
	"log/slog"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func targetAttrs(r coverage.Report) []any {
	return []any{"target", r.Target.Name, "kind", r.Target.Kind.String(), "account_id", r.AccountID, "region", r.Target.Region}
}

// logInterval is how often a failure that lasts is logged above debug level.
const logInterval = time.Hour

// logLevels chooses levels for the log of repeated attempts: the first success
// after a failure, each new cause of failure, and a failure that lasts once per
// logInterval are logged above debug level. The zero value has seen no attempt.
// It is not safe for concurrent use.
type logLevels struct {
	seen   bool
	failed bool
	cause  cause
	logged time.Time
}

type cause struct {
	state coverage.State
	awserr.Cause
}

// next returns the level for an attempt.
func (l *logLevels) next(state coverage.State, err error) slog.Level {
	before, now := *l, time.Now()
	l.seen, l.failed, l.cause = true, err != nil, cause{state, awserr.CauseOf(err)}
	switch {
	case err == nil && before.seen && !before.failed:
		return slog.LevelDebug
	case err == nil:
		return slog.LevelInfo
	case before.failed && before.cause == l.cause && now.Sub(before.logged) < logInterval:
		return slog.LevelDebug
	}
	l.logged = now
	return slog.LevelWarn
}

// logRefresh logs a refresh.
func (w *worker) logRefresh(ctx context.Context, report coverage.Report, r result) {
	level, logger := w.refreshLog.next(report.State, r.err), w.refresher.o.Logger
	attrs := append(targetAttrs(report), "state", string(report.State), "duration", r.duration)
	if r.err != nil {
		logger.Log(ctx, level, "target refresh failed", append(attrs, "err", r.err)...)
		return
	}
	switch s := r.snapshot; {
	case s == nil:
	case report.Target.Kind == coverage.KindAccountNames:
		attrs = append(attrs, "accounts", len(s.AccountNames))
	default:
		attrs = append(attrs, "resources", len(s.Resources))
	}
	logger.Log(ctx, level, "target refreshed", attrs...)
}

// logPartialRead logs a partial read.
func (w *worker) logPartialRead(ctx context.Context, resources int, err error) {
	if resources == 0 || ctx.Err() != nil {
		return // stopped, which is not a failure of the target
	}
	level, logger := w.partialLog.next("", err), w.refresher.o.Logger
	attrs := append(targetAttrs(w.state().report), "resources", resources)
	if err != nil {
		logger.Log(ctx, level, "partial read of target failed", append(attrs, "err", err)...)
		return
	}
	logger.Log(ctx, level, "resources read again", attrs...)
}
