package app

import (
	"context"
	"log/slog"
	"regexp"
)

// discreet is a slog.Handler that leaves out of what is logged what AWS, or
// whoever answers in its place, may repeat of a request or of an answer that
// cannot be read: access key IDs, secret access keys, session tokens, web
// identity tokens and e-mail addresses.
type discreet struct{ slog.Handler }

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, withoutSecrets(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleanAttr(a))
		return true
	})
	return d.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(cleanAttrs(attrs))}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }

func cleanAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleanAttr(a)
	}
	return clean
}

func cleanAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, withoutSecrets(v.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(cleanAttrs(v.Group())...)}
	}
	if err, ok := v.Any().(error); ok {
		return slog.String(a.Key, withoutSecrets(err.Error()))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// secrets are an access key ID; a secret access key or a session token by the
// name before it; a session token without a name, which is longer than any word
// without hyphens in a name of AWS's; a web identity token; and an e-mail address.
var secrets = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b` +
	`|(?i:secret_?access_?key|session_?token)["']?\s*[:=>]\s*["']?[^\s"'<,&]+` +
	`|[A-Za-z0-9+/=%]{100,}` +
	`|\beyJ[\w-]+\.[\w.-]+` +
	`|[\w.%+-]+@[\w-]+(?:\.[\w-]+)+`)

func withoutSecrets(text string) string { return secrets.ReplaceAllLiteralString(text, "<secret>") }
