package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake of a configuration file. Its message is one line, without the value of any secret.
type Error struct {
	File   string // as given to Load or Parse
	Line   int    // from 1; of the key, or of the nearest thing that holds it
	Key    string // such as targets[1].role_arn; empty where Reason speaks of the file or of several keys
	Reason string
}

// Error returns the mistake as file:line: key: reason.
func (e *Error) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Reason)
}

// Errors is every mistake of one configuration file, in the order of their lines; each is an [*Error].
type Errors []error

// Error returns the messages, one to a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single mistakes.
func (e Errors) Unwrap() []error { return e }

// report gathers the mistakes of one file. Keys are paths such as targets[1].filter.account_id.equals[0].
type report struct {
	file   string
	lines  map[string]int  // of the keys that the file has; that of "" is always known
	wrong  map[string]bool // keys with a mistake: true of their own, false somewhere within
	errors []*Error
}

func newReport(file string) *report {
	return &report{file: file, lines: map[string]int{"": 1}, wrong: map[string]bool{}}
}

// addf records a mistake of key.
func (r *report) addf(key, format string, args ...any) {
	r.add(key, r.line(key), fmt.Sprintf(format, args...))
}

// addAcross records a mistake that lies between several keys, all of them named in its reason; it stands on the line of
// key.
func (r *report) addAcross(key, format string, args ...any) {
	r.errors = append(r.errors, &Error{File: r.file, Line: r.line(key), Reason: fmt.Sprintf(format, args...)})
}

func (r *report) add(key string, line int, reason string) {
	r.errors = append(r.errors, &Error{File: r.file, Line: line, Key: key, Reason: reason})
	r.mark(key)
}

// mark keeps later checks from building on key, whose value is not what its author meant.
func (r *report) mark(key string) {
	r.wrong[key] = true
	for key != "" {
		key = parent(key)
		if _, known := r.wrong[key]; !known {
			r.wrong[key] = false
		}
	}
}

// given reports whether the file has the key.
func (r *report) given(key string) bool {
	_, ok := r.lines[key]
	return ok
}

// unusable reports whether the value of key as a whole was refused.
func (r *report) unusable(key string) bool { return r.wrong[key] }

// sound reports whether no mistake was found in any of the keys or within them.
func (r *report) sound(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool {
		_, found := r.wrong[key]
		return found
	})
}

// line returns where key stands, or the nearest thing around it that the file has.
func (r *report) line(key string) int {
	for {
		if line, ok := r.lines[key]; ok {
			return line
		}
		key = parent(key)
	}
}

// err returns what was recorded as an Errors, or nil.
func (r *report) err() error {
	if len(r.errors) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errors, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	all := make(Errors, len(r.errors))
	for i, e := range r.errors {
		all[i] = e
	}
	return all
}

// parent returns the key that holds key, "" at the top.
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
