package simulator

import "slices"

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
	instances             int64
	uncovered             int64 // of instances, for good
	troubles              []trouble
	scaling               window // twice as many container instances while it is open
	absent                window // deleted while it is open
}

// agentDelay is how many steps pass before new container instances are
// covered: about five minutes.
const agentDelay = 30

// at returns the cluster's row at step n without its time of update, nil when
// there is none.
func (c demoCluster) at(n int) *Cluster {
	if _, absent := c.absent.episode(n); absent {
		return nil
	}
	row := &Cluster{Region: c.region, Name: c.name, Covered: c.instances, Compatible: c.instances, ManagementType: "DISABLED"}
	if c.fargate {
		row.ManagementType = "AUTO_MANAGED"
	}
	if _, scaled := c.scaling.episode(n); scaled {
		row.Compatible *= 2
		if _, settled := c.scaling.episode(n - agentDelay); settled {
			row.Covered *= 2
		}
	}
	row.Covered = max(0, row.Covered-c.uncovered)
	for _, t := range c.troubles {
		if episode, open := t.when.episode(n); open {
			for _, key := range t.issues {
				row.Issues = append(row.Issues, demoIssue(key, c, episode))
			}
		}
	}
	row.Status = row.CoverageStatus()
	return row
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
				c.instances = max(2, c.instances-int64(3*i))
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
