// Package diagnose is the result of the diagnose command: why ECS clusters are
// not covered, and the formats in which it is printed.
package diagnose

import (
	"cmp"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

// schemaVersion is the version of the JSON document. It changes when a field
// changes its meaning or is removed.
const schemaVersion = 1

// notConfigured is the state of an account of which ECS is not read.
const notConfigured = "not_configured"

// Result is what was found. Its JSON field names are those of the metrics' labels.
type Result struct {
	SchemaVersion int          `json:"schema_version"`
	ReadAt        time.Time    `json:"read_at"`
	Clusters      []Cluster    `json:"clusters"`   // with findings, or unhealthy; sorted, excluded ones last
	Unreadable    []Unreadable `json:"unreadable"` // what could not be read; sorted
}

// Unreadable is a target, or an account of one, that could not be read.
type Unreadable struct {
	Target    string `json:"target"`
	Kind      string `json:"kind"` // as of the targets, or "ecs"
	AccountID string `json:"account_id"`
	Region    string `json:"region"`
	State     string `json:"state"` // of the target; of ecs, not_configured or empty
}

// Cluster is an ECS cluster that is not covered.
type Cluster struct {
	AccountID      string            `json:"account_id"`
	Region         string            `json:"region"`
	ClusterName    string            `json:"cluster_name"`
	CoverageStatus string            `json:"coverage_status"` // "" if GuardDuty does not list the cluster
	Issues         []Issue           `json:"issues"`          // as GuardDuty reports them
	Tasks          map[string]int    `json:"tasks"`           // running tasks by state of the agent
	Services       []Service         `json:"services"`
	Findings       []Finding         `json:"findings"`
	TasksRead      bool              `json:"tasks_read"` // otherwise Tasks and Services are empty
	Tags           map[string]string `json:"tags,omitempty"`
	Truncated      bool              `json:"truncated"` // not all tasks were read
	// Excluded is why the cluster is not meant to be covered; absent if it is.
	Excluded *Excluded `json:"excluded,omitempty"`
}

// Excluded is the exclusion of the configuration that a cluster matches.
type Excluded struct {
	Exclusion string `json:"exclusion"` // its name
	Reason    string `json:"reason"`
	Until     string `json:"until"` // the last day in UTC, such as 2027-03-01
	Owner     string `json:"owner,omitempty"`
}

// Issue is an issue of GuardDuty.
type Issue struct {
	IssueType      string `json:"issue_type"`
	TaskDefinition string `json:"task_definition"`
	Issue          string `json:"issue"`
	Fix            []Step `json:"fix,omitempty"` // see [Result.AddGuide]
}

// Service is a service, or "family:" and the family of standalone tasks.
type Service struct {
	ServiceName string         `json:"service_name"`
	Tasks       map[string]int `json:"tasks"` // running tasks by state of the agent
}

// Finding is a cause with its fix.
type Finding struct {
	Level       string `json:"level"`
	Subject     string `json:"subject"`
	ServiceName string `json:"service_name"` // "" for all tasks of the cluster
	Cause       string `json:"cause"`
	Certainty   string `json:"certainty"`
	Evidence    string `json:"evidence"`
	Who         string `json:"who"`
	Tasks       int    `json:"tasks"`
	Fix         Fix    `json:"fix"`
}

// Fix is what to do about a finding.
type Fix struct {
	Text          string   `json:"text"`
	Commands      []string `json:"commands"` // for bash
	ReplacesTasks bool     `json:"replaces_tasks"`
}

// New joins what GuardDuty and ECS report. Clusters that are healthy and have no
// findings are left out. [diagnosis.Clusters] chooses among several reports of one
// cluster.
func New(readAt time.Time, v *coverage.View, reports []diagnosis.Report) *Result {
	r := &Result{SchemaVersion: schemaVersion, ReadAt: readAt.UTC().Truncate(time.Second), Clusters: []Cluster{}, Unreadable: []Unreadable{}}
	for _, target := range v.Reports {
		if target.State != coverage.OK {
			r.Unreadable = append(r.Unreadable, Unreadable{
				Target: target.Target.Name, Kind: target.Target.Kind.String(), AccountID: target.AccountID,
				Region: target.Target.Region, State: string(target.State),
			})
		}
	}
	read := map[[2]string]bool{} // accounts and Regions with a report
	for _, report := range reports {
		read[[2]string{report.AccountID, report.Region}] = true
		if !report.Up {
			r.Unreadable = append(r.Unreadable, Unreadable{
				Target: report.Target, Kind: "ecs", AccountID: report.AccountID, Region: report.Region,
			})
		}
	}
	diagnoses := map[diagnosis.Cluster]diagnosis.Diagnosis{}
	for d := range diagnosis.Clusters(reports) {
		diagnoses[d.Cluster] = *d
	}
	for _, row := range v.OfType(coverage.ECS) {
		key := diagnosis.Cluster{AccountID: row.AccountID, Region: row.Region, Name: row.Name}
		d, known := diagnoses[key]
		delete(diagnoses, key)
		if !known && row.Status != coverage.Healthy && !read[[2]string{row.AccountID, row.Region}] {
			r.addNotConfigured(row.AccountID, row.Region)
		}
		if row.Status != coverage.Healthy || len(d.Findings) > 0 {
			d.Cluster = key
			r.Clusters = append(r.Clusters, newCluster(d, &row))
		}
	}
	for _, d := range diagnoses { // clusters that GuardDuty does not list
		if len(d.Findings) > 0 {
			r.Clusters = append(r.Clusters, newCluster(d, nil))
		}
	}
	slices.SortFunc(r.Clusters, func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.ClusterName, b.ClusterName))
	})
	slices.SortFunc(r.Unreadable, func(a, b Unreadable) int {
		return cmp.Or(
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
		)
	})
	return r
}

// addNotConfigured adds an account with an unhealthy cluster that was not read from
// ECS, unless it has been added.
func (r *Result) addNotConfigured(accountID, region string) {
	for _, u := range r.Unreadable {
		if u.Kind == "ecs" && u.AccountID == accountID && u.Region == region {
			return
		}
	}
	r.Unreadable = append(r.Unreadable, Unreadable{Kind: "ecs", AccountID: accountID, Region: region, State: notConfigured})
}

// AddExclusions names the exclusion of each excluded cluster, and puts these last.
func (r *Result) AddExclusions(exclusions exclusion.Result) {
	var others, excluded []Cluster
	for _, c := range r.Clusters {
		e := exclusions.Of(coverage.Key{Type: coverage.ECS, AccountID: c.AccountID, Region: c.Region, Name: c.ClusterName})
		if e == nil {
			others = append(others, c)
			continue
		}
		c.Excluded = &Excluded{Exclusion: e.Name, Reason: e.Reason, Until: e.LastDay(), Owner: e.Owner}
		excluded = append(excluded, c)
	}
	r.Clusters = append(append(r.Clusters[:0], others...), excluded...)
}

// NotCovered reports whether there are clusters that are not covered and meant to be.
func (r *Result) NotCovered() bool { return len(r.Clusters) > 0 && r.Clusters[0].Excluded == nil }

// newCluster returns the result for one cluster; row is nil if GuardDuty does not
// list it.
func newCluster(d diagnosis.Diagnosis, row *coverage.Resource) Cluster {
	c := Cluster{
		AccountID: d.Cluster.AccountID, Region: d.Cluster.Region, ClusterName: d.Cluster.Name,
		Issues: []Issue{}, Tasks: map[string]int{}, Services: []Service{}, Findings: []Finding{},
		TasksRead: d.TasksRead, Tags: d.Tags, Truncated: d.Truncated,
	}
	if row != nil {
		c.CoverageStatus = string(row.Status)
		for _, i := range row.Issues {
			c.Issues = append(c.Issues, Issue{IssueType: string(i.Type()), TaskDefinition: i.TaskDefinition(), Issue: i.Text()})
		}
	}
	for _, s := range d.Services {
		if !d.TasksRead {
			break // some of them, as if there were no others
		}
		service := Service{ServiceName: s.Service, Tasks: map[string]int{}}
		for agent, n := range s.Tasks {
			service.Tasks[string(agent)] += n
			c.Tasks[string(agent)] += n
		}
		c.Services = append(c.Services, service)
	}
	for _, f := range d.Findings {
		fix := diagnosis.FixOf(d.Cluster, f)
		c.Findings = append(c.Findings, Finding{
			Level: string(f.Level), Subject: f.Subject, ServiceName: f.Service, Cause: string(f.Cause), Certainty: string(f.Certainty),
			Evidence: f.Evidence, Who: string(f.Who), Tasks: f.Tasks,
			Fix: Fix{Text: fix.Text, Commands: append([]string{}, fix.Commands...), ReplacesTasks: fix.ReplacesTasks},
		})
	}
	return c
}
