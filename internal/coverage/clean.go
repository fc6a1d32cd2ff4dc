package coverage

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTextBytes bounds every text that becomes a label value.
const MaxTextBytes = 200

// Sanitize makes a text fit for a label value, a log line and a terminal: valid
// UTF-8, no control, format or bidirectional characters, runs of white space
// folded to one space, at most MaxTextBytes bytes, cut between runes.
func Sanitize(s string) string {
	return cut(printable(s), MaxTextBytes)
}

// SanitizeName is Clean for a name that identifies something. Two names stay two
// after cleaning: one that had to be changed ends in "~" and a hash of the
// original.
func SanitizeName(s string) string {
	clean := printable(s)
	if clean == s && len(s) <= MaxTextBytes {
		return s
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // a hash.Hash never returns an error
	suffix := fmt.Sprintf("~%08x", h.Sum32())
	return cut(clean, MaxTextBytes-len(suffix)) + suffix
}

// NormalizeIssue is Clean for an issue's text. Parts that change while the issue
// stays the same (task IDs, request IDs, counts of attempts and of nodes, a
// task's address and ephemeral port) become "…", so that the issue keeps its
// identity from one refresh to the next.
func NormalizeIssue(s string) string {
	s = printable(s)
	for _, v := range volatile {
		s = v.part.ReplaceAllString(s, v.replacement)
	}
	return cut(s, MaxTextBytes)
}

const identifier = `(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})`

var volatile = []struct {
	part        *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`\b` + identifier + `(?:'?\s*,\s*'?` + identifier + `)*\b`), "…"}, // one task ID, or any number of them
	{regexp.MustCompile(`(?i)\b(request ?id:? *)[^\s,;:)…][^\s,;)…]*`), "${1}…"},
	{regexp.MustCompile(`(?i)\b\d+/\d+( nodes are available)`), "…${1}"}, // the scheduler's counts: nodes come and go
	{regexp.MustCompile(`(?i)\b\d+( insufficient | too many pods)`), "…${1}"},
	{regexp.MustCompile(`(?i)\b(retried )\d+( time)`), "${1}…${2}"},
	{regexp.MustCompile(`(?:\b\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}->`), "…->"}, // the near end of a connection
}

func printable(s string) string {
	if isPlain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isPlain says whether s is printable ASCII with single inner spaces, as
// nearly every text is.
func isPlain(s string) bool {
	previous := byte(' ')
	for i := range len(s) {
		b := s[i]
		if b < ' ' || b > '~' || b == ' ' && previous == ' ' {
			return false
		}
		previous = b
	}
	return s == "" || previous != ' '
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.Clone(strings.TrimRight(s[:limit], " ")) // or the rest would stay in memory
}
