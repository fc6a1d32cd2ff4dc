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

// tolerance is how much later than expected something may happen.
const tolerance = time.Second

// clockTime is the format of times in failure messages.
const clockTime = "15:04:05.000"

// run is the usual sequence of a test case: the state before, the fault, the
// recovery.
type run struct {
	*harness
	before       page
	began, ended time.Time
}

// runSteps runs the exporter through the fault and checks the guarantees.
func (h *harness) runSteps() {
	r := &run{harness: h}
	end := func() {}
	if h.tc.fromStart {
		end = r.begin()
	}
	h.start()
	if !h.tc.fromStart {
		r.before = h.waitAllOK()
		end = r.begin()
	}
	r.waitForEffect()
	h.requestOtherPaths()
	end()
	r.ended = time.Now()
	r.waitForRecovery()
	if h.tc.after != nil {
		h.tc.after(h)
	}
	if err := h.stop(); err != nil {
		h.Errorf("Run: %v", err)
	}
	r.check()
}

func (r *run) begin() (end func()) {
	r.began = time.Now()
	return r.tc.begin(r.harness)
}

// waitForEffect waits until the fault has had its effect.
func (r *run) waitForEffect() {
	timeout := r.tc.delay + r.pace.interval + r.pace.timeout + 20*tolerance
	if r.tc.state == coverage.OK {
		r.waitFor("refreshes during the fault", 3*timeout, func(page) bool {
			return !slices.ContainsFunc(r.affected(), func(t target) bool {
				return len(r.log.refreshesOf(t, r.began, time.Now())) < r.refreshesNeeded()
			})
		})
	} else {
		failing := r.waitFor("the state "+string(r.tc.state), timeout, func(p page) bool { return p.allIn(r.tc.state, r.affected()) })
		for _, t := range r.affected() {
			if last := failing.lastSuccess(t); !last.IsZero() {
				r.waitFor("the data to become stale", 2*r.pace.maxStaleness, func(p page) bool {
					return p.requested.After(last.Add(r.pace.maxStaleness + tolerance))
				})
			}
		}
	}
	if r.tc.fromStart {
		r.waitFor("the first refresh of the other targets", time.Minute, func(p page) bool { return p.allIn(coverage.OK, r.others()) })
	}
	if r.tc.during != nil {
		r.tc.during(r.harness)
	}
}

// refreshesNeeded is how many refreshes must happen during a tolerated fault:
// two, and those that may fail first. If the fault exists from the start, one
// is enough.
func (r *run) refreshesNeeded() int {
	if r.tc.fromStart {
		return 1
	}
	return 2 + r.tc.failures
}

// waitForRecovery waits until the page is as before the fault.
func (r *run) waitForRecovery() {
	r.waitFor("the state before the fault", r.pace.interval+r.pace.timeout+10*tolerance, func(p page) bool {
		refreshed := !slices.ContainsFunc(r.affected(), func(t target) bool { return len(r.log.refreshesOf(t, r.ended, p.requested)) == 0 })
		if !refreshed || !p.allIn(coverage.OK, r.configured()) {
			return false
		}
		if r.tc.fromStart {
			r.before = p
			return true
		}
		return len(diff(r.before.data(r.configured()...), p.data(r.configured()...))) == 0
	})
}

// configured returns the targets of the configuration.
func (h *harness) configured() []target {
	if h.tc.targets != nil {
		return h.tc.targets
	}
	return allTargets()
}

// affected returns the targets that the fault affects.
func (h *harness) affected() []target {
	if h.tc.affected == nil {
		return []target{subject()}
	}
	return h.tc.affected
}

// others returns the configured targets that the fault must not affect.
func (h *harness) others() []target {
	return slices.DeleteFunc(slices.Clone(h.configured()), func(t target) bool {
		return slices.ContainsFunc(h.affected(), func(a target) bool { return t.name == a.name && t.region == a.region })
	})
}

// check checks the guarantees against the pages and the log.
func (r *run) check() {
	for _, c := range []struct {
		guarantee guarantee
		check     func() error
	}{
		{isolation, r.checkIsolation},
		{lastGood, r.checkAffected},
		{recovery, r.checkRecovery},
	} {
		if err := c.check(); err != nil {
			r.Errorf("%s: %v\nfault from %s to %s\n%s", c.guarantee, err, r.began.Format(clockTime), r.ended.Format(clockTime), r.log.tail())
		}
		if _, skipped := r.tc.skip[c.guarantee]; !skipped {
			r.checked[c.guarantee] = true
		}
	}
	r.checked[validPage] = true // scrape checks every page
}

// checkIsolation checks that the other targets keep all their series and are
// refreshed on time.
func (r *run) checkIsolation() error {
	others := r.others()
	want := r.before.data(others...)
	first := slices.IndexFunc(r.pages, func(p page) bool { return p.allIn(coverage.OK, others) })
	if first < 0 || !r.pages[first].requested.Before(r.ended) {
		return errors.New("the other targets were not refreshed before the fault ended")
	}
	for _, p := range r.pages[first:] {
		if lines := diff(want, p.data(others...)); len(lines) > 0 {
			return fmt.Errorf("on the page of %s: %s", p.requested.Format(clockTime), strings.Join(lines, "\n"))
		}
		for _, t := range others {
			if s := p.state(t); s != coverage.OK {
				return fmt.Errorf("%s is %s", t, s)
			}
		}
	}
	return r.checkOnTime(others)
}

// checkOnTime checks that the refreshes of the other targets succeed, begin
// when they are due and take no longer than usual. On a busy machine a few may
// take longer, with the race detector any.
func (r *run) checkOnTime(others []target) error {
	total, slow := 0, 0
	for _, t := range others {
		last := r.began
		refreshes := r.log.refreshesOf(t, r.began, r.ended)
		for _, f := range append(refreshes, refreshResult{state: coverage.OK, started: r.ended, ended: r.ended}) {
			if gap := f.started.Sub(last); gap > r.pace.interval+tolerance {
				return fmt.Errorf("%s was not refreshed for %s", t, gap)
			}
			if f.state != coverage.OK {
				return fmt.Errorf("a refresh of %s: %s", t, f.state)
			}
			if f.ended.Sub(f.started) > r.pace.timeout/3 {
				slow++
			}
			last = f.started
		}
		total += len(refreshes)
	}
	if slow > max(1, total/4) && !raceEnabled {
		return fmt.Errorf("%d of %d refreshes of other targets took more than a third of the timeout", slow, total)
	}
	return nil
}

// checkAffected checks that targets that fail have the expected state and keep
// their last good series until these are stale, and that targets that tolerate
// the fault show correct values.
func (r *run) checkAffected() error {
	for _, t := range r.affected() {
		if err := r.checkState(t); err != nil {
			return err
		}
		if err := r.checkSeries(t); err != nil {
			return err
		}
	}
	if r.tc.checkPage == nil {
		return nil
	}
	last := r.pages[slices.IndexFunc(r.pages, func(p page) bool { return !p.received.Before(r.ended) })-1]
	if err := r.tc.checkPage(r.before, last); err != nil {
		return fmt.Errorf("during the fault: %w", err)
	}
	return nil
}

// checkState checks that the first refresh during the fault, and each one after
// it, ends in the expected state, and that the page shows it.
func (r *run) checkState(t target) error {
	from := r.began.Add(r.tc.delay)
	refreshes := r.log.refreshesOf(t, from, r.ended.Add(-time.Millisecond))
	if len(refreshes) == 0 || refreshes[0].started.After(from.Add(r.pace.interval+tolerance)) {
		return fmt.Errorf("%s was not refreshed within an interval", t)
	}
	for i, f := range refreshes {
		if f.state != r.tc.state && i >= r.tc.failures && f.ended.Before(r.ended) {
			return fmt.Errorf("refresh %d of %s: %s, want %s", i+1, t, f.state, r.tc.state)
		}
	}
	first := refreshes[min(r.tc.failures, len(refreshes)-1)]
	for _, p := range r.pages {
		if s := p.state(t); p.requested.After(first.ended.Add(tolerance)) && p.received.Before(r.ended) && s != r.tc.state {
			return fmt.Errorf("the page of %s shows %s as %s", p.requested.Format(clockTime), t, s)
		}
	}
	return nil
}

// checkSeries checks that the series of a target exist until its last good
// snapshot is stale, and no longer.
func (r *run) checkSeries(t target) error {
	want := r.before.data(t)
	if r.tc.fromStart || r.tc.checkPage != nil {
		return nil
	}
	for _, p := range r.pages {
		if p.requested.Before(r.began) || p.received.After(r.ended) {
			continue
		}
		switch stale := p.lastSuccess(t).Add(r.pace.maxStaleness); {
		case p.received.Before(stale):
			if lines := diff(want, p.data(t)); len(lines) > 0 {
				return fmt.Errorf("%s, %s before its data is stale: %s", t, stale.Sub(p.received), strings.Join(lines, "\n"))
			}
		case p.requested.After(stale.Add(tolerance)):
			if kept := r.withoutOptional(p.data(t)); len(kept) > 0 && !r.tc.keepsSeries {
				return fmt.Errorf("%s, %s after its data became stale: %v", t, p.requested.Sub(stale), slices.Sorted(maps.Keys(kept))[0])
			}
		}
	}
	return nil
}

// withoutOptional removes the optional data if the fault is an invalid response:
// what was read before that response is current.
func (r *run) withoutOptional(data map[string]string) map[string]string {
	if r.tc.state == coverage.InvalidResponse {
		maps.DeleteFunc(data, func(series, _ string) bool {
			return strings.HasPrefix(series, "guardduty_detector_") || strings.HasPrefix(series, "guardduty_member_") ||
				slices.Contains([]string{"guardduty_target_capability_up", "guardduty_target_members_unprocessed"}, family(series))
		})
	}
	return data
}

// checkRecovery checks that the first refresh after the fault begins in time
// and succeeds.
func (r *run) checkRecovery() error {
	for _, t := range r.affected() {
		refreshes := r.log.refreshesOf(t, r.ended, time.Now())
		switch {
		case len(refreshes) == 0 || refreshes[0].started.After(r.ended.Add(r.pace.interval+tolerance)):
			return fmt.Errorf("%s was not refreshed within an interval", t)
		case refreshes[0].state != coverage.OK:
			return fmt.Errorf("the first refresh of %s: %s", t, refreshes[0].state)
		}
	}
	return nil
}

// diff returns the first differences between two sets of series.
func diff(want, got map[string]string) []string {
	if maps.Equal(want, got) {
		return nil
	}
	lines := strings.Split(cmp.Diff(want, got), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "+") && !strings.HasPrefix(l, "-") })
	return lines[:min(len(lines), 10)]
}
