package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

const region = "eu-west-1"

// report returns the report of a target with healthy clusters.
func report(target string, names ...string) coverage.Report {
	s := &coverage.Snapshot{Types: []coverage.ResourceType{coverage.ECS}, Accounts: []string{"111122223333"}}
	for _, name := range names {
		s.Resources = append(s.Resources, coverage.Resource{
			Key:    coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: region, Name: name},
			Status: coverage.Healthy,
		})
	}
	return coverage.Report{Target: coverage.TargetID{Name: target, Region: region}, State: coverage.OK, Snapshot: s}
}

func TestZeroValue(t *testing.T) {
	var s store.Store
	if diff := cmp.Diff(&coverage.View{}, s.View()); diff != "" {
		t.Errorf("the view of an empty store, -want +got:\n%s", diff)
	}
	s.Drop(coverage.TargetID{Name: "none", Region: region})
}

func TestPutAndDrop(t *testing.T) {
	var s store.Store
	check := func(step string, reports ...coverage.Report) {
		t.Helper()
		if diff := cmp.Diff(coverage.Merge(reports), s.View()); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step, diff)
		}
	}
	s.Put(report("b", "web"))
	check("one", report("b", "web"))
	s.Put(report("a", "api", "web"))
	check("two", report("a", "api", "web"), report("b", "web"))
	s.Put(report("b", "db"))
	check("replaced", report("a", "api", "web"), report("b", "db"))

	known := report("b", "db")
	known.AccountID = "111122223333"
	s.Put(known)
	check("the account became known", report("a", "api", "web"), known)

	elsewhere := report("b", "far")
	elsewhere.Target.Region = "us-east-1"
	s.Put(elsewhere)
	check("the same name in another Region", report("a", "api", "web"), known, elsewhere)

	s.Drop(coverage.TargetID{Name: "b", Region: region})
	check("dropped", report("a", "api", "web"), elsewhere)
	s.Drop(coverage.TargetID{Name: "b", Region: region})
	check("dropped again", report("a", "api", "web"), elsewhere)
}

// TestChanged checks that the change is visible when Changed is called.
func TestChanged(t *testing.T) {
	var s store.Store
	var calls []int
	s.Changed = func() { calls = append(calls, len(s.View().Reports)) }
	s.Put(report("a", "web"))
	s.Put(report("b", "api"))
	s.Put(report("b", "db"))
	s.View()
	s.Drop(coverage.TargetID{Name: "a", Region: region})
	if diff := cmp.Diff([]int{1, 2, 2, 1}, calls); diff != "" {
		t.Errorf("reports at each call, -want +got:\n%s", diff)
	}
}

func TestViewsDoNotChange(t *testing.T) {
	var s store.Store
	s.Put(report("a", "web"))
	s.Put(report("b", "api"))
	view := s.View()
	want := coverage.Merge([]coverage.Report{report("a", "web"), report("b", "api")})

	s.Put(report("a", "aardvark", "zebra"))
	s.Drop(coverage.TargetID{Name: "b", Region: region})
	s.View()
	if diff := cmp.Diff(want, view); diff != "" {
		t.Errorf("an earlier view, -before +after:\n%s", diff)
	}
}

// TestConcurrentUse has writers, each of one target, and readers, which must see
// complete reports. It is for the race detector.
func TestConcurrentUse(t *testing.T) {
	const targets, rounds = 4, 100
	var s store.Store
	var wg sync.WaitGroup
	for i := range targets {
		target := fmt.Sprint("target-", i)
		wg.Go(func() {
			for range rounds {
				s.Put(report(target, target+"-x", target+"-y"))
				s.Drop(coverage.TargetID{Name: target, Region: region})
			}
			s.Put(report(target, target+"-x", target+"-y"))
		})
	}
	for range 2 {
		wg.Go(func() {
			for range rounds {
				if v := s.View(); len(v.Resources) != 2*len(v.Reports) {
					t.Errorf("%d clusters of %d targets", len(v.Resources), len(v.Reports))
				}
			}
		})
	}
	wg.Wait()
	if v := s.View(); len(v.Reports) != targets || len(v.Resources) != 2*targets {
		t.Errorf("%d targets and %d clusters at the end", len(v.Reports), len(v.Resources))
	}
}

// TestTransitionsOfTwoTargets has a cluster that two targets of a Region report:
// its change counts once.
func TestTransitionsOfTwoTargets(t *testing.T) {
	unhealthy := func(name string) coverage.Report {
		r := report(name, "web")
		r.Snapshot.Resources[0].Status = coverage.Unhealthy
		r.Snapshot.Resources[0].UpdatedAt = r.Snapshot.Resources[0].UpdatedAt.Add(time.Minute)
		return r
	}
	var s store.Store
	for _, step := range []struct {
		what string
		put  coverage.Report
		want int
	}{
		{"the first target", report("a", "web"), 0},
		{"the second", report("b", "web"), 0},
		{"the first has the change", unhealthy("a"), 1},
		{"the second has it too", unhealthy("b"), 0},
	} {
		if got := s.Put(step.put); len(got) != step.want {
			t.Errorf("%s: %+v, want %d", step.what, got, step.want)
		}
	}
}

// TestHealthyBetweenTwoViews: a cluster that was healthy when no view was made is
// unhealthy since then only, and is not remembered longer than needed.
func TestHealthyBetweenTwoViews(t *testing.T) {
	var s store.Store
	put := func(status coverage.Status, at int64) {
		r := report("a", "web")
		r.Snapshot.Resources[0].Status, r.Snapshot.Resources[0].UpdatedAt = status, time.Unix(at, 0)
		s.Put(r)
	}
	put(coverage.Unhealthy, 1)
	put(coverage.Unhealthy, 2)
	put(coverage.Healthy, 3)
	put(coverage.Unhealthy, 4)
	v := s.View()
	if at, _ := v.UnhealthyAt(&v.Resources[0]); !at.Equal(time.Unix(4, 0)) || len(v.UnhealthySince) != 0 {
		t.Errorf("since %v, remembered %v", at, v.UnhealthySince)
	}
}

// TestUnhealthySinceStaysInTheStore: a later view has the time of the first.
func TestUnhealthySinceStaysInTheStore(t *testing.T) {
	var s store.Store
	key := coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: region, Name: "web"}
	for minute, want := range []int{0, 0, 0} {
		r := report("a", "web")
		r.Snapshot.Resources[0].Status = coverage.Unhealthy
		r.Snapshot.Resources[0].UpdatedAt = time.Unix(int64(60*minute), 0)
		s.Put(r)
		v := s.View()
		if at, _ := v.UnhealthyAt(coverage.Find(v.Resources, key)); !at.Equal(time.Unix(int64(60*want), 0)) {
			t.Errorf("after %d minutes: since %v", minute, at)
		}
	}
}

// TestUnhealthySinceIsOfARegion: a report of another Region does not change it, and
// the end of a target ends it.
func TestUnhealthySinceIsOfARegion(t *testing.T) {
	var s store.Store
	put := func(at int64) {
		r := report("a", "web")
		r.Snapshot.Resources[0].Status, r.Snapshot.Resources[0].UpdatedAt = coverage.Unhealthy, time.Unix(at, 0)
		s.Put(r)
	}
	want := func(want int64) {
		t.Helper()
		v := s.View()
		if at, _ := v.UnhealthyAt(&v.Resources[0]); !at.Equal(time.Unix(want, 0)) {
			t.Errorf("since %v, want %d", at.Unix(), want)
		}
	}
	put(1)
	put(2)
	elsewhere := report("a")
	elsewhere.Target.Region = "us-east-1"
	s.Put(elsewhere)
	s.Put(coverage.Report{Target: coverage.TargetID{Name: "a", Kind: coverage.KindAccountNames}, State: coverage.OK, Snapshot: &coverage.Snapshot{}})
	want(1)
	s.Drop(elsewhere.Target)
	want(1)
	s.Drop(report("a").Target)
	put(3)
	want(3)
}
