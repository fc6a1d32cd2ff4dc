package faulttest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// refreshResult is one refresh of a target, as logged.
type refreshResult struct {
	name, region   string
	state          coverage.State
	started, ended time.Time
}

// logRecorder is a slog.Handler that records the log and the refreshes in it.
type logRecorder struct {
	slog.Handler
	*recorded
}

type recorded struct {
	mu        sync.Mutex
	text      bytes.Buffer
	refreshes []refreshResult
}

func newLogRecorder() logRecorder {
	r := &recorded{}
	return logRecorder{slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}), r}
}

func (l logRecorder) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "target refreshed" || r.Message == "target refresh failed" {
		l.addRefresh(r)
	}
	return l.Handler.Handle(ctx, r)
}

func (l logRecorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logRecorder{l.Handler.WithAttrs(attrs), l.recorded}
}

func (l logRecorder) WithGroup(name string) slog.Handler {
	return logRecorder{l.Handler.WithGroup(name), l.recorded}
}

func (l *recorded) addRefresh(r slog.Record) {
	f := refreshResult{started: r.Time, ended: r.Time}
	r.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "target":
			f.name = attr.Value.String()
		case "region":
			f.region = attr.Value.String()
		case "state":
			f.state = coverage.State(attr.Value.String())
		case "duration":
			f.started = r.Time.Add(-attr.Value.Duration())
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refreshes = append(l.refreshes, f)
}

// refreshesOf returns the refreshes of a target that started between two times.
func (l *recorded) refreshesOf(t target, from, to time.Time) []refreshResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []refreshResult
	for _, f := range l.refreshes {
		if f.name == t.name && f.region == t.region && f.started.After(from) && f.started.Before(to) {
			found = append(found, f)
		}
	}
	return found
}

func (l *recorded) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *recorded) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tail returns the end of the log, for failure messages.
func (l *recorded) tail() string {
	text := l.String()
	return text[max(0, len(text)-4000):]
}
