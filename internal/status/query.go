package status

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// MaxRows is the number of rows of each list on the page.
const MaxRows = 500

// Query selects and orders the clusters of a [Status]. Empty filters match
// everything. AccountID and Region select coverage too; targets, queues and accounts
// whose ECS is read are not filtered: failures stay visible.
type Query struct {
	AccountID   string `json:"account_id"`   // also a part of the account's name
	Region      string `json:"region"`       // exact
	ClusterName string `json:"cluster_name"` // a part of it
	IssueType   string `json:"issue_type"`   // exact
	Cause       string `json:"cause"`        // exact
	Owner       string `json:"owner"`        // a part of it
	Sort        string `json:"sort"`         // one of Orders
	Limit       int    `json:"limit"`        // rows of each list of clusters; 0 for all
}

// Orders are the orders of clusters. The first is the default.
func Orders() []string {
	return []string{"since", "newest", "account_id", "region", "cluster_name", "owner"}
}

// ParseQuery reads a query from that of a URL, with MaxRows as the limit. Unknown,
// repeated and malformed parameters are an error, because without a filter the answer
// would be everything.
func ParseQuery(raw string) (Query, error) {
	q := Query{Limit: MaxRows}
	fields := q.filters()
	fields["sort"] = &q.Sort
	if err := parse(raw, fields); err != nil {
		return q, err
	}
	q.Sort = cmp.Or(q.Sort, Orders()[0])
	if !slices.Contains(Orders(), q.Sort) {
		return q, fmt.Errorf("unknown order %q; use one of %s", q.Sort, strings.Join(Orders(), ", "))
	}
	return q, nil
}

// filters returns the filters by the names of their parameters.
func (q *Query) filters() map[string]*string {
	return map[string]*string{
		"account_id": &q.AccountID, "region": &q.Region, "cluster_name": &q.ClusterName, "issue_type": &q.IssueType,
		"cause": &q.Cause, "owner": &q.Owner,
	}
}

// parse sets the fields, by the names of their parameters, from the query of a URL.
func parse(raw string, fields map[string]*string) error {
	parameters, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("the query of the URL is malformed: %w", err)
	}
	for name, values := range parameters {
		field, ok := fields[name]
		if !ok || len(values) != 1 {
			return fmt.Errorf("unknown or repeated parameter %q; use each at most once of %s",
				name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		*field = strings.TrimSpace(values[0])
	}
	return nil
}

// Filtered reports whether the query has a filter.
func (q Query) Filtered() bool {
	return q != Query{Sort: q.Sort, Limit: q.Limit}
}

// compare orders clusters. What is not known comes last.
func (q Query) compare(a, b *candidate) int {
	var first int
	switch q.Sort {
	case "", "since":
		first = compareTimes(a.since, b.since)
	case "newest":
		if first = compareTimes(b.since, a.since); a.since.IsZero() || b.since.IsZero() {
			first = -first
		}
	case "region":
		first = cmp.Compare(a.key.Region, b.key.Region)
	case "cluster_name":
		first = cmp.Compare(a.key.Name, b.key.Name)
	case "owner":
		first = cmp.Or(cmp.Compare(isEmpty(a.owner), isEmpty(b.owner)), cmp.Compare(a.owner, b.owner))
	}
	return cmp.Or(first, cmp.Compare(a.key.AccountID, b.key.AccountID), cmp.Compare(a.key.Region, b.key.Region), cmp.Compare(a.key.Name, b.key.Name))
}

func compareTimes(a, b time.Time) int {
	switch {
	case a.IsZero() == b.IsZero():
		return a.Compare(b)
	case a.IsZero():
		return 1
	}
	return -1
}

func isEmpty(s string) int {
	if s == "" {
		return 1
	}
	return 0
}

// parts are the filters that match a part of a text, in lower case.
type parts struct{ account, clusterName, owner string }

func (q *Query) parts() parts {
	return parts{strings.ToLower(q.AccountID), strings.ToLower(q.ClusterName), strings.ToLower(q.Owner)}
}

// contains reports whether a text has a part, which is in lower case.
func contains(text, part string) bool {
	return part == "" || strings.Contains(strings.ToLower(text), part)
}
