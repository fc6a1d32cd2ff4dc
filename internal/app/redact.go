package app

import (
	"context"
	"log/slog"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
)

// redactHandler is a slog.Handler that removes credentials, tokens and e-mail
// addresses, which AWS error messages may repeat, and then truncates errors.
type redactHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h redactHandler) Handle(ctx context.Context, r slog.Record) error {
	redacted := slog.NewRecord(r.Time, r.Level, awserr.Redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		redacted.AddAttrs(redactAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, redacted)
}

// WithAttrs implements slog.Handler.
func (h redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redactHandler{h.Handler.WithAttrs(redactAttrs(attrs))}
}

// WithGroup implements slog.Handler.
func (h redactHandler) WithGroup(name string) slog.Handler {
	return redactHandler{h.Handler.WithGroup(name)}
}

func redactAttrs(attrs []slog.Attr) []slog.Attr {
	redacted := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		redacted[i] = redactAttr(a)
	}
	return redacted
}

func redactAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, awserr.Redact(v.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(redactAttrs(v.Group())...)}
	}
	if err, ok := v.Any().(error); ok {
		return slog.String(a.Key, truncate(awserr.Redact(err.Error())))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// maxErrorBytes limits an error in the log: some contain a whole response.
const maxErrorBytes = 2000

func truncate(text string) string {
	if len(text) <= maxErrorBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorBytes], "")
}
