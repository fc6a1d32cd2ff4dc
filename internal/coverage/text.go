package coverage

import (
	"bytes"
	"slices"
	"strings"
)

// nameRange is the range of a name in a text.
type nameRange struct {
	start, end       int
	isTaskDefinition bool
}

// nextName returns the first name of a task definition or a service that begins
// at from or later: what follows the quotation mark in "TaskDefinition - 'web:3'",
// "Service 'web'" and "service name(s): 'web', 'api'". AWS sometimes omits the
// closing mark; a name has no space.
func nextName(s string, from int) (nameRange, bool) {
	listed, pos := from > 0, from // listed while the text continues the list of the name before
	if strings.HasPrefix(s[pos:], "'") {
		pos++ // the closing mark
	}
	for {
		mark := strings.IndexByte(s[pos:], '\'')
		if mark < 0 {
			return nameRange{}, false
		}
		before := s[:pos+mark]
		pos += mark + 1
		listed = listed && strings.Trim(before[from:], " ,'") == ""
		label := strings.TrimRight(before, " -:")
		isTaskDefinition := hasSuffixFold(label, "taskdefinition") || hasSuffixFold(label, "task definition")
		if !isTaskDefinition && !listed && !hasSuffixFold(label, "service") && !hasSuffixFold(label, "service name(s)") {
			continue
		}
		start := pos + span(s[pos:], func(b byte) bool { return b == ' ' })
		end := start + span(s[start:], func(b byte) bool { return b != ' ' && b != '\'' })
		if end > start {
			return nameRange{start, end, isTaskDefinition}, true
		}
	}
}

// span returns the length of the beginning of s whose bytes are all in a set.
func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

func cutLast(s string, separator byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func isNumber(s string) bool { return s != "" && span(s, isDigit) == len(s) }

// IsAccountID reports whether s is the ID of an account: 12 digits.
func IsAccountID(s string) bool { return len(s) == 12 && isNumber(s) }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHexByte(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

func isAlphanumeric(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z' }

func isAddressByte(b byte) bool { return isHexByte(b) || b == ':' || b == '.' }

func isBase64Byte(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("+/=_-", b) >= 0 }

// isWordByte reports whether b is part of a word that is kept or replaced as one.
func isWordByte(b byte) bool { return isAlphanumeric(b) || strings.IndexByte("._-~%@+", b) >= 0 }

// dateNames are the days and months of dates such as "Mon, 02 Nov 2026".
var dateNames = []string{
	"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
}

// withoutDateNames removes the names of dates at the end of a text, before a number.
func withoutDateNames(out []byte) []byte {
	for {
		trimmed := bytes.TrimRight(out, " ,")
		start := bytes.LastIndexAny(trimmed, ` ,('"[`) + 1
		if !slices.Contains(dateNames, string(trimmed[start:])) {
			return out
		}
		out = out[:start]
	}
}
