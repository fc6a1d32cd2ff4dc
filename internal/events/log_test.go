package events_test

import (
	"context"
	"log/slog"
	"slices"
)

// line is a log line.
type line struct {
	Level slog.Level
	Text  string // the message and the values of some attributes
	attrs map[string]slog.Value
}

// logHandler records lines in the harness.
type logHandler struct {
	*harness
	attrs []slog.Attr
}

func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	l := line{Level: record.Level, Text: record.Message, attrs: map[string]slog.Value{}}
	for _, a := range h.attrs {
		l.attrs[a.Key] = a.Value
	}
	record.Attrs(func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value
		return true
	})
	for _, key := range []string{"action", "message_id"} {
		if v, ok := l.attrs[key]; ok {
			l.Text += " " + v.String()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, l)
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.harness, append(slices.Clone(h.attrs), attrs...)}
}

func (*logHandler) WithGroup(string) slog.Handler { panic("not expected") }

// logged returns the log lines above DEBUG.
func (h *harness) logged() []line {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.lines), func(l line) bool { return l.Level == slog.LevelDebug })
}

// wantLog checks the log lines above DEBUG: level, message and action.
func (h *harness) wantLog(want ...string) {
	h.t.Helper()
	var got []string
	for _, l := range h.logged() {
		got = append(got, l.Level.String()+" "+l.Text)
	}
	equal(h.t, "log", want, got)
}
