package refresh_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

func TestTargetOfAnEvent(t *testing.T) {
	other := row(otherAccount, "web", coverage.Unhealthy, 20)
	elsewhere := isUnhealthy
	elsewhere.Region = "us-east-1"
	left := row(ownAccount, "left-out", coverage.Unhealthy, 20)
	for _, tc := range []struct {
		name    string
		targets map[string]*keySource
		row     coverage.Resource
		want    string
		read    string // the target
	}{
		{"no target in the Region", map[string]*keySource{"one": newSource(t, ownAccount)}, elsewhere, "no_target", ""},
		{"no target of the account", map[string]*keySource{"one": newSource(t, ownAccount, wasHealthy)}, other, "unknown_account", ""},
		{"the account's own target before its administrator's", map[string]*keySource{
			"admin": newSource(t, otherAccount, isUnhealthy), "own": newSource(t, ownAccount, isUnhealthy),
		}, row(ownAccount, "web", coverage.Unhealthy, 30), "behind", "own"},
		{"the target that reports the account", map[string]*keySource{
			"a": newSource(t, "777788889999"), "b": newSource(t, ownAccount, row(otherAccount, "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"an administrator, for an account without clusters", map[string]*keySource{
			"a": newSource(t, "777788889999"), "b": newSource(t, ownAccount, row("123456789012", "api", coverage.Healthy, 1)),
		}, other, "behind", "b"},
		{"the account's own target without the resource, before its administrator's", map[string]*keySource{
			"admin": newSource(t, otherAccount, wasHealthy), "own": newSource(t, ownAccount),
		}, isUnhealthy, "behind", "own"},
		{"a target that filters by attribute is read last", map[string]*keySource{
			"a": filtering(newSource(t, ownAccount)), "b": newSource(t, ownAccount, wasHealthy), "c": filtering(newSource(t, ownAccount)),
		}, isUnhealthy, "behind", "b"},
		{"a target that filters by attribute and has the resource", map[string]*keySource{
			"a": filtering(newSource(t, ownAccount, wasHealthy)), "b": filtering(newSource(t, ownAccount)),
		}, isUnhealthy, "behind", "a"},
		{"a filter", map[string]*keySource{
			"one": excluding(newSource(t, ownAccount), "left-out"), "two": newSource(t, otherAccount),
		}, left, "filtered", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *harness) {
				var targets []refresh.Target
				for name, w := range tc.targets {
					targets = append(targets, w.target(name))
				}
				h.set(settings, targets...)
				h.advance(time.Second)
				if got := h.apply(eventOf(tc.row)); got[0] != tc.want {
					t.Errorf("the outcome is %s, want %s", got[0], tc.want)
				}
				for name, w := range tc.targets {
					if _, keyReads := w.calls(); (keyReads > 0) != (name == tc.read) {
						t.Errorf("%s was read by key %d times", name, keyReads)
					}
				}
			})
		})
	}
}

func filtering(s *keySource) *keySource {
	s.filters = true
	return s
}

func excluding(s *keySource, name string) *keySource {
	s.excluded = name
	return s
}

// TestTargetThatIsNotReadYet has another target that does not match the event, in
// both orders: the first one may.
func TestTargetThatIsNotReadYet(t *testing.T) {
	for _, name := range []string{"a", "z"} {
		for other, account := range map[string]string{"a filter": ownAccount, "another account": otherAccount} {
			t.Run(name+"/"+other, func(t *testing.T) {
				run(t, func(t *testing.T, h *harness) {
					s := h.source()
					unread, known := newSource(t, ownAccount), excluding(newSource(t, account), isUnhealthy.Name)
					unread.latency = time.Minute
					h.set(settings, unread.target(name), known.target("one"), s.target("without keys"))
					h.advance(settings.Interval / 2)
					if got := h.apply(eventOf(isUnhealthy)); got[0] != "the target has no data yet" {
						t.Errorf("the outcome is %q", got[0])
					}
				})
			})
		}
	}
}

// TestFailingTargets has an event of another account and one of a Region without
// targets: the failure to read a target or to list Regions does not affect the
// outcome.
func TestFailingTargets(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		lister, denied := h.source(), newSource(t, ownAccount)
		lister.err = errDenied
		denied.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			return ownAccount, nil, errDenied
		}
		elsewhere := isUnhealthy
		elsewhere.Region = "us-east-1"
		h.set(settings, denied.target("denied"))
		h.advance(settings.Interval)
		if got := h.apply(eventOf(elsewhere)); got[0] != "no_target" {
			t.Errorf("the outcome of a Region without targets is %q", got[0])
		}
		h.set(settings, denied.target("denied"), lister.lister(nil))
		h.advance(settings.Interval)
		if got := h.apply(eventOf(row(otherAccount, "web", coverage.Unhealthy, 1))); got[0] != "unknown_account" {
			t.Errorf("the outcome of another account is %q", got[0])
		}
	})
}

// TestMissingFromTheTargetThatHadIt has a second target that may not match: the
// event is not applied while the first one has the resource.
func TestMissingFromTheTargetThatHadIt(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		had := filtering(newSource(t, ownAccount, wasHealthy))
		h.set(settings, had.target("a"), filtering(newSource(t, ownAccount)).target("b"))
		h.advance(time.Second)
		had.update(func(w *keySource) { delete(w.rows, "web") })
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "behind" {
			t.Errorf("the outcome is %q", got[0])
		}
	})
}

func TestEventBeforeTheFirstRefresh(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		w.latency = 10 * time.Second
		h.set(settings, w.target("one"))
		h.advance(time.Second)
		if got := h.apply(eventOf(isUnhealthy)); got[0] != "the target has no data yet" {
			t.Errorf("the outcome is %s", got[0])
		}
	})
}

// An event before the Regions of regions: [all] are listed can be applied later.
func TestEventBeforeTheRegionsAreListed(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		s := h.source()
		s.latency = 5 * time.Second
		h.set(settings, s.lister(func() []refresh.Target { return []refresh.Target{w.target("all")} }))
		h.advance(time.Second)
		if got := h.apply(eventOf(isUnhealthy)); got[0] == "no_target" {
			t.Errorf("the outcome is %s, so the event is lost", got[0])
		}
	})
}

// A target without data does not affect the outcome of the account's own target.
func TestFilteredDespiteATargetWithoutData(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		own := newSource(t, ownAccount, wasHealthy)
		own.excluded = "left-out"
		denied := newSource(t, otherAccount)
		denied.read = func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			return otherAccount, nil, errDenied
		}
		h.set(settings, own.target("one"), denied.target("denied"))
		h.advance(10 * time.Second)
		if got := h.apply(eventOf(row(ownAccount, "left-out", coverage.Unhealthy, 20))); got[0] != "filtered" {
			t.Errorf("the outcome of a resource that does not match is %q", got[0])
		}
	})
}

// Two targets of one account filter by management type.
func TestSecondTargetOfTheAccount(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		auto := newSource(t, ownAccount, row(ownAccount, "other", coverage.Healthy, 1)) // management_type: AUTO_MANAGED
		auto.filters = true
		manual := newSource(t, ownAccount, wasHealthy) // management_type: MANUAL
		manual.filters = true
		h.set(settings, auto.target("auto"), manual.target("manual"))
		h.advance(time.Second)
		manual.set(isUnhealthy)
		got := h.apply(eventOf(isUnhealthy))
		for _, r := range h.lastReport("manual").Snapshot.Resources {
			if r.Name == "web" && r.Status != coverage.Unhealthy && got[0] == "applied" {
				t.Errorf("the outcome is %s, but the cluster is %s", got[0], r.Status)
			}
		}
	})
}

// A cluster leaves the filter of one target and enters that of another.
func TestClusterMovesToAnotherTarget(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		good := newSource(t, ownAccount, wasHealthy) // coverage_status: HEALTHY
		good.filters = true
		bad := newSource(t, ownAccount) // coverage_status: UNHEALTHY
		bad.filters = true
		h.set(settings, good.target("a-healthy"), bad.target("b-unhealthy"))
		h.advance(time.Second)
		good.update(func(w *keySource) { delete(w.rows, "web") })
		bad.set(isUnhealthy)
		got := h.apply(eventOf(isUnhealthy))
		if moved := h.lastReport("b-unhealthy").Snapshot.Lookup(isUnhealthy.Key); moved == nil || moved.Status != coverage.Unhealthy {
			t.Errorf("the outcome is %s, but the target has %v", got[0], moved)
		}
	})
}

func TestStopDuringApply(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w := newSource(t, ownAccount, wasHealthy)
		h.set(settings, w.target("one"))
		h.advance(0)
		result := make(chan error, 2)
		go func() {
			_, err := h.Apply(context.WithoutCancel(t.Context()), eventOf(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		h.set(settings)
		if err := <-result; err == nil {
			t.Error("an event was applied to a removed target")
		}
		ctx, cancel := context.WithCancel(t.Context())
		h.set(settings, w.target("one"))
		h.advance(0)
		go func() {
			_, err := h.Apply(ctx, eventOf(isUnhealthy))
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got the error %v", err)
		}
	})
}
