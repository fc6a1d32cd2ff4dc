package statuspage

import (
	"cmp"
	"html/template"
	"maps"
	"net/url"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// view is a status as the template needs it.
type view struct {
	*status.Status
	PageOptions
	Style  template.CSS // pageCSS, which is not from a request
	Orders []string
	Heat   []heat
	// Failed are targets that failed or lack a part; the others are Fine.
	Failed, Fine             []status.Target
	FailedQueues, FineQueues []status.Queue
	FailedAccounts           []status.ECSAccount
	FineAccounts             int
	Exclusions               []status.Exclusion
	// How many more there are.
	FailedOmitted, FineOmitted, FailedQueuesOmitted, FineQueuesOmitted, FailedAccountsOmitted, ExclusionsOmitted int

	Guide map[string]status.IssueType
	JSON  string // URL of the same as JSON
	// Clusters and Unhealthy are URLs of all pages of the clusters that match the
	// filters, and of the unhealthy ones.
	Clusters, Unhealthy string
}

// heat is a table of accounts and Regions.
type heat struct {
	ResourceType string
	Regions      []string
	Rows         []heatRow
	Omitted      int

	Healthy, Resources int64 // of all rows
	Unknown            int   // accounts and Regions
}

type heatRow struct {
	AccountID, AccountName string
	Reason                 string // instead of cells
	Cells                  []cell // one for each Region; the zero value is for "not read"
	rank                   float64
}

type cell struct {
	*status.Coverage
	Class string
	URL   string
}

func newView(s *status.Status, o PageOptions) *view {
	v := &view{
		Status: s, PageOptions: o, Style: template.CSS(pageCSS), Orders: status.Orders(), //nolint:gosec // a constant
		Heat: newHeat(s.Coverage), Guide: map[string]status.IssueType{}, JSON: "./api/v1/status" + queryOf(s.Query, nil),
		Clusters: clustersURL(s.Query, nil), Unhealthy: clustersURL(s.Query, url.Values{"coverage_status": {"UNHEALTHY"}}),
	}
	v.addFailures(s)
	v.Exclusions, v.ExclusionsOmitted = limit(s.Exclusions)
	for _, t := range s.IssueTypes {
		v.Guide[t.IssueType] = t
	}
	return v
}

// addFailures divides what is read into what failed and what is fine.
func (v *view) addFailures(s *status.Status) {
	for _, t := range s.Targets {
		if t.State != "ok" || len(t.Refused) > 0 || t.Withdrawn {
			v.Failed = append(v.Failed, t)
		} else {
			v.Fine = append(v.Fine, t)
		}
	}
	for _, q := range s.Queues {
		if q.Up {
			v.FineQueues = append(v.FineQueues, q)
		} else {
			v.FailedQueues = append(v.FailedQueues, q)
		}
	}
	for _, a := range s.ECSAccounts {
		if a.Up {
			v.FineAccounts++
		} else {
			v.FailedAccounts = append(v.FailedAccounts, a)
		}
	}
	v.Failed, v.FailedOmitted = limit(v.Failed)
	v.Fine, v.FineOmitted = limit(v.Fine)
	v.FailedQueues, v.FailedQueuesOmitted = limit(v.FailedQueues)
	v.FineQueues, v.FineQueuesOmitted = limit(v.FineQueues)
	v.FailedAccounts, v.FailedAccountsOmitted = limit(v.FailedAccounts)
}

// limit returns at most as many rows as a page shows, and how many more there are.
func limit[T any](rows []T) (shown []T, omitted int) {
	omitted = max(0, len(rows)-status.MaxRows)
	return rows[:len(rows)-omitted], omitted
}

// clustersURL returns the URL of pages of the clusters that match the filters and
// further parameters. Their order is always the same.
func clustersURL(q status.Query, more url.Values) string {
	q.Sort = ""
	return "./api/v1/clusters" + queryOf(q, more)
}

// queryOf returns the filters and further parameters as the query of a URL, "" for
// none.
func queryOf(q status.Query, more url.Values) string {
	values := url.Values{}
	maps.Copy(values, more)
	for name, value := range map[string]string{
		"account_id": q.AccountID, "region": q.Region, "cluster_name": q.ClusterName, "issue_type": q.IssueType,
		"cause": q.Cause, "owner": q.Owner, "sort": q.Sort,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// newHeat returns a table for each resource type. Rows of a type are sorted by
// account.
func newHeat(rows []status.Coverage) []heat {
	var tables []heat
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(c status.Coverage) bool { return c.ResourceType != rows[0].ResourceType })
		if n < 0 {
			n = len(rows)
		}
		tables = append(tables, heatOf(rows[:n]))
		rows = rows[n:]
	}
	return tables
}

func heatOf(rows []status.Coverage) heat {
	h := heat{ResourceType: rows[0].ResourceType}
	for i := range rows {
		if rows[i].Region != "" {
			h.Regions = append(h.Regions, rows[i].Region)
		}
	}
	slices.Sort(h.Regions)
	h.Regions = slices.Compact(h.Regions)
	for i := range rows {
		c := &rows[i]
		if n := len(h.Rows); n == 0 || h.Rows[n-1].AccountID != c.AccountID {
			h.Rows = append(h.Rows, heatRow{
				AccountID: c.AccountID, AccountName: c.AccountName, Cells: make([]cell, len(h.Regions)), rank: fullyCovered,
			})
		}
		row := &h.Rows[len(h.Rows)-1]
		row.rank = min(row.rank, rank(c))
		h.Healthy, h.Resources = h.Healthy+c.Healthy, h.Resources+c.Resources
		if !c.Known {
			h.Unknown++
		}
		if c.Region == "" {
			row.Reason = c.Reason
			continue
		}
		at, _ := slices.BinarySearch(h.Regions, c.Region)
		row.Cells[at] = cell{
			Coverage: c, Class: class(c),
			URL: queryOf(status.Query{AccountID: c.AccountID, Region: c.Region}, nil) + "#unhealthy",
		}
	}
	slices.SortStableFunc(h.Rows, func(a, b heatRow) int { return cmp.Compare(a.rank, b.rank) })
	h.Rows, h.Omitted = limit(h.Rows)
	return h
}

const fullyCovered = 101

// rank orders the accounts with the lowest coverage first, and those that are not
// known before those that are fully covered.
func rank(c *status.Coverage) float64 {
	switch {
	case !c.Known:
		return 100
	case c.Percent == nil || *c.Percent == 100:
		return fullyCovered
	}
	return *c.Percent
}

// class returns the class of a cell. What is not known is never green.
func class(c *status.Coverage) string {
	switch {
	case !c.Known:
		return "unknown"
	case c.Percent == nil:
		return "none"
	case *c.Percent >= 100:
		return "full"
	case *c.Percent >= 90:
		return "high"
	case *c.Percent >= 70:
		return "middle"
	}
	return "low"
}
