package coverage

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTextBytes is the maximum length of a text that becomes a label value.
const MaxTextBytes = 200

// Sanitize makes a text safe for a label value, a log line and a terminal:
// valid UTF-8 without control, format or bidirectional characters, runs of
// white space folded to one space, at most MaxTextBytes bytes, truncated
// between runes.
func Sanitize(s string) string {
	return truncate(printable(s), MaxTextBytes)
}

// SanitizeName is Sanitize for an identifier. Different names stay different: a
// name that has to be changed ends in "~" and a hash of the original.
func SanitizeName(s string) string {
	clean := printable(s)
	if clean == s && len(s) <= MaxTextBytes {
		return s
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // a hash.Hash never returns an error
	suffix := fmt.Sprintf("~%08x", h.Sum32())
	return truncate(clean, MaxTextBytes-len(suffix)) + suffix
}

// TagLabel returns the name of the label that holds the value of a tag: "tag_"
// and the key, with "_" for each character that label names may not have. Labels
// of different keys may be equal.
func TagLabel(key string) string {
	return "tag_" + strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, key)
}

// Printable is [Sanitize] without a limit.
func Printable(s string) string { return printable(s) }

func printable(s string) string {
	s = strings.TrimSpace(s)
	if isPlain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.Map(func(r rune) rune {
		switch {
		case ' ' < r && r <= '~':
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isPlain reports whether s is printable ASCII with single inner spaces, as
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

// truncate returns at most limit bytes of s, without a part of a rune.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.Clone(strings.TrimRight(s[:limit], " ")) // a substring would keep the whole text in memory
}

// SanitizeIdentifier returns an ARN, ID, image or name of AWS. Unlike a text it is
// not cut, because its end distinguishes it, unless it is longer than any of them or
// has other characters; then it is [SanitizeName].
func SanitizeIdentifier(s string) string {
	const maxBytes = 1024
	if len(s) > maxBytes || strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' }) {
		return SanitizeName(s)
	}
	return s
}
