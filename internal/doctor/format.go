package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Formats are the formats that [Result.Write] supports.
func Formats() []string { return []string{"table", "json", "short"} }

// Write writes the result in one of [Formats].
func (r *Result) Write(w io.Writer, format string) error {
	var text bytes.Buffer
	switch format {
	case "table":
		r.writeTable(&text)
	case "json":
		if err := writeJSON(&text, r); err != nil {
			return err
		}
	case "short":
		r.writeShort(&text)
	default:
		return fmt.Errorf("unknown format %q", format)
	}
	_, err := w.Write(text.Bytes())
	return err
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// Columns of the table.
const (
	width       = 96
	statusWidth = 9 // "  skipped" and a space follow
)

func (r *Result) writeTable(w *bytes.Buffer) {
	for i, s := range sections(r.Checks) {
		if i > 0 {
			w.WriteByte('\n')
		}
		wrapFrom(w, 0, s.title())
		w.WriteString(s.body)
	}
	if len(r.Assumptions) > 0 {
		fmt.Fprintf(w, "\nassumptions about AWS, see docs/verification.md%s\n", r.simulated(" (the simulator proves nothing about AWS)"))
		for _, a := range r.Assumptions {
			fmt.Fprintf(w, "  %-17s  %s\n", a.Assumption, a.Verdict)
			writeWrapped(w, 21, a.Evidence)
		}
	}
	fmt.Fprintf(w, "\n%s%s\n", r.summary(), r.simulated("; of a simulated AWS"))
}

func (r *Result) simulated(text string) string {
	if !r.Simulated {
		return ""
	}
	return text
}

// section is the checks of one subject. Regions in which all of them ended in the
// same way share one.
type section struct {
	category Category
	subject  string
	regions  []string
	body     string
}

// sections returns the sections of checks, which are sorted by category.
func sections(checks []Check) []section {
	var all []section
	for len(checks) > 0 {
		n := 1
		for n < len(checks) && checks[n].sameSection(checks[0]) {
			n++
		}
		var body bytes.Buffer
		for _, g := range groups(checks[:n]) {
			writeGroup(&body, g)
		}
		c := checks[0]
		s := section{category: c.Category, subject: c.Subject, body: body.String()}
		if c.Region != "" {
			s.regions = []string{c.Region}
		}
		if !c.hasSection() {
			s.subject, s.regions = "", nil
		}
		i := slices.IndexFunc(all, func(known section) bool {
			return known.category == s.category && known.subject == s.subject && known.body == s.body && len(s.regions) > 0
		})
		if i >= 0 {
			all[i].regions = append(all[i].regions, s.regions...)
		} else {
			all = append(all, s)
		}
		checks = checks[n:]
	}
	return all
}

// hasSection reports whether each subject of the category has a section.
func (c Check) hasSection() bool {
	return slices.Contains([]Category{Credentials, Target, Organization, ECS, Queue}, c.Category)
}

func (c Check) sameSection(other Check) bool {
	return c.Category == other.Category && (!c.hasSection() || c.Subject == other.Subject && c.Region == other.Region)
}

func (s section) title() string {
	title := string(s.category)
	switch {
	case s.subject == "":
	case s.category == Organization:
		title += " of target " + s.subject
	default:
		title += " " + s.subject
	}
	if len(s.regions) > 0 {
		title += " in " + strings.Join(s.regions, ", ")
	}
	return title
}

// groups joins successive checks that are ok and have nothing to say.
func groups(checks []Check) [][]Check {
	var all [][]Check
	for _, c := range checks {
		if n := len(all); n > 0 && c.plain() && all[n-1][0].plain() {
			all[n-1] = append(all[n-1], c)
			continue
		}
		all = append(all, []Check{c})
	}
	return all
}

func (c Check) plain() bool { return c.Status == OK && c.Message == "" }

func writeGroup(w *bytes.Buffer, group []Check) {
	c := group[0]
	text := c.line()
	for _, other := range group[1:] {
		text += ", " + other.line()
	}
	fmt.Fprintf(w, "  %-7s  ", c.Status)
	wrapFrom(w, statusWidth+2, text)
	if c.Policy != nil {
		writeWrapped(w, statusWidth+4, "Add to the policy of "+c.Policy.Principal+":")
		statement, _ := json.Marshal(c.Policy.Statement) // strings
		fmt.Fprintf(w, "%*s%s\n", statusWidth+6, "", statement)
	}
	if c.Hint != "" {
		fmt.Fprintf(w, "%*sSee %s\n", statusWidth+4, "", c.Hint)
	}
}

// line returns what was checked, and the message.
func (c Check) line() string {
	what := c.Check
	switch c.Category {
	case Endpoints:
		what = c.Subject
	case Configuration, Clock, Web:
		what = ""
	}
	if what == "" || c.Message == "" {
		return what + c.Message
	}
	return what + ": " + c.Message
}

// writeWrapped writes text in lines of the table that begin in a column.
func writeWrapped(w *bytes.Buffer, column int, text string) {
	fmt.Fprintf(w, "%*s", column, "")
	wrapFrom(w, column, text)
}

// wrapFrom writes text from a column that the cursor is in.
func wrapFrom(w *bytes.Buffer, column int, text string) {
	at := column
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case at+1+len(word) > width:
			fmt.Fprintf(w, "\n%*s", column, "")
			at = column
		default:
			w.WriteByte(' ')
			at++
		}
		w.WriteString(word)
		at += len(word)
	}
	w.WriteByte('\n')
}

func (r *Result) summary() string {
	var parts []string
	for _, s := range statuses() {
		if n := r.Count(s); n > 0 {
			parts = append(parts, count(n, s))
		}
	}
	return fmt.Sprintf("%d checks: %s; %d requests", len(r.Checks), strings.Join(parts, ", "), r.Requests)
}

// count returns "2 errors" or "2 ok".
func count(n int, s Status) string {
	plural := ""
	if n != 1 && (s == Error || s == Warning) {
		plural = "s"
	}
	return fmt.Sprintf("%d %s%s", n, s, plural)
}

// writeShort writes the version, the counts and what is not ok, without names, IDs
// and messages, so that it can be published.
func (r *Result) writeShort(w *bytes.Buffer) {
	report := r.Report()
	fmt.Fprintf(w, "%s %s%s\n%s\n", report.Version, report.Platform, r.simulated(" simulated"), r.summary())
	for _, c := range report.Checks {
		if c.Status == OK {
			continue
		}
		line := fmt.Sprintf("%s %s/%s", c.Status, c.Category, c.Check)
		if c.Code != "" {
			line += " " + c.Code
		}
		if c.Count > 1 {
			line += fmt.Sprintf(" (%d times)", c.Count)
		}
		fmt.Fprintln(w, line)
	}
	for _, a := range report.Assumptions {
		fmt.Fprintf(w, "%s: %s: %s\n", a.Assumption, a.Verdict, a.Evidence)
	}
}
