package doctor

import (
	"cmp"
	"io"
	"slices"
)

// Report is a result without names, IDs, addresses and messages, for an issue.
type Report struct {
	SchemaVersion int            `json:"schema_version"`
	Version       string         `json:"version"`
	Platform      string         `json:"platform"`
	Month         string         `json:"month"` // in which it was made
	Simulated     bool           `json:"simulated"`
	Requests      int            `json:"requests"`
	Checks        []CheckSummary `json:"checks"`
	Assumptions   []Answer       `json:"assumptions"`
}

// CheckSummary counts the checks that ended in the same way.
type CheckSummary struct {
	Category Category `json:"category"`
	Check    string   `json:"check"`
	Status   Status   `json:"status"`
	Code     string   `json:"code"`
	Count    int      `json:"count"`
}

// Report returns the result's report.
func (r *Result) Report() *Report {
	report := &Report{
		SchemaVersion: r.SchemaVersion, Version: r.Version, Platform: r.Platform, Month: r.CheckedAt.Format("2006-01"),
		Simulated: r.Simulated, Requests: r.Requests, Checks: []CheckSummary{}, Assumptions: r.Assumptions,
	}
	counts := map[CheckSummary]int{}
	for _, c := range r.Checks {
		counts[CheckSummary{Category: c.Category, Check: c.Check, Status: c.Status, Code: c.Code}]++
	}
	for s, n := range counts {
		s.Count = n
		report.Checks = append(report.Checks, s)
	}
	slices.SortFunc(report.Checks, func(a, b CheckSummary) int {
		return cmp.Or(
			position(a.Category)-position(b.Category), cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code),
		)
	})
	return report
}

// Write writes the report as JSON.
func (r *Report) Write(w io.Writer) error { return writeJSON(w, r) }
