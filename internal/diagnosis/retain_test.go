package diagnosis

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRetaining: what a read could not read again stays as it was, and nothing else.
func TestRetaining(t *testing.T) {
	refusal := func(action string) []Refusal {
		return []Refusal{{Action: action, Denied: true, Reason: "AccessDeniedException"}}
	}
	good := shop()
	good.Tags = map[string]string{"team": "a"}
	last := Diagnose(good)
	for name, tc := range map[string]struct {
		change func(*Evidence)
		lacks  bool
		want   func(d *Diagnosis, now Diagnosis) // changes last
	}{
		"read again": {func(*Evidence) {}, false, func(*Diagnosis, Diagnosis) {}},
		"tags changed": {
			func(e *Evidence) { e.Tags = map[string]string{"team": "b"} }, false,
			func(d *Diagnosis, _ Diagnosis) { d.Tags = map[string]string{"team": "b"} },
		},
		"tags denied": {
			func(e *Evidence) { e.Tags, e.Refusals = nil, refusal("ecs:DescribeClusters") }, true,
			func(d *Diagnosis, now Diagnosis) { d.Findings = now.Findings },
		},
		"tasks denied, no row any more": {
			func(e *Evidence) { e.Row, e.Tasks, e.Services, e.Refusals = nil, nil, nil, refusal("ecs:ListTasks") }, true,
			func(d *Diagnosis, _ Diagnosis) {
				d.Listed = false
				d.Findings = append(slices.Clone(d.Findings), Finding{
					Level: LevelCluster, Cause: Denied, Certainty: NoCertainty, Who: Security, Evidence: "ecs:ListTasks was denied (AccessDeniedException).",
				})
			},
		},
		"some tasks": {
			func(e *Evidence) { e.Tasks, e.Services, e.Refusals = e.Tasks[:1], nil, refusal("ecs:DescribeTasks") }, true,
			func(d *Diagnosis, _ Diagnosis) {
				d.Findings = append(slices.Clone(d.Findings), Finding{
					Level: LevelCluster, Cause: Denied, Certainty: NoCertainty, Who: Security, Evidence: "ecs:DescribeTasks was denied (AccessDeniedException).",
				})
			},
		},
	} {
		e := shop()
		e.Tags = map[string]string{"team": "a"}
		tc.change(&e)
		d := Diagnose(e)
		want := last
		tc.want(&want, d)
		if d.Lacks(last) != tc.lacks {
			t.Errorf("%s: Lacks returns %v", name, !tc.lacks)
		}
		got := d.Retaining(last)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if diff := cmp.Diff(got, d.Retaining(got)); diff != "" {
			t.Errorf("%s, repeated: -want +got:\n%s", name, diff)
		}
		if recovered := Diagnose(good); recovered.Lacks(got) || !cmp.Equal(last, recovered.Retaining(got)) {
			t.Errorf("%s: findings of refusals stay", name)
		}
	}
}

// TestClusters has a cluster in several reports.
func TestClusters(t *testing.T) {
	at := func(minute int) time.Time { return enabled().Add(time.Duration(minute) * time.Minute) }
	report := func(target string, up bool, success time.Time, clusters ...string) Report {
		r := Report{Target: target, AccountID: "111122223333", Region: "eu-central-1", Up: up, LastSuccess: success}
		for _, name := range clusters {
			r.Clusters = append(r.Clusters, Diagnosis{Cluster: Cluster{Name: name}, Tags: map[string]string{"target": target}})
		}
		return r
	}
	for name, tc := range map[string]struct {
		reports []Report
		want    map[string]string // target by cluster
	}{
		"none":                {nil, map[string]string{}},
		"one that is up":      {[]Report{report("a", false, at(2), "x", "y"), report("b", true, at(1), "x")}, map[string]string{"x": "b", "y": "a"}},
		"the newest":          {[]Report{report("a", true, at(1), "x"), report("b", true, at(2), "x")}, map[string]string{"x": "b"}},
		"the first otherwise": {[]Report{report("b", false, time.Time{}, "x"), report("a", false, time.Time{}, "x")}, map[string]string{"x": "a"}},
	} {
		got := map[string]string{}
		for d := range Clusters(tc.reports) {
			if got[d.Cluster.Name] != "" {
				t.Errorf("%s: %s twice", name, d.Cluster.Name)
			}
			got[d.Cluster.Name] = d.Tags["target"]
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
