package diagnose

import (
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
)

// Step is a part of what to do about an issue.
type Step struct {
	Text     string `json:"text"`
	Commands string `json:"commands"` // for bash; "" for none
}

// AddGuide adds what to do about GuardDuty's issues to the clusters of which ECS shows
// no cause.
func (r *Result) AddGuide(g guide.Guide) {
	for i := range r.Clusters {
		c := &r.Clusters[i]
		if slices.ContainsFunc(c.Findings, isCause) {
			continue
		}
		for n := range c.Issues {
			c.Issues[n].addFix(c, g[coverage.IssueType(c.Issues[n].IssueType)])
		}
	}
}

func isCause(f Finding) bool {
	return f.Cause != string(diagnosis.UnknownReason) && f.Cause != string(diagnosis.Denied)
}

func (i *Issue) addFix(c *Cluster, e guide.Entry) {
	variables := e.Variables(guide.Place{AccountID: c.AccountID, Region: c.Region, Cluster: c.ClusterName, TaskDefinition: i.TaskDefinition})
	for _, s := range e.Fix {
		step := Step{Text: strings.ReplaceAll(s.Text, "`", "")}
		if s.Commands != "" {
			step.Commands = variables + "\n" + s.Commands
		}
		i.Fix = append(i.Fix, step)
	}
}
