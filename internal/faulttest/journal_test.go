package faulttest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// attempt is one refresh of a target, as the log tells of it.
type attempt struct {
	name, region string
	state        coverage.State
	started      time.Time
	ended        time.Time
}

// journal is a log handler that keeps every line, and the attempts that the
// lines tell of.
type journal struct {
	slog.Handler
	*entries
}

type entries struct {
	mu       sync.Mutex
	text     bytes.Buffer
	attempts []attempt
}

func newJournal() journal {
	kept := &entries{}
	return journal{slog.NewTextHandler(kept, &slog.HandlerOptions{Level: slog.LevelDebug}), kept}
}

func (j journal) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "target refreshed" || r.Message == "refresh of target failed" {
		j.note(r)
	}
	return j.Handler.Handle(ctx, r)
}

func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journal{j.Handler.WithAttrs(attrs), j.entries}
}

func (j journal) WithGroup(name string) slog.Handler {
	return journal{j.Handler.WithGroup(name), j.entries}
}

func (e *entries) note(r slog.Record) {
	a := attempt{started: r.Time, ended: r.Time}
	r.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "target":
			a.name = attr.Value.String()
		case "region":
			a.region = attr.Value.String()
		case "state":
			a.state = coverage.State(attr.Value.String())
		case "duration":
			a.started = r.Time.Add(-attr.Value.Duration())
		}
		return true
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attempts = append(e.attempts, a)
}

// of returns the attempts of a target that started within a time.
func (e *entries) of(t target, from, to time.Time) []attempt {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []attempt
	for _, a := range e.attempts {
		if a.name == t.name && a.region == t.region && a.started.After(from) && a.started.Before(to) {
			found = append(found, a)
		}
	}
	return slices.Clip(found)
}

func (e *entries) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(p)
}

func (e *entries) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// tail is the end of the log, for the message of a failure.
func (e *entries) tail() string {
	text := e.String()
	return text[max(0, len(text)-4000):]
}
