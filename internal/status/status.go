// Package status is what the exporter knows, as one value for people and programs:
// the status page is drawn from it, and its JSON form is the document of
// /api/v1/status. The package does no I/O and does not read the clock.
package status

import "time"

// SchemaVersion is the version of the JSON documents. It changes when a field
// changes its meaning or is removed.
const SchemaVersion = 1

// Status is the state of the fleet at one time: whether ECS clusters are covered,
// which are not and what to do, and what could not be read. [New] builds it; the
// status page and /api/v1/status show the same value.
//
// In JSON the names of fields are those of the metrics' labels where there is one.
// Times are RFC 3339 in UTC. No list is null, and rows are sorted. A value that is
// not known is absent; it is never zero or healthy instead. Fields may be added.
type Status struct {
	SchemaVersion int       `json:"schema_version"`
	GeneratedAt   time.Time `json:"generated_at"`
	// Version is that of the exporter.
	Version string `json:"version"`
	// Ready reports whether every target has finished one attempt.
	Ready bool `json:"ready"`
	// Verdict is one line about everything, whatever the filters of Query.
	Verdict string  `json:"verdict"`
	Health  Health  `json:"health"`
	Summary Summary `json:"summary"`
	// Query has the filters, the order and the limit of the lists below.
	Query Query `json:"query"`

	Targets     []Target     `json:"targets"`      // all, those that failed first
	Queues      []Queue      `json:"queues"`       // all
	ECSAccounts []ECSAccount `json:"ecs_accounts"` // all that are read from ECS, those that failed first
	Coverage    []Coverage   `json:"coverage"`     // by resource type, account and Region
	// UnhealthyClusters are the ECS clusters that are not HEALTHY.
	UnhealthyClusters List[Cluster] `json:"unhealthy_clusters"`
	// UnlistedClusters are ECS clusters with running tasks that GuardDuty does not list.
	UnlistedClusters List[Cluster] `json:"unlisted_clusters"`
	// ExcludedClusters are those of both that are not meant to be covered, by an
	// exclusion of the configuration. The other lists do not have them.
	ExcludedClusters List[Cluster] `json:"excluded_clusters"`
	Exclusions       []Exclusion   `json:"exclusions"` // all, in the order of the configuration
	// IssueTypes are those of the unhealthy clusters that match Query, with what to do.
	IssueTypes []IssueType `json:"issue_types"`
	// Values are those that the filters of Query can have.
	Values Values `json:"values"`
}

// Values are sorted values of all clusters and targets, whatever the filters.
type Values struct {
	Regions    []string `json:"region"`
	IssueTypes []string `json:"issue_type"`
	Causes     []string `json:"cause"`
}

// Health is the worst that is known about the fleet.
type Health string

// The values of Health.
const (
	Covered    Health = "covered"     // every resource that is not excluded is covered, and everything could be read
	NotCovered Health = "not_covered" // at least one is not covered
	Unknown    Health = "unknown"     // none is known to be uncovered, but not everything could be read
)

// Summary counts, whatever the filters of Query.
type Summary struct {
	Clusters          int64    `json:"clusters"` // ECS clusters that GuardDuty lists
	HealthyClusters   int64    `json:"healthy_clusters"`
	CoveragePercent   *float64 `json:"coverage_percent,omitempty"` // absent without clusters
	UnhealthyClusters int      `json:"unhealthy_clusters"`
	OtherResources    int64    `json:"other_resources"` // EC2 instances and EKS clusters
	OtherUncovered    int64    `json:"other_uncovered"` // of these, those that are not covered
	UnlistedClusters  int      `json:"unlisted_clusters"`
	ExcludedClusters  int      `json:"excluded_clusters"`  // in neither of these two
	EndingExclusions  int      `json:"ending_exclusions"`  // within 14 days
	ServicesToDeploy  int      `json:"services_to_deploy"` // known to need a new deployment
	Targets           int      `json:"targets"`
	FailedTargets     int      `json:"failed_targets"` // their last refresh failed
	WithdrawnTargets  int      `json:"withdrawn_targets"`
	RefusedParts      int      `json:"refused_parts"` // optional data that AWS denies
	FailedQueues      int      `json:"failed_queues"`
	FailedECSAccounts int      `json:"failed_ecs_accounts"`
	UnknownCoverage   int      `json:"unknown_coverage"` // accounts and Regions whose coverage is not known
}

// List is a list that may be limited.
type List[T any] struct {
	Rows    []T `json:"rows"`
	Matched int `json:"matched"` // all that match Query
	Omitted int `json:"omitted"` // of these, those that are not in Rows because of the limit
}

// Target is a target with the result of its last refresh.
type Target struct {
	Target      string     `json:"target"`
	Kind        string     `json:"kind"`
	AccountID   string     `json:"account_id"`
	AccountName string     `json:"account_name,omitempty"`
	Region      string     `json:"region"`
	State       string     `json:"state"` // as of guardduty_target_state; "" before the first refresh has ended
	LastSuccess *time.Time `json:"last_success,omitempty"`
	NextRefresh *time.Time `json:"next_refresh,omitempty"` // in the past while the refresh is running
	// Withdrawn reports whether the target's data was too old and is no longer shown.
	Withdrawn   bool       `json:"withdrawn"`
	DataExpires *time.Time `json:"data_expires,omitempty"` // when the data will be withdrawn without a success
	Resources   *int       `json:"resources,omitempty"`    // absent if they are not known
	LastError   *Failure   `json:"last_error,omitempty"`
	Refused     []Refused  `json:"refused"` // what AWS denies, also optional data of a target that is ok
}

// Failure is a failed attempt. It stays after a success.
type Failure struct {
	At        time.Time `json:"at"`
	Operation string    `json:"operation,omitempty"`
	Error     string    `json:"error"`
}

// Refused is what AWS denies.
type Refused struct {
	Part string `json:"part"` // the capability or the operation
	// Statement is the statement of an IAM policy that allows it, "" if the identity
	// that needs it is not known.
	Statement string `json:"statement,omitempty"`
}

// Queue is an event queue.
type Queue struct {
	Queue       string     `json:"queue"`
	Up          bool       `json:"up"`
	LastSuccess *time.Time `json:"last_success,omitempty"`
	LastError   *Failure   `json:"last_error,omitempty"`
}

// ECSAccount is an account and Region whose ECS clusters are read.
type ECSAccount struct {
	Target      string     `json:"target"`
	AccountID   string     `json:"account_id"`
	AccountName string     `json:"account_name,omitempty"`
	Region      string     `json:"region"`
	Up          bool       `json:"up"` // the last read was complete
	LastSuccess *time.Time `json:"last_success,omitempty"`
	LastError   *Failure   `json:"last_error,omitempty"`
	Refused     []Refused  `json:"refused"`
}

// Coverage is the coverage of the resources of one type, account and Region.
type Coverage struct {
	AccountID    string   `json:"account_id"`
	AccountName  string   `json:"account_name,omitempty"`
	Region       string   `json:"region"`
	ResourceType string   `json:"resource_type"`
	Known        bool     `json:"known"`
	Reason       string   `json:"reason,omitempty"` // why it is not known, or why it may be old
	Healthy      int64    `json:"healthy"`          // 0 if it is not known
	Resources    int64    `json:"resources"`
	Percent      *float64 `json:"percent,omitempty"` // absent without resources
	// Excluded counts the resources that are not meant to be covered, whatever their
	// health, and InScopePercent is the percentage of the others. It is absent if
	// there are none.
	Excluded       int64    `json:"excluded"`
	InScopePercent *float64 `json:"in_scope_percent,omitempty"`
}

// Cluster is an ECS cluster: in a [Status] one that is not covered, in [Clusters] any.
type Cluster struct {
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name,omitempty"`
	Region      string `json:"region"`
	ClusterName string `json:"cluster_name"`
	// CoverageStatus is "" if GuardDuty does not list the cluster.
	CoverageStatus string            `json:"coverage_status"`
	UnhealthySince *time.Time        `json:"unhealthy_since,omitempty"` // at the latest
	UpdatedAt      *time.Time        `json:"updated_at,omitempty"`
	ManagementType string            `json:"management_type,omitempty"`
	Covered        int32             `json:"container_instances_covered"`
	Compatible     int32             `json:"container_instances_compatible"`
	Owner          string            `json:"owner,omitempty"`    // the tag owner, otherwise team, otherwise the first of the configured ones
	Tags           map[string]string `json:"tags,omitempty"`     // the configured ones; absent if not known
	Issues         []Issue           `json:"issues"`             // as GuardDuty reports them
	TasksRead      bool              `json:"tasks_read"`         // whether Tasks is known
	Tasks          map[string]int    `json:"tasks"`              // running tasks by state of the agent
	Findings       []Finding         `json:"findings"`           // what ECS shows
	Excluded       *Excluded         `json:"excluded,omitempty"` // absent if the cluster is meant to be covered
}

// Excluded is why a cluster is not meant to be covered: the first exclusion of the
// configuration that matches it.
type Excluded struct {
	Exclusion string `json:"exclusion"` // its name
	Reason    string `json:"reason"`
	Until     string `json:"until"` // the last day in UTC, such as 2027-03-01
	Owner     string `json:"owner,omitempty"`
}

// Exclusion is an exclusion of the configuration: clusters that are not meant to be
// covered until the end of a day in UTC.
type Exclusion struct {
	Exclusion   string `json:"exclusion"` // its name
	AccountID   string `json:"account_id,omitempty"`
	Region      string `json:"region,omitempty"`
	ClusterName string `json:"cluster_name,omitempty"` // a pattern
	IssueType   string `json:"issue_type,omitempty"`
	Reason      string `json:"reason"`
	Owner       string `json:"owner,omitempty"`
	Ticket      string `json:"ticket,omitempty"`
	Until       string `json:"until"` // the last day
	Ended       bool   `json:"ended"`
	// Matches is the number of clusters, absent while it is not known.
	Matches *int `json:"matches,omitempty"`
}

// Issue is an issue of GuardDuty.
type Issue struct {
	IssueType      string `json:"issue_type"`
	TaskDefinition string `json:"task_definition"`
	Issue          string `json:"issue"`
	// Variables is a command for bash that sets what the commands of the issue type
	// use.
	Variables string `json:"variables"`
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
	Docs        string `json:"docs"` // URL of the cause
}

// Fix is what to do.
type Fix struct {
	Text          string   `json:"text"`
	Commands      []string `json:"commands"` // for bash
	ReplacesTasks bool     `json:"replaces_tasks"`
}

// IssueType is what to do about an issue type, from docs/issues.md.
type IssueType struct {
	IssueType string `json:"issue_type"`
	Meaning   string `json:"meaning"`
	Who       string `json:"who"`
	Clusters  int    `json:"clusters"` // unhealthy clusters that match Query and have it
	Fix       []Step `json:"fix"`
	Docs      string `json:"docs"` // URL of the issue type
}

// Step is a part of a fix. Its commands need the variables of an [Issue].
type Step struct {
	Text     string `json:"text"`     // code is between backticks
	Commands string `json:"commands"` // for bash; "" for none
}
