package refresh

import (
	"context"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func targetAttrs(r coverage.Report) []any {
	return []any{"target", r.Target.Name, "kind", r.Target.Kind.String(), "account_id", r.AccountID, "region", r.Target.Region}
}

// logRefresh logs a refresh.
func (w *worker) logRefresh(ctx context.Context, report coverage.Report, r result) {
	level, logger := w.refreshLog.Next(report.State, r.err), w.refresher.o.Logger
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
	level, logger := w.partialLog.Next("", err), w.refresher.o.Logger
	attrs := append(targetAttrs(w.state().report), "resources", resources)
	if err != nil {
		logger.Log(ctx, level, "partial read of target failed", append(attrs, "err", err)...)
		return
	}
	logger.Log(ctx, level, "resources read again", attrs...)
}
