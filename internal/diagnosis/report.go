package diagnosis

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Report is what is known about the clusters of one account and Region that one
// target shows. It is immutable.
type Report struct {
	Target      string
	AccountID   string
	Region      string
	Up          bool      // whether ECS could be read at the last attempt, and no call was refused
	LastSuccess time.Time // when the last complete read began; zero if there was none
	// LastFailure is the last failed attempt, or the last call that was refused; nil
	// for none. It stays after a success.
	LastFailure *coverage.Failure
	Clusters    []Diagnosis // sorted by name
}

// Clusters returns one diagnosis of each cluster, in no particular order: if several
// reports have the cluster, that of a report that is up, then that of the newest.
func Clusters(reports []Report) iter.Seq[*Diagnosis] {
	sorted := slices.SortedFunc(slices.Values(reports), func(a, b Report) int {
		return cmp.Or(
			trueFirst(a.Up, b.Up), b.LastSuccess.Compare(a.LastSuccess),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
		)
	})
	return func(yield func(*Diagnosis) bool) {
		seen := map[Cluster]bool{}
		for _, r := range sorted {
			for i := range r.Clusters {
				d := &r.Clusters[i]
				if seen[d.Cluster] {
					continue
				}
				seen[d.Cluster] = true
				if !yield(d) {
					return
				}
			}
		}
	}
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
