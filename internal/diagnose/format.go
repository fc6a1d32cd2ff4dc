package diagnose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/markdown"
)

// Formats are the formats that [Result.Write] supports.
func Formats() []string { return []string{"table", "json", "commands", "markdown"} }

// Write writes the result in one of [Formats].
func (r *Result) Write(w io.Writer, format string) error {
	var text bytes.Buffer
	switch format {
	case "table":
		r.writeTable(&text)
	case "json":
		if err := r.writeJSON(&text); err != nil {
			return err
		}
	case "commands":
		r.writeCommands(&text)
	case "markdown":
		r.writeMarkdown(&text)
	default:
		return fmt.Errorf("unknown format %q", format)
	}
	_, err := w.Write(text.Bytes())
	return err
}

func (r *Result) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

func (r *Result) writeTable(w io.Writer) {
	for _, c := range r.Clusters {
		fmt.Fprintf(w, "%s\n", c.title())
		for _, i := range c.Issues {
			fmt.Fprintf(w, "  GuardDuty: %s: %s\n", i.IssueType, i.Issue)
			for _, step := range i.Fix {
				fmt.Fprintf(w, "    Fix: %s\n", step.Text)
				for command := range strings.Lines(step.Commands) {
					fmt.Fprintf(w, "      %s\n", strings.TrimSuffix(command, "\n"))
				}
			}
		}
		if len(c.Services) > 0 {
			fmt.Fprintln(w)
			table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintf(table, "  SERVICE\tTASKS BY AGENT\n")
			for _, s := range c.Services {
				fmt.Fprintf(table, "  %s\t%s\n", s.ServiceName, counts(s.Tasks))
			}
			_ = table.Flush() // w does not fail
		}
		for _, f := range c.Findings {
			fmt.Fprintf(w, "\n  %s: %s (%s)\n    %s\n    Who: %s\n    Fix: %s\n", f.about(), f.Cause, f.Certainty, f.Evidence, f.Who, f.Fix.text())
			for _, command := range f.Fix.Commands {
				fmt.Fprintf(w, "      %s\n", command)
			}
		}
		fmt.Fprintln(w)
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(w, "not readable: %s\n", u.title())
	}
	if len(r.Clusters) == 0 && len(r.Unreadable) == 0 {
		fmt.Fprintln(w, "Nothing was found: every ECS cluster that was read is covered.")
	}
}

// writeCommands writes a shell script: each fix with a comment on what it fixes.
// What several fixes of a cluster have in common, such as a deployment, comes once,
// after all of them. What several clusters have in common, such as a setting of
// their account, comes once, with the first. An excluded cluster has only a comment.
func (r *Result) writeCommands(w io.Writer) {
	written := map[[2]string]bool{} // by account and command
	for _, c := range r.Clusters {
		if c.Excluded != nil {
			fmt.Fprintf(w, "# %s\n", c.title())
			continue
		}
		last := map[string]int{} // the finding with a command
		for i, f := range c.Findings {
			for _, command := range f.Fix.Commands {
				last[command] = i
			}
		}
		for i, f := range c.Findings {
			fmt.Fprintf(w, "# %s %s %s: %s: %s (%s)\n", c.AccountID, c.Region, c.ClusterName, f.about(), f.Cause, f.Certainty)
			fmt.Fprintf(w, "# %s\n", f.Fix.text())
			for _, command := range f.Fix.Commands {
				if key := [2]string{c.AccountID, command}; last[command] == i && !written[key] {
					written[key] = true
					fmt.Fprintln(w, command)
				}
			}
		}
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(w, "# not readable: %s\n", u.title())
	}
}

func (r *Result) writeMarkdown(w io.Writer) {
	fmt.Fprintf(w, "# GuardDuty coverage of ECS clusters, %s\n", r.ReadAt.Format("2006-01-02 15:04:05 MST"))
	for _, c := range r.Clusters {
		fmt.Fprintf(w, "\n## %s\n", markdown.Escape(c.title()))
		for _, i := range c.Issues {
			fmt.Fprintf(w, "\nGuardDuty: %s: %s\n", markdown.Escape(i.IssueType), markdown.Escape(i.Issue))
			for _, step := range i.Fix {
				fmt.Fprintf(w, "\nFix: %s\n", markdown.Escape(step.Text))
				if step.Commands != "" {
					fmt.Fprintf(w, "\n```sh\n%s\n```\n", step.Commands)
				}
			}
		}
		if len(c.Services) > 0 {
			fmt.Fprintf(w, "\n| Service | Tasks by agent |\n|---|---|\n")
			for _, s := range c.Services {
				fmt.Fprintf(w, "| %s | %s |\n", markdown.Escape(s.ServiceName), counts(s.Tasks))
			}
		}
		for _, f := range c.Findings {
			fmt.Fprintf(w, "\n### %s: %s (%s)\n\n%s\n\nWho: %s\n\nFix: %s\n", markdown.Escape(f.about()), markdown.Escape(f.Cause), f.Certainty,
				markdown.Escape(f.Evidence), markdown.Escape(f.Who), markdown.Escape(f.Fix.text()))
			if len(f.Fix.Commands) > 0 {
				fmt.Fprintf(w, "\n```sh\n%s\n```\n", strings.Join(f.Fix.Commands, "\n"))
			}
		}
	}
	if len(r.Unreadable) > 0 {
		fmt.Fprintf(w, "\n## Not readable\n\n")
		for _, u := range r.Unreadable {
			fmt.Fprintf(w, "- %s\n", markdown.Escape(u.title()))
		}
	}
}

func (c Cluster) title() string {
	status := c.CoverageStatus
	if status == "" {
		status = "not listed by GuardDuty"
	}
	title := fmt.Sprintf("%s %s %s: %s", c.AccountID, c.Region, c.ClusterName, status)
	if e := c.Excluded; e != nil {
		title += fmt.Sprintf(", excluded until %s: %s", e.Until, e.Reason)
	}
	if c.Truncated {
		title += " (not all tasks were read)"
	}
	return title
}

// about returns what the finding is about.
func (f Finding) about() string {
	about := f.ServiceName
	if f.Subject != "" && f.Subject != f.ServiceName {
		about = strings.TrimPrefix(about+" "+f.Subject, " ")
	}
	if about == "" {
		about = f.Level
	}
	return about
}

func (f Fix) text() string {
	if f.ReplacesTasks {
		return f.Text + " This replaces running tasks."
	}
	return f.Text
}

func (u Unreadable) title() string {
	if u.State == notConfigured {
		return fmt.Sprintf("ECS of %s in %s: no target has an ecs.role_arn for this account", u.AccountID, u.Region)
	}
	parts := []string{u.Target}
	for _, part := range []string{u.Kind, u.AccountID, u.Region, u.State} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// counts returns "3 missing, 1 running".
func counts(tasks map[string]int) string {
	var parts []string
	for _, agent := range slices.Sorted(maps.Keys(tasks)) {
		parts = append(parts, fmt.Sprintf("%d %s", tasks[agent], agent))
	}
	return strings.Join(parts, ", ")
}
