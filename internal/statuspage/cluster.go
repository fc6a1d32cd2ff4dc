package statuspage

import (
	"errors"
	"html/template"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// maxFindings is how many findings of a cluster are shown.
const maxFindings = 20

// row is a cluster with what the template would otherwise have to compute, which is
// slow for hundreds of rows.
type row struct {
	Cluster        *status.Cluster
	Age, ISO, Date string    // of UnhealthySince
	Types          []wording // issue types
	Causes         []wording // with their certainty as the name
	Who, Summary   string
	Findings       []status.Finding
	More           int // findings that are not shown
	Guides         []guideFor
	JSON           string
}

// wording is a name in words.
type wording struct{ Name, Words string }

func newRow(v *view, c status.Cluster) *row {
	shown := min(len(c.Findings), maxFindings)
	r := &row{
		Cluster: &c, Who: acting(v, c), Summary: summary(v, c), Findings: c.Findings[:shown], More: len(c.Findings) - shown,
		Guides: guides(v, c), JSON: v.JSON,
	}
	if at := c.UnhealthySince; at != nil {
		r.Age, r.ISO, r.Date = age(v.GeneratedAt, at), iso(at), date(at)
	}
	for _, t := range distinct(c.Issues) {
		r.Types = append(r.Types, wording{t, words(t)})
	}
	for _, f := range causes(c.Findings) {
		w := wording{f.Certainty, words(f.Cause)}
		switch f.Cause {
		case "unknown":
			w = wording{"", "cause unknown"}
		case "denied":
			w = wording{"", "not readable"}
		}
		r.Causes = append(r.Causes, w)
	}
	return r
}

// rows returns the HTML of clusters. They take most of the time of a page, so each
// processor makes a part of them.
func rows(page *template.Template, v *view, clusters []status.Cluster) (template.HTML, error) {
	size := max(1, (len(clusters)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	parts := slices.Collect(slices.Chunk(clusters, size))
	html, errs := make([]strings.Builder, len(parts)), make([]error, len(parts))
	var wait sync.WaitGroup
	for i, part := range parts {
		wait.Go(func() {
			for _, c := range part {
				errs[i] = errors.Join(errs[i], page.ExecuteTemplate(&html[i], "cluster", newRow(v, c)))
			}
		})
	}
	wait.Wait()
	var all strings.Builder
	for i := range html {
		all.WriteString(html[i].String())
	}
	return template.HTML(all.String()), errors.Join(errs...) //nolint:gosec // made by the template
}

// distinct returns the issue types of issues.
func distinct(issues []status.Issue) []string {
	var types []string
	for _, i := range issues {
		if !slices.Contains(types, i.IssueType) {
			types = append(types, i.IssueType)
		}
	}
	return types
}

// causes returns one finding for each cause and certainty. That nothing explains the
// tasks, or not everything could be read, is left out where there is a cause.
func causes(findings []status.Finding) []status.Finding {
	var found []status.Finding
	named := slices.ContainsFunc(findings, isCause)
	for _, f := range findings {
		same := func(g status.Finding) bool { return g.Cause == f.Cause && g.Certainty == f.Certainty }
		if (isCause(f) || !named) && !slices.ContainsFunc(found, same) {
			found = append(found, f)
		}
	}
	return found
}

func isCause(f status.Finding) bool { return f.Cause != "unknown" && f.Cause != "denied" }

// explained reports whether ECS shows a cause.
func explained(c status.Cluster) bool {
	return slices.ContainsFunc(c.Findings, isCause)
}

// acting returns who acts: by what ECS shows, otherwise by GuardDuty's issues.
func acting(v *view, c status.Cluster) string {
	var who []string
	for _, f := range c.Findings {
		if isCause(f) {
			who = append(who, words(f.Who))
		}
	}
	if len(who) == 0 {
		for _, t := range distinct(c.Issues) {
			who = append(who, v.Guide[t].Who)
		}
	}
	slices.Sort(who)
	who = slices.Compact(who)
	if others := slices.DeleteFunc(slices.Clone(who), func(s string) bool { return s == "nobody" }); len(others) > 0 {
		who = others
	}
	return strings.Join(who, ", ")
}

// summary returns the first thing to do about a cluster.
func summary(v *view, c status.Cluster) string {
	if i := slices.IndexFunc(c.Findings, isCause); i >= 0 {
		return c.Findings[i].Fix.Text
	}
	for _, g := range guides(v, c) {
		if len(g.Steps) > 0 {
			return plain(g.Steps[0].Text)
		}
	}
	if len(c.Findings) > 0 {
		return c.Findings[0].Evidence
	}
	return "GuardDuty gives no reason: see the container instances of the cluster."
}

// guideFor is what to do about an issue type, with commands for one cluster.
type guideFor struct {
	IssueType, Docs string
	Steps           []status.Step
}

// guides returns what to do about the issues of a cluster if ECS shows no cause.
func guides(v *view, c status.Cluster) []guideFor {
	if explained(c) {
		return nil
	}
	var all []guideFor
	for _, issue := range c.Issues {
		t, ok := v.Guide[issue.IssueType]
		if !ok || slices.ContainsFunc(all, func(g guideFor) bool { return g.IssueType == t.IssueType }) {
			continue
		}
		g := guideFor{IssueType: t.IssueType, Docs: t.Docs, Steps: slices.Clone(t.Fix)}
		for i := range g.Steps {
			if g.Steps[i].Commands != "" {
				g.Steps[i].Commands = issue.Variables + "\n" + g.Steps[i].Commands
			}
		}
		all = append(all, g)
	}
	return all
}
