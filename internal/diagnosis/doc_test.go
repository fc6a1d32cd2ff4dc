package diagnosis

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachCauseIsDocumented compares the headings and the table of docs/causes.md with the causes, in order.
func TestEachCauseIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows, headings []string
	for _, c := range Causes() {
		rows = append(rows, fmt.Sprintf("| [%s](#%[1]s) | %s | %s |", c.Cause, c.Meaning, strings.ReplaceAll(string(c.Who), "_", " ")))
		headings = append(headings, "## "+string(c.Cause))
	}
	for pattern, want := range map[string][]string{`(?m)^\| \[.*$`: rows, `(?m)^## .*$`: headings} {
		if diff := cmp.Diff(want, regexp.MustCompile(pattern).FindAllString(string(text), -1)); diff != "" {
			t.Errorf("docs/causes.md: -want +got:\n%s", diff)
		}
	}
	sections := strings.Split(string(text), "\n## ")[1:]
	for _, section := range sections {
		name, _, _ := strings.Cut(section, "\n")
		for _, part := range []string{"**Found if**", "**Fix.**"} {
			if strings.Count(section, part) != 1 {
				t.Errorf("docs/causes.md: %s has not one %s", name, part)
			}
		}
	}
	anchors := regexp.MustCompile(`\(#(\w+)\)`)
	for _, m := range anchors.FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(text), "## "+m[1]+"\n") && !strings.Contains(string(text), `<a id="`+m[1]+`">`) {
			t.Errorf("docs/causes.md: no anchor %s", m[1])
		}
	}
}
