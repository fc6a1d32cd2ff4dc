package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a configuration file. Its message is one line and contains no secret.
type Error struct {
	File   string // its name or path
	Line   int    // from 1; of the key, or of the nearest key that contains it
	Key    string // such as targets[1].role_arn; empty if Reason is about the whole file or several keys
	Reason string
}

// Error returns the mistake as file:line: key: reason.
func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Reason)
}

// Errors are all mistakes in one configuration file, ordered by line. Each is an [*Error].
type Errors []error

// Error returns the messages, one per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the individual mistakes.
func (e Errors) Unwrap() []error { return e }

// errorList collects the mistakes in one file. Keys are paths such as targets[1].filter.account_id.equals[0].
type errorList struct {
	file   string
	lines  map[string]int  // line of each key in the file; "" is always present
	wrong  map[string]bool // keys with a mistake: true if in the key itself, false if only in a key within it
	errors []*Error
}

func newErrorList(file string) *errorList {
	return &errorList{file: file, lines: map[string]int{"": 1}, wrong: map[string]bool{}}
}

// addf records a mistake in key.
func (l *errorList) addf(key, format string, args ...any) {
	l.add(key, l.line(key), fmt.Sprintf(format, args...))
}

// addCross records a mistake between several keys, which the reason names. It is reported on the line of key.
func (l *errorList) addCross(key, format string, args ...any) {
	l.errors = append(l.errors, &Error{File: l.file, Line: l.line(key), Reason: fmt.Sprintf(format, args...)})
}

func (l *errorList) add(key string, line int, reason string) {
	l.errors = append(l.errors, &Error{File: l.file, Line: line, Key: key, Reason: reason})
	l.markInvalid(key)
}

// markInvalid excludes key from later checks, whose errors would only follow from the first one.
func (l *errorList) markInvalid(key string) {
	l.wrong[key] = true
	for key != "" {
		key = parent(key)
		if _, known := l.wrong[key]; !known {
			l.wrong[key] = false
		}
	}
}

// isSet reports whether the file contains the key.
func (l *errorList) isSet(key string) bool {
	_, ok := l.lines[key]
	return ok
}

// invalid reports whether key itself has a mistake, not only a key within it.
func (l *errorList) invalid(key string) bool { return l.wrong[key] }

// valid reports whether neither the keys nor any key within them have a mistake.
func (l *errorList) valid(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool {
		_, found := l.wrong[key]
		return found
	})
}

// line returns the line of key, or of the nearest key in the file that contains it.
func (l *errorList) line(key string) int {
	for {
		if line, ok := l.lines[key]; ok {
			return line
		}
		key = parent(key)
	}
}

// err returns the recorded mistakes as an [Errors], or nil.
func (l *errorList) err() error {
	if all := l.all(); len(all) > 0 {
		return all
	}
	return nil
}

// all returns the recorded mistakes, ordered by line.
func (l *errorList) all() Errors {
	slices.SortStableFunc(l.errors, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	all := make(Errors, len(l.errors))
	for i, e := range l.errors {
		all[i] = e
	}
	return all
}

// parent returns the key that contains key, or "" for a top-level key.
func parent(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

// join returns the path of the key name within parent.
func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}
