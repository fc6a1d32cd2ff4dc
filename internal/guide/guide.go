// Package guide reads from docs/issues.md what to do about each issue type, so that
// the document is the only source: the exporter contains it.
package guide

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/docs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Guide has an entry for each issue type. It is immutable.
type Guide map[coverage.IssueType]Entry

// Entry is what to do about an issue type.
type Entry struct {
	Meaning string // in one line
	Who     string // who acts
	Fix     []Step
	URL     string // of the entry in the document

	variables []string // that the commands use and do not set
}

// Step is a part of a fix: a text, and the commands after it. Code in the text is
// between backticks.
type Step struct {
	Text     string
	Commands string // for bash; "" for none. They need those of [Entry.Variables].
}

// New returns the guide that the document is.
func New() (Guide, error) { return parse(docs.Issues()) }

func parse(text string) (Guide, error) {
	g := Guide{}
	row := regexp.MustCompile(`(?m)^\| \[(\w+)\]\(#\w+\) \| (.+) \| (.+) \|$`)
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		g[coverage.IssueType(m[1])] = Entry{Meaning: m[2], Who: m[3], URL: docs.URL("issues.md", m[1])}
	}
	for _, section := range strings.Split(text, "\n## ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		e := g[coverage.IssueType(name)]
		_, fix, ok := strings.Cut(body, "**Fix.**")
		if !ok {
			return nil, fmt.Errorf("docs/issues.md: %s has no fix", name)
		}
		e.Fix = steps(fix)
		e.variables = variablesOf(e.Fix)
		g[coverage.IssueType(name)] = e
	}
	for _, t := range coverage.IssueTypes() {
		if e := g[t]; e.Meaning == "" || len(e.Fix) == 0 {
			return nil, fmt.Errorf("docs/issues.md: no entry for %s", t)
		}
	}
	return g, nil
}

const fence = "```"

// steps reads paragraphs and blocks of code.
func steps(text string) []Step {
	var all []Step
	link := regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	for i, part := range strings.Split(text, fence) {
		if i%2 == 0 {
			for paragraph := range strings.SplitSeq(part, "\n\n") {
				paragraph = strings.Join(strings.Fields(paragraph), " ")
				if paragraph = link.ReplaceAllString(paragraph, "$1"); paragraph != "" {
					all = append(all, Step{Text: paragraph})
				}
			}
			continue
		}
		_, code, _ := strings.Cut(part, "\n") // the language
		if n := len(all); n > 0 && all[n-1].Commands == "" {
			all[n-1].Commands = strings.TrimSpace(code)
		} else {
			all = append(all, Step{Commands: strings.TrimSpace(code)})
		}
	}
	return all
}
