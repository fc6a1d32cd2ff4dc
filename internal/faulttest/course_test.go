package faulttest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// late is how much later than due a busy machine may do a thing.
const late = time.Second

// course is the usual run of a row: the state before, the fault, and after it.
type course struct {
	*rig
	before       page
	begun, ended time.Time
}

// course runs the exporter through the fault and holds the promises against
// what was seen.
func (r *rig) course() {
	c := &course{rig: r}
	end := func() {}
	if r.row.fromStart {
		end = c.begin()
	}
	r.start()
	if !r.row.fromStart {
		c.settle()
		end = c.begin()
	}
	c.effect()
	r.probe()
	end()
	c.ended = time.Now()
	c.recovered()
	if r.row.after != nil {
		r.row.after(r)
	}
	if err := r.stop(); err != nil {
		r.Errorf("Run: %v", err)
	}
	c.judge()
}

func (c *course) begin() (end func()) {
	c.begun = time.Now()
	return c.row.begin(c.rig)
}

// settle waits until everything is known.
func (c *course) settle() {
	c.before = c.until("everything is known", time.Minute, func(p page) bool {
		return !slices.ContainsFunc(c.all(), func(t target) bool { return p.state(t) != coverage.OK })
	})
}

// effect waits until the fault has done what it does.
func (c *course) effect() {
	within := c.row.grace + c.pace.interval + c.pace.timeout + 20*late
	if c.row.state == coverage.OK {
		c.until("refreshes that meet the fault", 3*within, func(page) bool {
			return !slices.ContainsFunc(c.concerned(), func(t target) bool { return len(c.journal.of(t, c.begun, time.Now())) < c.meetings() })
		})
	} else {
		failing := c.until("the state "+string(c.row.state), within, func(p page) bool {
			return !slices.ContainsFunc(c.concerned(), func(t target) bool { return p.state(t) != c.row.state })
		})
		for _, t := range c.concerned() {
			if last := failing.lastSuccess(t); !last.IsZero() {
				c.until("the data is too old", 2*c.pace.maxStaleness, func(p page) bool {
					return p.asked.After(last.Add(c.pace.maxStaleness + late))
				})
			}
		}
	}
	if c.row.fromStart {
		c.until("the others are known", time.Minute, func(p page) bool {
			return !slices.ContainsFunc(c.others(c.concerned()), func(t target) bool { return p.state(t) != coverage.OK })
		})
	}
	if c.row.also != nil {
		c.row.also(c.rig)
	}
}

// meetings is how many refreshes are to meet a fault that is borne: two, and
// the first ones that may fail; where it is there from the start, the first.
func (c *course) meetings() int {
	if c.row.fromStart {
		return 1
	}
	return 2 + c.row.stumbles
}

// recovered waits until everything is as it was before.
func (c *course) recovered() {
	c.until("everything is as before", c.pace.interval+c.pace.timeout+10*late, func(p page) bool {
		if slices.ContainsFunc(c.all(), func(t target) bool { return p.state(t) != coverage.OK }) {
			return false
		}
		if slices.ContainsFunc(c.concerned(), func(t target) bool { return len(c.journal.of(t, c.ended, p.asked)) == 0 }) {
			return false
		}
		if c.row.fromStart {
			c.before = p
			return true
		}
		return len(differ(c.before.data(c.all()...), p.data(c.all()...))) == 0
	})
}

// concerned are the targets that the fault is about.
func (r *rig) concerned() []target {
	if r.row.concerned == nil {
		return []target{near()}
	}
	return r.row.concerned
}

// all are the targets of the row's configuration.
func (r *rig) all() []target { return append(r.others(r.concerned()), r.concerned()...) }

// others are the configured targets but for some.
func (r *rig) others(but []target) []target {
	configured := everyTarget()
	if r.row.targets != nil {
		configured = r.row.targets
	}
	return slices.DeleteFunc(slices.Clone(configured), func(t target) bool {
		return slices.ContainsFunc(but, func(other target) bool { return t.name == other.name && t.region == other.region })
	})
}

// judge holds what was seen against the promises.
func (c *course) judge() {
	c.Helper()
	for _, verdict := range []struct {
		promise promise
		of      func() error
	}{
		{isolation, c.isolated},
		{lastGood, c.lastGood},
		{recovery, c.recovers},
	} {
		if err := verdict.of(); err != nil {
			c.Errorf("%s: %v\nbegun %s, ended %s\n%s", verdict.promise, err, c.begun.Format("15:04:05.000"), c.ended.Format("15:04:05.000"), c.journal.tail())
		}
		if _, left := c.row.except[verdict.promise]; !left {
			c.evidence.keep(verdict.promise)
		}
	}
	c.evidence.keep(valid) // every page was checked when it came
}

// isolated: the other targets keep all their series and refresh on time.
func (c *course) isolated() error {
	others := c.others(c.concerned())
	want := c.before.data(others...)
	known := slices.IndexFunc(c.pages, func(p page) bool {
		return !slices.ContainsFunc(others, func(t target) bool { return p.state(t) != coverage.OK })
	})
	if known < 0 || !c.pages[known].asked.Before(c.ended) {
		return errors.New("they were not known before the fault ended")
	}
	for _, p := range c.pages[known:] {
		if gone := differ(want, p.data(others...)); len(gone) > 0 {
			return fmt.Errorf("on the page of %s: %s", p.asked.Format("15:04:05.000"), strings.Join(gone, "\n"))
		}
		for _, t := range others {
			if s := p.state(t); s != coverage.OK {
				return fmt.Errorf("%s in %s is %s", t.name, t.region, s)
			}
		}
	}
	return c.onTime(others)
}

// onTime: the refreshes of targets that a fault is not about succeed, begin
// when they are due, and take no longer for it; some may, for the machine is
// busy, and with the race detector any.
func (c *course) onTime(others []target) error {
	all, long := 0, 0
	for _, t := range others {
		last := c.begun
		attempts := c.journal.of(t, c.begun, c.ended)
		for _, a := range append(attempts, attempt{state: coverage.OK, started: c.ended, ended: c.ended}) {
			if gap := a.started.Sub(last); gap > c.pace.interval+late {
				return fmt.Errorf("%s in %s was not refreshed for %s", t.name, t.region, gap)
			}
			if a.state != coverage.OK {
				return fmt.Errorf("a refresh of %s in %s: %s", t.name, t.region, a.state)
			}
			if a.ended.Sub(a.started) > c.pace.timeout/3 {
				long++
			}
			last = a.started
		}
		all += len(attempts)
	}
	if long > max(1, all/4) && !raced {
		return fmt.Errorf("%d of %d refreshes of others took more than a third of their time", long, all)
	}
	return nil
}

// lastGood: what fails says why, and shows its last good series until they are
// too old; what bears the fault shows what is true.
func (c *course) lastGood() error {
	for _, t := range c.concerned() {
		if err := c.names(t); err != nil {
			return err
		}
		if err := c.keeps(t); err != nil {
			return err
		}
	}
	if c.row.shows == nil {
		return nil
	}
	last := c.pages[slices.IndexFunc(c.pages, func(p page) bool { return !p.got.Before(c.ended) })-1]
	if err := c.row.shows(c.before, last); err != nil {
		return fmt.Errorf("while the fault lasted: %w", err)
	}
	return nil
}

// names: the first refresh that meets the fault, and every one after it, ends
// in the state, and the page says so.
func (c *course) names(t target) error {
	met := c.begun.Add(c.row.grace)
	attempts := c.journal.of(t, met, c.ended.Add(-time.Millisecond))
	if len(attempts) == 0 || attempts[0].started.After(met.Add(c.pace.interval+late)) {
		return fmt.Errorf("%s in %s was not refreshed within an interval", t.name, t.region)
	}
	for i, a := range attempts {
		if a.state != c.row.state && i >= c.row.stumbles && a.ended.Before(c.ended) {
			return fmt.Errorf("refresh %d of %s in %s: %s, want %s", i+1, t.name, t.region, a.state, c.row.state)
		}
	}
	for _, p := range c.pages {
		first := attempts[min(c.row.stumbles, len(attempts)-1)]
		if s := p.state(t); p.asked.After(first.ended.Add(late)) && p.got.Before(c.ended) && s != c.row.state {
			return fmt.Errorf("the page of %s says that %s in %s is %s", p.asked.Format("15:04:05.000"), t.name, t.region, s)
		}
	}
	return nil
}

// keeps: the series of a target are there until its last good snapshot is too
// old, and not longer.
func (c *course) keeps(t target) error {
	want := c.before.data(t)
	if c.row.fromStart || c.row.shows != nil {
		return nil
	}
	for _, p := range c.pages {
		if p.asked.Before(c.begun) || p.got.After(c.ended) {
			continue
		}
		switch old := p.lastSuccess(t).Add(c.pace.maxStaleness); {
		case p.got.Before(old):
			if gone := differ(want, p.data(t)); len(gone) > 0 {
				return fmt.Errorf("%s in %s, %s before its data is too old: %s", t.name, t.region, old.Sub(p.got), strings.Join(gone, "\n"))
			}
		case p.asked.After(old.Add(late)):
			if kept := p.data(t); len(kept) > 0 && !c.row.keeps {
				return fmt.Errorf("%s in %s, %s after its data became too old: %v", t.name, t.region, p.asked.Sub(old), slices.Sorted(maps.Keys(kept))[0])
			}
		}
	}
	return nil
}

// recovers: the first refresh after the fault succeeds, and begins in time.
func (c *course) recovers() error {
	for _, t := range c.concerned() {
		attempts := c.journal.of(t, c.ended, time.Now())
		switch {
		case len(attempts) == 0 || attempts[0].started.After(c.ended.Add(c.pace.interval+late)):
			return fmt.Errorf("%s in %s was not refreshed within an interval", t.name, t.region)
		case attempts[0].state != coverage.OK:
			return fmt.Errorf("the first refresh of %s in %s: %s", t.name, t.region, attempts[0].state)
		}
	}
	return nil
}

// differ returns the first few differences of two sets of series.
func differ(want, got map[string]string) []string {
	if maps.Equal(want, got) {
		return nil
	}
	lines := strings.Split(cmp.Diff(want, got), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "+") && !strings.HasPrefix(l, "-") })
	return lines[:min(len(lines), 10)]
}
