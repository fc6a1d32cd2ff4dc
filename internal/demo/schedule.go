package demo

import (
	"reflect"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// schedule describes a recurring time span, in steps: it begins at start and
// every period steps after that, and lasts length steps. The zero value never
// occurs.
type schedule struct {
	period, start, length int
}

// always returns a schedule that is active at every step.
func always() schedule { return schedule{period: 1, length: 1} }

// occurrence reports whether the schedule is active at step n, and the number of
// the current occurrence, from 0.
func (s schedule) occurrence(n int) (int, bool) {
	if s.period == 0 || n < s.start {
		return 0, false
	}
	n -= s.start
	if s.period == 1 {
		return 0, true
	}
	return n / s.period, n%s.period < s.length
}

// rotationSteps is how many steps one of several rotating issues lasts: ten
// minutes.
const rotationSteps = 60

// rotate returns the key for step n, of several that alternate, and the number
// of the rotation.
func rotate(keys []string, n int) (string, int) {
	return keys[n/rotationSteps%len(keys)], n / rotationSteps
}

// resources are the rows of one account.
type resources struct {
	clusters    []*simulator.Cluster
	instances   []*simulator.Instance
	eksClusters []*simulator.EKSCluster
}

// resourcesAt returns the rows at step n by account, without their update times.
func resourcesAt(n int) map[string]resources {
	all := map[string]resources{}
	for _, c := range fleet() {
		if row, instances := c.stateAt(n); row != nil {
			r := all[c.account]
			r.clusters, r.instances = append(r.clusters, row), append(r.instances, instances...)
			all[c.account] = r
		}
	}
	for _, g := range otherInstances() {
		r := all[g.account]
		r.instances = append(r.instances, g.stateAt(n)...)
		all[g.account] = r
	}
	for _, c := range eksFleet() {
		r := all[c.account]
		r.eksClusters = append(r.eksClusters, c.stateAt(n))
		all[c.account] = r
	}
	return all
}

// replaceChanged applies the difference between before and after to rows: it
// removes deleted rows, and replaces changed ones by those of after, marked by
// touch. key identifies a row.
func replaceChanged[R any](rows, before, after []R, key func(R) string, touch func(R)) []R {
	deleted := map[string]R{}
	for _, r := range before {
		deleted[key(r)] = r
	}
	changed := map[string]bool{}
	var fresh []R
	for _, r := range after {
		id := key(r)
		old, known := deleted[id]
		delete(deleted, id)
		if known && reflect.DeepEqual(old, r) {
			continue
		}
		touch(r)
		changed[id], fresh = true, append(fresh, r)
	}
	for id := range deleted {
		changed[id] = true
	}
	if len(changed) == 0 {
		return rows
	}
	rows = slices.DeleteFunc(rows, func(r R) bool { return changed[key(r)] })
	return append(rows, fresh...)
}
