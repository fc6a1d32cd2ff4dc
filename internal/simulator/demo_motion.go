package simulator

import (
	"reflect"
	"slices"
	"time"
)

// window is a part of a period that comes again and again, in steps. The zero
// value never comes.
type window struct {
	period, start, length int
}

// always is a window that never closes.
func always() window { return window{period: 1, length: 1} }

// episode reports whether the window is open at step n, and the how-manieth
// time it is.
func (w window) episode(n int) (int, bool) {
	if w.period == 0 || n < w.start {
		return 0, false
	}
	n -= w.start
	if w.period == 1 {
		return 0, true
	}
	return n / w.period, n%w.period < w.length
}

// trouble is issues that a cluster has for a time.
type trouble struct {
	when   window
	issues []string // keys of demoIssues
}

// demoCluster is a cluster of the demo with all that happens to it.
type demoCluster struct {
	account, region, name string
	fargate               bool // has tasks on Fargate
	instances             int
	uncovered             []string // keys of demoInstanceIssues; so many of instances have these for good
	troubles              []trouble
	scaling               window // twice as many container instances while it is open
	absent                window // deleted while it is open
}

// agentDelay is how many steps pass before new container instances are
// covered: about five minutes.
const agentDelay = 30

// at returns the cluster's row at step n and its container instances, which
// the row counts, without their times of update; nil and none when the cluster
// is not there.
func (c demoCluster) at(n int) (*Cluster, []*Instance) {
	if _, absent := c.absent.episode(n); absent {
		return nil, nil
	}
	row := &Cluster{Region: c.region, Name: c.name, ManagementType: "DISABLED"}
	if c.fargate {
		row.ManagementType = "AUTO_MANAGED"
	}
	instances := c.instancesAt(n)
	for _, i := range instances {
		row.Compatible++
		if i.Status == healthy {
			row.Covered++
		}
	}
	for _, t := range c.troubles {
		if episode, open := t.when.episode(n); open {
			for _, key := range t.issues {
				row.Issues = append(row.Issues, demoIssue(key, c, episode))
			}
		}
	}
	row.Status = row.CoverageStatus()
	return row, instances
}

// demoAt returns the resources of the demo at step n without their times of
// update, by account.
func demoAt(n int) map[string]Account {
	accounts := map[string]Account{}
	add := func(id string, c *Cluster, instances []*Instance, eks *EKSCluster) {
		a := accounts[id]
		if c != nil {
			a.Clusters = append(a.Clusters, c)
		}
		if eks != nil {
			a.EKSClusters = append(a.EKSClusters, eks)
		}
		a.Instances = append(a.Instances, instances...)
		accounts[id] = a
	}
	for _, c := range demoFleet() {
		row, instances := c.at(n)
		add(c.account, row, instances, nil)
	}
	for _, d := range demoLooseInstances() {
		add(d.account, nil, d.at(n), nil)
	}
	for _, c := range demoEKSFleet() {
		add(c.account, nil, nil, c.at(n))
	}
	return accounts
}

// changing is a row of coverage that can be stamped with the time of a change.
type changing interface {
	resource
	touch(now time.Time)
}

func (c *Cluster) touch(now time.Time)    { c.UpdatedAt = now }
func (i *Instance) touch(now time.Time)   { i.UpdatedAt = now }
func (c *EKSCluster) touch(now time.Time) { c.UpdatedAt = now }

// advance returns an account's rows with what differs between before and after:
// rows that are new or other ones are stamped and put in, those that have gone
// are taken out.
func advance[R changing](rows, before, after []R, now time.Time) []R {
	gone := map[string]R{}
	for _, r := range before {
		gone[r.arn("")] = r
	}
	moved := map[string]bool{}
	var fresh []R
	for _, r := range after {
		id := r.arn("")
		old, known := gone[id]
		delete(gone, id)
		if known && reflect.DeepEqual(old, r) {
			continue
		}
		r.touch(now)
		moved[id], fresh = true, append(fresh, r)
	}
	for id := range gone {
		moved[id] = true
	}
	if len(moved) == 0 {
		return rows
	}
	rows = slices.DeleteFunc(rows, func(r R) bool { return moved[r.arn("")] })
	return append(rows, fresh...)
}

// demoFleet returns every cluster of the demo.
func demoFleet() []demoCluster {
	var fleet []demoCluster
	for _, app := range demoApps() {
		regions := demoRegions()
		if app.account == demoStandalone {
			regions = regions[:2]
		}
		for i, region := range regions {
			c := app
			c.region = region
			if c.instances > 0 { // the first Region is the largest
				c.instances = max(2, c.instances-3*i)
			}
			fleet = append(fleet, c)
		}
	}
	for _, f := range demoFates() {
		i := slices.IndexFunc(fleet, func(c demoCluster) bool {
			return c.account == f.account && c.region == f.region && c.name == f.name
		})
		c := &fleet[i]
		c.troubles = append(c.troubles, f.troubles...)
		c.uncovered, c.scaling, c.absent = f.uncovered, f.scaling, f.absent
	}
	return fleet
}
