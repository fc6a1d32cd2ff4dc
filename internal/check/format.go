package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/markdown"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// Formats are the formats that [Result.Write] supports.
func Formats() []string { return []string{"plugin", "table", "json", "csv", "junit", "markdown"} }

const (
	// maxSummary is the length of the first line of a plugin, without performance data.
	maxSummary = 80
	// maxLines limits the lists of the formats that people read.
	maxLines = 100
)

// Write writes the result in one of [Formats].
func (r *Result) Write(w io.Writer, format string) error {
	var text bytes.Buffer
	var err error
	switch format {
	case "plugin":
		r.writePlugin(&text)
	case "table":
		r.writeTable(&text)
	case "json":
		err = r.writeJSON(&text)
	case "csv":
		return r.writeCSV(w)
	case "junit":
		err = r.writeJUnit(&text)
	case "markdown":
		r.writeMarkdown(&text)
	default:
		err = fmt.Errorf("unknown format %q", format)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text.Bytes())
	return err
}

// writePlugin writes what monitoring plugins do: a line with performance data, then
// the problems.
func (r *Result) writePlugin(w io.Writer) {
	t, limit := r.Thresholds, ""
	if t.MaxUnhealthy >= 0 {
		limit = fmt.Sprint(t.MaxUnhealthy)
	}
	fmt.Fprintf(w, "%s | covered=%d;;;0;%d uncovered=%d;;%s;0;", r.summary(), r.Covered, r.Total, r.Uncovered, limit)
	if r.Worst != nil {
		fmt.Fprintf(w, " worst=%.2f%%;%g:;%g:;0;100", roundDown(*r.Worst.InScopePercent, 100), t.Warning, t.Critical)
	}
	fmt.Fprintln(w)
	for _, line := range r.problemLines() {
		fmt.Fprintln(w, strings.ReplaceAll(line, "|", "/")) // what follows a | is performance data
	}
}

// summary returns the first line, as many of its parts as fit.
func (r *Result) summary() string {
	line := fmt.Sprintf("GUARDDUTY %s - %d/%d covered", r.Level, r.Covered, r.Total)
	var parts []string
	if r.Worst != nil && *r.Worst.InScopePercent < 100 {
		parts = append(parts, fmt.Sprintf("worst %s in %s/%s", percent(*r.Worst.InScopePercent), r.Worst.AccountID, r.Worst.Region))
	}
	if n := r.Status.Summary.FailedTargets; n > 0 {
		parts = append([]string{count(int64(n), "target") + " not readable"}, parts...)
	}
	if n := r.Status.Summary.UnlistedClusters; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not listed", n))
	}
	for _, part := range parts {
		if longer := line + ", " + part; len(longer) <= maxSummary {
			line = longer
		}
	}
	return line
}

// problemLines returns the problems, at most maxLines.
func (r *Result) problemLines() []string {
	var lines []string
	problems := r.NotOK()
	for i, f := range problems {
		if i == maxLines {
			lines = append(lines, fmt.Sprintf("and %d more", len(problems)-i))
			break
		}
		lines = append(lines, f.Level.String()+": "+f.Text)
	}
	return lines
}

func (r *Result) writeTable(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tREGION\tTYPE\tCOVERED\tPERCENT\tLEVEL")
	for _, c := range r.coverage() {
		fmt.Fprintln(table, strings.Join(c[:], "\t"))
	}
	_ = table.Flush() // w does not fail
	if lines := r.problemLines(); len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(lines, "\n"))
	}
	if clusters := r.clusters(); len(clusters) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(table, "CLUSTER\tACCOUNT\tREGION\tSINCE\tWHY\tWHO")
		for _, c := range clusters {
			fmt.Fprintln(table, strings.Join(c[:], "\t"))
		}
		_ = table.Flush()
	}
	fmt.Fprintf(w, "\n%s: %s\n", r.Level, r.Status.Verdict)
}

func (r *Result) writeMarkdown(w io.Writer) {
	fmt.Fprintf(w, "## GuardDuty coverage: %s\n\n%s\n", r.Level, markdown.Escape(r.Status.Verdict))
	if lines := r.problemLines(); len(lines) > 0 {
		fmt.Fprintln(w)
		for _, line := range lines {
			fmt.Fprintf(w, "- %s\n", markdown.Escape(line))
		}
	}
	row := func(cells []string) {
		for _, cell := range cells {
			fmt.Fprintf(w, "| %s ", markdown.Escape(cell))
		}
		fmt.Fprintln(w, "|")
	}
	fmt.Fprint(w, "\n| Account | Region | Type | Covered | Percent | Level |\n|---|---|---|---|---|---|\n")
	for _, c := range r.coverage() {
		row(c[:])
	}
	if clusters := r.clusters(); len(clusters) > 0 {
		fmt.Fprint(w, "\n| Cluster | Account | Region | Since | Why | Who |\n|---|---|---|---|---|---|\n")
		for _, c := range clusters {
			row(c[:])
		}
	}
}

// coverage returns the rows of the table of coverage.
func (r *Result) coverage() [][6]string {
	var rows [][6]string
	for i := range r.Status.Coverage {
		c := &r.Status.Coverage[i]
		row := [6]string{account(c.AccountID, c.AccountName), c.Region, c.ResourceType, "-", "-", Unknown.String()}
		if c.Known {
			row[3], row[5] = fmt.Sprintf("%d/%d", c.Healthy, c.Resources), OK.String()
		}
		if c.InScopePercent != nil && c.Known {
			row[4], row[5] = percent(*c.InScopePercent), r.Thresholds.level(*c.InScopePercent).String()
		}
		if c.Excluded > 0 {
			row[3] += fmt.Sprintf(" (%d excluded)", c.Excluded)
		}
		rows = append(rows, row)
	}
	return rows
}

// clusters returns the rows of the table of ECS clusters that are not covered, at
// most maxLines.
func (r *Result) clusters() [][6]string {
	var rows [][6]string
	matched := 0
	for _, list := range []status.List[status.Cluster]{r.Status.UnhealthyClusters, r.Status.UnlistedClusters, r.Status.ExcludedClusters} {
		matched += list.Matched
		for i := range list.Rows {
			if len(rows) < maxLines {
				rows = append(rows, r.cluster(&list.Rows[i]))
			}
		}
	}
	if n := matched - len(rows); n > 0 {
		rows = append(rows, [6]string{fmt.Sprintf("and %d more", n)})
	}
	return rows
}

func (r *Result) cluster(c *status.Cluster) [6]string {
	row := [6]string{c.ClusterName, account(c.AccountID, c.AccountName), c.Region, timeText(c.UnhealthySince)}
	var why, who []string
	for _, f := range c.Findings {
		why, who = appendNew(why, f.Cause), appendNew(who, f.Who)
	}
	if len(why) == 0 {
		for _, issue := range c.Issues {
			why = appendNew(why, issue.IssueType)
		}
		for _, t := range r.Status.IssueTypes {
			if len(c.Issues) > 0 && t.IssueType == c.Issues[0].IssueType {
				who = appendNew(who, t.Who)
			}
		}
	}
	if c.CoverageStatus == "" {
		why = append([]string{"not listed by GuardDuty"}, why...)
	}
	if e := c.Excluded; e != nil {
		why, who = append([]string{"excluded until " + e.Until + ": " + e.Reason}, why...), nil
	}
	row[4], row[5] = strings.Join(why, ", "), strings.Join(who, ", ")
	return row
}

func appendNew(list []string, s string) []string {
	for _, known := range list {
		if known == s {
			return list
		}
	}
	return append(list, s)
}

func timeText(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (r *Result) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r.Status)
}
