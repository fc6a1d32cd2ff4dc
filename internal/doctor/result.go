// Package doctor is the result of the command doctor: whether everything that the
// exporter depends on works, and the formats in which that is printed. It makes no
// requests.
package doctor

import (
	"slices"
	"time"
)

// schemaVersion is the version of the JSON documents. It changes when a field
// changes its meaning or is removed.
const schemaVersion = 1

// Status is how a check ended.
type Status string

// The statuses of a check.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, or part of it, but should be changed
	Error   Status = "error"   // it does not work
	Skipped Status = "skipped" // it was not checked; the message has the reason
)

// statuses returns all statuses, the worst first.
func statuses() []Status { return []Status{Error, Warning, Skipped, OK} }

// Category is what a check is about.
type Category string

// The categories, each depending on those before it.
const (
	Configuration Category = "configuration"
	Clock         Category = "clock"
	Endpoints     Category = "endpoints"
	Credentials   Category = "credentials"
	Target        Category = "target"
	Organization  Category = "organization"
	ECS           Category = "ecs"
	Queue         Category = "queue"
	Web           Category = "web"
)

// Categories returns all categories in the order in which they are printed.
func Categories() []Category {
	return []Category{Configuration, Clock, Endpoints, Credentials, Target, Organization, ECS, Queue, Web}
}

// Check is one check. Its JSON field names are those of the metrics' labels where
// both have the same.
type Check struct {
	Category Category `json:"category"`
	Subject  string   `json:"subject"` // what is checked, such as the target
	Region   string   `json:"region"`  // "" if it is not about one
	Check    string   `json:"check"`   // such as the operation that was called
	Status   Status   `json:"status"`
	Code     string   `json:"code"` // of a problem: a closed set, without names and IDs; "" for none
	Message  string   `json:"message"`
	Hint     string   `json:"hint"` // file and anchor in the documents; "" for none
	// Policy is the statement to add to a policy; nil for none.
	Policy *Policy `json:"policy,omitempty"`
}

// Policy is what a principal's policy lacks.
type Policy struct {
	Principal string    `json:"principal"`
	Statement Statement `json:"statement"`
}

// Statement is a statement of an IAM policy. Its fields have the names of IAM.
type Statement struct {
	Effect   string
	Action   []string
	Resource []string
}

// Result is what was found.
type Result struct {
	SchemaVersion int       `json:"schema_version"`
	CheckedAt     time.Time `json:"checked_at"`
	Version       string    `json:"version"`
	Platform      string    `json:"platform"`
	// Simulated is set for the demo, which proves nothing about AWS.
	Simulated bool    `json:"simulated"`
	Requests  int     `json:"requests"` // sent, retries included
	Checks    []Check `json:"checks"`
	// Assumptions is empty unless they were tested.
	Assumptions []Answer `json:"assumptions"`
}

// New returns an empty result.
func New(checkedAt time.Time, version, platform string) *Result {
	return &Result{
		SchemaVersion: schemaVersion, CheckedAt: checkedAt.UTC().Truncate(time.Second),
		Version: version, Platform: platform, Checks: []Check{}, Assumptions: []Answer{},
	}
}

// Add appends checks. The order of those of one category is kept.
func (r *Result) Add(checks ...Check) {
	r.Checks = append(r.Checks, checks...)
	slices.SortStableFunc(r.Checks, func(a, b Check) int { return position(a.Category) - position(b.Category) })
}

func position(c Category) int { return slices.Index(Categories(), c) }

// Count returns the number of checks with this status.
func (r *Result) Count(s Status) int {
	n := 0
	for _, c := range r.Checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Failed reports whether a check has the status Error.
func (r *Result) Failed() bool { return r.Count(Error) > 0 }
