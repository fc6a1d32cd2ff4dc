package config

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands for a secret wherever one is printed.
const redacted = "<secret>"

// Secret is a text that no formatting, encoding or logging shows: all of them give "<secret>", or nothing for the
// empty one. Only Reveal returns the text.
type Secret string

var (
	_ fmt.Formatter  = Secret("")
	_ slog.LogValuer = Secret("")
)

// Reveal returns the text itself, for the call to AWS that needs it.
func (s Secret) Reveal() string { return string(s) }

// String returns the placeholder.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns the placeholder.
func (s Secret) GoString() string { return s.String() }

// Format writes the placeholder whatever the verb is.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, s.String()) // a fmt.State keeps its own errors
}

// LogValue returns the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the placeholder, and makes encoding/json and YAML write it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
