package ecs

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

const (
	// batchSize is how many clusters are read before reports are sent and clusters
	// that have changed meanwhile come first.
	batchSize = 25
	// jitter is the fraction of an interval by which a round may start early.
	jitter = 0.1
	// firstRetry is the time after the first of several failures in a row.
	firstRetry = time.Minute
)

// clusterState is what an account knows of a cluster.
type clusterState struct {
	Query
	diagnosis *diagnosis.Diagnosis // nil before the first
	pending   bool                 // is to be read
	changed   bool                 // is to be read before those that have not changed
	readAt    time.Time            // when it was last read; zero before the first time
	attempted time.Time            // when it was last read, or when reading it failed
	// refusedSince is since when a part of the diagnosis has been refused and kept;
	// zero if nothing is.
	refusedSince time.Time
}

// done takes note that the cluster was read.
func (c *clusterState) done() {
	c.pending, c.changed, c.readAt = false, false, time.Now()
	c.attempted = c.readAt
}

// nextRound returns when the next round begins after one that began at start.
// random is from [0,1).
func nextRound(start time.Time, interval time.Duration, random float64) time.Time {
	return start.Add(interval - time.Duration(random*jitter*float64(interval)))
}

// retryDelay returns the time before the next attempt after a number of failures
// in a row.
func retryDelay(failures int, interval time.Duration) time.Duration {
	return min(interval, firstRetry<<min(failures-1, 16))
}

// wants reports whether a row's cluster is read.
func (t *Target) wants(row *coverage.Resource) bool { return t.All || row.Status != coverage.Healthy }

// observe takes over what GuardDuty reports now. Clusters that have changed or are
// new become pending. It reports whether clusters with a diagnosis have been
// removed.
func (a *account) observe(known *Account) (removed bool) {
	a.known = known
	rows := map[string]bool{}
	a.omitted = false
	for i := range known.Rows {
		row := &known.Rows[i]
		if !a.target.wants(row) {
			continue
		}
		if len(rows) >= maxClusters {
			a.omitted = true
			break
		}
		rows[row.Name] = true
		c := a.clusters[row.Name]
		if c == nil {
			c = &clusterState{Query: Query{Cluster: row.Name}}
			a.clusters[row.Name] = c
		}
		if c.Row == nil || c.Row.Status != row.Status || !c.Row.UpdatedAt.Equal(row.UpdatedAt) {
			c.pending, c.changed = true, true
		}
		c.Row = row
	}
	for name, c := range a.clusters {
		switch {
		case rows[name]:
		case a.listed[name]:
			c.pending, c.changed = c.pending || c.Row != nil, c.changed || c.Row != nil
			c.Row = nil
		default:
			removed = removed || c.diagnosis != nil
			delete(a.clusters, name)
		}
	}
	return removed
}

// setListed takes over the names of the clusters that ECS lists.
func (a *account) setListed(names []string) {
	a.listed = map[string]bool{}
	for _, name := range names {
		key := coverage.SanitizeName(name)
		a.listed[key] = true
		if a.clusters[key] == nil {
			a.clusters[key] = &clusterState{}
		}
		a.clusters[key].Cluster = name
	}
	for name, c := range a.clusters {
		if c.Row == nil && !a.listed[name] {
			delete(a.clusters, name)
		}
	}
}

// hasPending reports whether there are pending clusters.
func (a *account) hasPending() bool {
	for _, c := range a.clusters {
		if c.pending {
			return true
		}
	}
	return false
}

// next returns at most batchSize pending clusters: first those that have changed,
// then those whose last attempt is the longest ago.
func (a *account) next() []*clusterState {
	var first []*clusterState // sorted
	for _, c := range a.clusters {
		if !c.pending || len(first) == batchSize && c.compare(first[batchSize-1]) > 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(first, c, (*clusterState).compare)
		first = slices.Insert(first, i, c)
		first = first[:min(len(first), batchSize)]
	}
	return first
}

func (c *clusterState) compare(other *clusterState) int {
	return cmp.Or(changedFirst(c, other), c.attempted.Compare(other.attempted), cmp.Compare(c.Cluster, other.Cluster))
}

func changedFirst(x, y *clusterState) int {
	switch {
	case x.changed == y.changed:
		return 0
	case x.changed:
		return -1
	}
	return 1
}

// report returns the report of the account. It is up if the last attempt was
// successful and neither the last round nor what was read since has a gap.
func (a *account) report() diagnosis.Report {
	r := diagnosis.Report{
		Target: a.target.Name, AccountID: a.key.id, Region: a.key.region, Up: a.failures == 0 && !a.hadGap,
		LastSuccess: a.lastSuccess, LastFailure: a.lastFailure,
	}
	for _, name := range slices.Sorted(maps.Keys(a.clusters)) {
		if d := a.clusters[name].diagnosis; d != nil {
			r.Clusters = append(r.Clusters, *d)
		}
	}
	return r
}
