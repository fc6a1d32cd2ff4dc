package refresh

import (
	"context"
	"log/slog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func targetAttrs(t coverage.TargetID) []any {
	return []any{"target", t.Name, "kind", t.Kind.String(), "account_id", t.AccountID, "region", t.Region}
}

// logRefresh logs a refresh, above debug level only when the state has changed.
func (w *worker) logRefresh(ctx context.Context, before coverage.State, report coverage.Report, r result) {
	success, failure := slog.LevelInfo, slog.LevelWarn
	if before == report.State {
		success, failure = slog.LevelDebug, slog.LevelDebug
	}
	logger := w.refresher.o.Logger
	attrs := append(targetAttrs(report.Target), "state", string(report.State), "duration", r.duration)
	if r.err != nil {
		logger.Log(ctx, failure, "target refresh failed", append(attrs, "err", r.err)...)
		return
	}
	if r.snapshot != nil {
		attrs = append(attrs, "resources", len(r.snapshot.Resources))
	}
	logger.Log(ctx, success, "target refreshed", attrs...)
}

// logPartialRead logs a partial read, above debug level only when it begins or
// ceases to fail.
func (w *worker) logPartialRead(ctx context.Context, resources int, err error) {
	if resources == 0 || ctx.Err() != nil {
		return // stopped, which is not a failure of the target
	}
	level := slog.LevelDebug
	if failed := err != nil; failed != w.partialReadFailed {
		level = slog.LevelInfo
		if failed {
			level = slog.LevelWarn
		}
		w.partialReadFailed = failed
	}
	logger, attrs := w.refresher.o.Logger, []any{"target", w.id.Name, "region", w.id.Region, "resources", resources}
	if err != nil {
		logger.Log(ctx, level, "partial read of target failed", append(attrs, "err", err)...)
		return
	}
	logger.Log(ctx, level, "resources read again", attrs...)
}
