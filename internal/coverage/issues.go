package coverage

import (
	"iter"
	"slices"
	"strings"
)

// Issues are the issues of one resource, packed into one text: as a slice they
// would take most of the memory that a fleet does. The zero value has none, and
// equal ones are ==. Only [Pack] makes one.
type Issues string

// issueTypes are what the first byte of a packed issue stands for.
var issueTypes = slices.Sorted(slices.Values(IssueTypes()))

// Pack sorts issues and packs them. Each becomes a head of four bytes (its
// type, the length of its text, where its task definition begins and how long
// that is) and its text, which nearly always has the task definition in it;
// else that follows.
func Pack(issues ...Issue) Issues {
	if len(issues) == 0 {
		return "" // as of most resources
	}
	var packed strings.Builder
	for _, i := range slices.SortedFunc(slices.Values(issues), Issue.compare) {
		text, definition := cut(i.Text, MaxTextBytes), cut(i.TaskDefinition, MaxTextBytes)
		words := text
		begin := strings.Index(text, definition)
		if begin < 0 {
			begin, words = len(text), text+definition
		}
		issueType := slices.Index(issueTypes, i.Type)
		packed.Write([]byte{byte(issueType), byte(len(text)), byte(begin), byte(len(definition))}) //nolint:gosec // MaxTextBytes, at most
		packed.WriteString(words)
	}
	return Issues(strings.Clone(packed.String())) // without room for more
}

// All yields the issues, sorted. It copies no text.
func (s Issues) All() iter.Seq[Issue] {
	const head = 4
	return func(yield func(Issue) bool) {
		for rest := string(s); rest != ""; {
			text, begin, end := int(rest[1]), int(rest[2]), int(rest[2])+int(rest[3])
			words := rest[head : head+max(text, end)]
			if !yield(Issue{Type: issueTypes[rest[0]], TaskDefinition: words[begin:end], Text: words[:text]}) {
				return
			}
			rest = rest[head+len(words):]
		}
	}
}
