package status

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Clusters is a page of all ECS clusters, healthy or not, sorted by account, Region
// and name: the document of /api/v1/clusters. [NewClusters] builds it.
type Clusters struct {
	SchemaVersion int       `json:"schema_version"`
	GeneratedAt   time.Time `json:"generated_at"`
	Clusters      []Cluster `json:"clusters"`
	// Next is the parameter after of the next page, "" on the last one. Clusters that
	// appear or disappear between two requests do not shift the others.
	Next string `json:"next"`
}

// PageQuery selects a page of clusters.
type PageQuery struct {
	Query          // Sort is ignored
	CoverageStatus string
	After          string // Next of the page before; "" for the first one
}

// maxPageRows is the largest limit of a page.
const maxPageRows = 5000

// ParsePageQuery reads a query from that of a URL. The parameters are those of
// [ParseQuery] except for sort, and coverage_status, limit and after.
func ParsePageQuery(raw string) (PageQuery, error) {
	var q PageQuery
	limit := strconv.Itoa(MaxRows)
	fields := q.filters()
	fields["coverage_status"], fields["after"], fields["limit"] = &q.CoverageStatus, &q.After, &limit
	if err := parse(raw, fields); err != nil {
		return q, err
	}
	var err error
	if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxPageRows {
		return q, fmt.Errorf("limit must be a number from 1 to %d", maxPageRows)
	}
	if q.After != "" && strings.Count(q.After, "/") < 2 {
		return q, errors.New("after must be the value of next of another page")
	}
	return q, nil
}

// NewClusters returns a page of clusters.
func NewClusters(in Input, q PageQuery) *Clusters {
	b := newBuilder(in, q.Query)
	after := q.key()
	var page []candidate
	add := func(c candidate) bool {
		status := ""
		if c.row != nil {
			status = string(c.row.Status)
		}
		if (q.CoverageStatus == "" || q.CoverageStatus == status) && b.matches(&c) {
			page = append(page, c)
		}
		return len(page) <= q.Limit
	}
	for name := range b.unlisted {
		if k := (coverage.Key{Type: coverage.ECS, AccountID: name.AccountID, Region: name.Region, Name: name.Name}); compareKeys(k, after) > 0 {
			add(b.candidate(k, nil))
		}
	}
	unlisted := slices.Clone(page)
	page = nil
	rows := b.View.OfType(coverage.ECS)
	rows = rows[sort.Search(len(rows), func(i int) bool { return compareKeys(rows[i].Key, after) > 0 }):]
	for i := range rows {
		if !add(b.candidate(rows[i].Key, &rows[i])) {
			break
		}
	}
	page = append(page, unlisted...)
	slices.SortFunc(page, func(a, b candidate) int { return compareKeys(a.key, b.key) })
	c := &Clusters{SchemaVersion: SchemaVersion, GeneratedAt: in.Now.UTC().Truncate(time.Second), Clusters: []Cluster{}}
	for i := range page {
		if i == q.Limit {
			last := page[i-1].key
			c.Next = strings.Join([]string{last.AccountID, last.Region, last.Name}, "/")
			break
		}
		c.Clusters = append(c.Clusters, b.cluster(&page[i]))
	}
	return c
}

// key returns the key that the page begins after.
func (q *PageQuery) key() coverage.Key {
	parts := append(strings.SplitN(q.After, "/", 3), "", "", "")
	return coverage.Key{Type: coverage.ECS, AccountID: parts[0], Region: parts[1], Name: parts[2]}
}

func compareKeys(a, b coverage.Key) int {
	return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
}
