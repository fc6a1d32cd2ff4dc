package status

import (
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/docs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
)

// candidate is a cluster that may become a row.
type candidate struct {
	key   coverage.Key
	row   *coverage.Resource   // nil if GuardDuty does not list it
	d     *diagnosis.Diagnosis // nil if ECS is not read
	since time.Time
	owner string
}

// addClusters fills the lists of clusters and what is counted over them.
func (b *builder) addClusters(s *Status) {
	var unhealthy, unlisted, excluded []candidate
	clusters := map[coverage.IssueType]int{}
	all := values{map[coverage.IssueType]int{}, map[diagnosis.Cause]bool{}}
	rows := b.View.OfType(coverage.ECS)
	for i := range rows {
		row := &rows[i]
		if row.Status == coverage.Healthy {
			continue
		}
		c := b.candidate(row.Key, row)
		all.add(&c)
		if b.isExcluded(row.Key) {
			excluded = b.appendMatching(excluded, c)
			s.Summary.ExcludedClusters++
			continue
		}
		s.Summary.UnhealthyClusters++
		s.Summary.ServicesToDeploy += c.servicesToDeploy()
		if b.matches(&c) {
			unhealthy = append(unhealthy, c)
			c.countTypes(clusters)
		}
	}
	for name := range b.unlisted {
		c := b.candidate(coverage.Key{Type: coverage.ECS, AccountID: name.AccountID, Region: name.Region, Name: name.Name}, nil)
		all.add(&c)
		if b.isExcluded(c.key) {
			excluded = b.appendMatching(excluded, c)
			s.Summary.ExcludedClusters++
			continue
		}
		unlisted = b.appendMatching(unlisted, c)
		s.Summary.UnlistedClusters++
	}
	s.UnhealthyClusters, s.UnlistedClusters, s.ExcludedClusters = b.list(unhealthy), b.list(unlisted), b.list(excluded)
	s.IssueTypes = b.issueTypes(clusters)
	s.Values = all.of(s)
}

// values are the values of the filters.
type values struct {
	issueTypes map[coverage.IssueType]int
	causes     map[diagnosis.Cause]bool
}

func (v values) add(c *candidate) {
	c.countTypes(v.issueTypes)
	for _, f := range c.findings() {
		v.causes[f.Cause] = true
	}
}

func (v values) of(s *Status) Values {
	all := Values{Regions: []string{}, IssueTypes: []string{}, Causes: []string{}}
	for t := range v.issueTypes {
		all.IssueTypes = append(all.IssueTypes, string(t))
	}
	for c := range v.causes {
		all.Causes = append(all.Causes, string(c))
	}
	for i := range s.Coverage {
		all.Regions = append(all.Regions, s.Coverage[i].Region)
	}
	for i := range s.Targets {
		all.Regions = append(all.Regions, s.Targets[i].Region)
	}
	for _, list := range []*[]string{&all.IssueTypes, &all.Causes, &all.Regions} {
		slices.Sort(*list)
		*list = slices.DeleteFunc(slices.Compact(*list), func(s string) bool { return s == "" })
	}
	return all
}

// appendMatching appends a cluster that matches the query.
func (b *builder) appendMatching(list []candidate, c candidate) []candidate {
	if b.matches(&c) {
		list = append(list, c)
	}
	return list
}

func (b *builder) candidate(k coverage.Key, row *coverage.Resource) candidate {
	c := candidate{key: k, row: row, d: b.diagnoses[diagnosis.Cluster{AccountID: k.AccountID, Region: k.Region, Name: k.Name}]}
	if row != nil {
		c.since, _ = b.View.UnhealthyAt(row)
	}
	for _, key := range b.ownerTags {
		if c.d != nil && c.owner == "" {
			c.owner = c.d.Tags[key]
		}
	}
	return c
}

func (b *builder) matches(c *candidate) bool {
	q := &b.q
	return (q.Region == "" || q.Region == c.key.Region) && b.matchesAccount(c.key.AccountID) &&
		contains(c.key.Name, b.parts.clusterName) && contains(c.owner, b.parts.owner) &&
		(q.IssueType == "" || slices.ContainsFunc(c.issues(), func(i coverage.Issue) bool { return string(i.Type()) == q.IssueType })) &&
		(q.Cause == "" || slices.ContainsFunc(c.findings(), func(f diagnosis.Finding) bool { return string(f.Cause) == q.Cause }))
}

func (c *candidate) issues() []coverage.Issue {
	if c.row == nil {
		return nil
	}
	return c.row.Issues
}

func (c *candidate) findings() []diagnosis.Finding {
	if c.d == nil {
		return nil
	}
	return c.d.Findings
}

// servicesToDeploy counts the services of the cluster that a new deployment fixes:
// those that ECS shows, otherwise those that GuardDuty reports.
func (c *candidate) servicesToDeploy() int {
	services := map[string]bool{}
	for _, f := range c.findings() {
		switch f.Cause {
		case diagnosis.DeploymentTooOld, diagnosis.TaskSetTooOld, diagnosis.TaskTooOld, diagnosis.ClusterWasExcluded:
			services[f.Service] = true
		}
	}
	if c.d == nil {
		for _, i := range c.issues() {
			if i.Type() == coverage.NewDeploymentRequired {
				services[i.Text()] = true
			}
		}
	}
	return len(services)
}

// countTypes counts the cluster for each of its issue types. Issues are sorted by type.
func (c *candidate) countTypes(clusters map[coverage.IssueType]int) {
	var last coverage.IssueType
	for _, i := range c.issues() {
		if t := i.Type(); t != last {
			clusters[t]++
			last = t
		}
	}
}

// list sorts and limits clusters.
func (b *builder) list(all []candidate) List[Cluster] {
	slices.SortFunc(all, func(x, y candidate) int { return b.q.compare(&x, &y) })
	l := List[Cluster]{Rows: []Cluster{}, Matched: len(all)}
	for i := range all {
		if b.q.Limit > 0 && len(l.Rows) == b.q.Limit {
			l.Omitted = len(all) - b.q.Limit
			break
		}
		l.Rows = append(l.Rows, b.cluster(&all[i]))
	}
	return l
}

func (b *builder) cluster(c *candidate) Cluster {
	row := Cluster{
		AccountID: c.key.AccountID, AccountName: b.names[c.key.AccountID], Region: c.key.Region, ClusterName: c.key.Name,
		UnhealthySince: timeOf(c.since), Owner: c.owner, Issues: []Issue{}, Tasks: map[string]int{}, Findings: []Finding{},
		Excluded: b.excluded(c.key),
	}
	if r := c.row; r != nil {
		row.CoverageStatus, row.ManagementType, row.UpdatedAt = string(r.Status), r.ManagementType, timeOf(r.UpdatedAt)
		row.Covered, row.Compatible = r.Covered, r.Compatible
		for _, i := range r.Issues {
			row.Issues = append(row.Issues, b.issue(c.key, i))
		}
	}
	if c.d == nil {
		return row
	}
	for _, key := range b.Tags {
		if value, ok := c.d.Tags[key]; ok {
			if row.Tags == nil {
				row.Tags = map[string]string{}
			}
			row.Tags[key] = value
		}
	}
	if row.TasksRead = c.d.TasksRead; row.TasksRead {
		for _, agent := range diagnosis.Agents() {
			if n := c.d.RunningTasks(agent); n > 0 {
				row.Tasks[string(agent)] = n
			}
		}
	}
	for _, f := range c.d.Findings {
		row.Findings = append(row.Findings, finding(c.d.Cluster, f))
	}
	return row
}

// issue returns an issue with the variables of its type's commands.
func (b *builder) issue(k coverage.Key, i coverage.Issue) Issue {
	return Issue{
		IssueType: string(i.Type()), TaskDefinition: i.TaskDefinition(), Issue: i.Text(),
		Variables: b.Guide[i.Type()].Variables(guide.Place{
			AccountID: k.AccountID, Region: k.Region, Cluster: k.Name, TaskDefinition: i.TaskDefinition(),
		}),
	}
}

func finding(c diagnosis.Cluster, f diagnosis.Finding) Finding {
	fix := diagnosis.FixOf(c, f)
	return Finding{
		Level: string(f.Level), Subject: f.Subject, ServiceName: f.Service, Cause: string(f.Cause), Certainty: string(f.Certainty),
		Evidence: f.Evidence, Who: string(f.Who), Tasks: f.Tasks, Docs: docs.URL("causes.md", string(f.Cause)),
		Fix: Fix{Text: fix.Text, Commands: append([]string{}, fix.Commands...), ReplacesTasks: fix.ReplacesTasks},
	}
}

// issueTypes returns what to do about the issue types that clusters have, those of
// most clusters first.
func (b *builder) issueTypes(clusters map[coverage.IssueType]int) []IssueType {
	types := []IssueType{}
	for _, t := range coverage.IssueTypes() {
		if clusters[t] == 0 {
			continue
		}
		e := b.Guide[t]
		row := IssueType{IssueType: string(t), Meaning: e.Meaning, Who: e.Who, Clusters: clusters[t], Docs: e.URL, Fix: []Step{}}
		for _, step := range e.Fix {
			row.Fix = append(row.Fix, Step(step))
		}
		types = append(types, row)
	}
	slices.SortStableFunc(types, func(a, b IssueType) int { return b.Clusters - a.Clusters })
	return types
}
