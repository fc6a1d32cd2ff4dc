package coverage

import (
	"iter"
	"slices"
	"strings"
)

// Issues are the issues of one resource, sorted and packed into one text: there
// are many, and a slice of them would take more memory. The zero value has none,
// and equal ones are ==. Only [Pack] makes one.
type Issues string

// issueTypes are what the first byte of a packed issue stands for.
var issueTypes = slices.Sorted(slices.Values(IssueTypes()))

// Pack sorts issues and packs them, as [Classify] makes them: their types are of
// [IssueTypes], and no text is longer than [MaxTextBytes]. Each becomes a head
// of four bytes (its type, the length of its text, where its task definition
// begins and how long that is) and its text, which nearly always has the task
// definition in it; else that follows.
func Pack(issues ...Issue) Issues {
	if len(issues) == 0 {
		return "" // as of most resources
	}
	var packed []byte
	for _, i := range slices.SortedFunc(slices.Values(issues), Issue.compare) {
		words, begin := i.Text, strings.Index(i.Text, i.TaskDefinition)
		if begin < 0 {
			words, begin = i.Text+i.TaskDefinition, len(i.Text)
		}
		for _, n := range []int{slices.Index(issueTypes, i.Type), len(i.Text), begin, len(i.TaskDefinition)} {
			packed = append(packed, byte(n)) //nolint:gosec // all have room in a byte, see above
		}
		packed = append(packed, words...)
	}
	return Issues(packed)
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
