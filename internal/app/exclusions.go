package app

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// exclude applies exclusions to what was read.
func (a *app) exclude(now time.Time, entries []exclusion.Entry, v *coverage.View, ecs []diagnosis.Report) exclusion.Result {
	if len(entries) == 0 {
		return exclusion.Result{}
	}
	return exclusion.Apply(exclusion.Input{
		Now: now, Entries: entries, View: v, ECS: ecs, Targets: slices.Collect(maps.Keys(a.refresher.Next())),
	})
}

// nextEnd returns when the next exclusion ends, zero for never.
func nextEnd(r exclusion.Result) time.Time {
	var next time.Time
	for _, e := range r.Entries {
		if !e.Ended {
			next = earliest(next, e.End())
		}
	}
	return next
}

// earliest returns the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// exclusionLog logs the end of each exclusion once.
type exclusionLog struct {
	logged map[string]time.Time // the ends by name
}

func (l *exclusionLog) log(logger *slog.Logger, r exclusion.Result) {
	for _, e := range r.Entries {
		if !e.Ended || l.logged[e.Name].Equal(e.End()) {
			continue
		}
		if l.logged == nil {
			l.logged = map[string]time.Time{}
		}
		l.logged[e.Name] = e.End()
		logger.Warn("exclusion has ended, its clusters count again", "exclusion", e.Name, "last_day", e.LastDay(), "owner", e.Owner)
	}
}
