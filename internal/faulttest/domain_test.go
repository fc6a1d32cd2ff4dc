package faulttest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const domain = "Domain"

// domainRows are about what GuardDuty truthfully says.
func domainRows() []row {
	return []row{
		administratorFails(), memberFails(),
		duringPaging("a cluster that changes its status during paging", func(a *simulator.Account) {
			a.Cluster(faulty, "cluster-00000").Status = "UNHEALTHY"
			a.Cluster(faulty, "cluster-00054").Status = "UNHEALTHY"
		}, map[string]string{"HEALTHY": "47", "UNHEALTHY": "8"}),
		duringPaging("a cluster deleted during paging", func(a *simulator.Account) {
			a.RemoveCluster(faulty, "cluster-00049") // the last one of the first page
		}, map[string]string{"HEALTHY": "48", "UNHEALTHY": "6"}).stands(),
		manyClusters(), manyIssues(), hostileNames().stands(),
	}
}

// both are near without its members' settings, and the member itself.
func both(r *row) {
	r.config = strings.Join([]string{
		"targets:",
		entry("home", "", "", sibling) + ", account_names: true}",
		entry("near", roleARN(nearAccount), nearSesame, faulty) + "}",
		entry("member", roleARN(memberAccount), nearSesame, faulty) + "}",
		"",
	}, "\n")
	r.targets = []target{home(), names(), near(), member()}
}

func member() target { return target{"member", faulty, []string{memberAccount}} }

// memberFails: the administrator goes on showing what the member does not.
func memberFails() row {
	return fails(domain, "administrator and member both configured, the member's fails", coverage.Denied,
		answered(of(member()), accessDenied)).with(both).with(func(r *row) {
		r.concerned = []target{member()}
		r.keeps = true
	})
}

// administratorFails: the member goes on showing what the administrator does not.
func administratorFails() row {
	return fails(domain, "administrator and member both configured, the administrator's fails", coverage.Denied,
		answered(of(near()), accessDenied)).with(both).with(func(r *row) {
		r.concerned = []target{{"near", faulty, []string{nearAccount}}}
	})
}

// duringPaging is a change of near's clusters between two of its pages. The
// counts are those of the refresh after.
func duringPaging(name string, change func(*simulator.Account), want map[string]string) row {
	return bears(domain, name, func(r *rig) func() {
		second := of(near(), "ListCoverage")
		changed := make(chan struct{})
		r.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, req *http.Request) bool {
			if second(c) && asksFor(req) != "" {
				r.aws.SetIntercept(nil)
				r.aws.Update(func(w *simulator.World) { change(w.Account(nearAccount)) })
				close(changed)
			}
			return false
		})
		return func() {
			select {
			case <-changed:
			default:
				r.Error("nobody asked for a second page")
			}
			r.aws.Update(func(w *simulator.World) { w.Account(nearAccount).Clusters = original() })
		}
	}).with(func(r *row) { r.shows = func(_, now page) error { return counts(now, want) } })
}

// fleet is a fault in which near has other clusters than before.
func fleet(c func() []*simulator.Cluster) func(*rig) func() {
	return updated(
		func(w *simulator.World) { w.Account(nearAccount).Clusters = append(c(), clusters(sibling, 3)...) },
		func(w *simulator.World) { w.Account(nearAccount).Clusters = original() },
	)
}

// sized is how large a fleet is: the largest in full, which the race detector
// has no time for.
func sized(large, usual, withRace int) int {
	switch {
	case raced:
		return withRace
	case *full:
		return large
	}
	return usual
}

// forFleets leaves time for fleets of that size.
func forFleets() pace {
	if *full && !raced {
		return pace{40 * time.Second, 39 * time.Second, 2 * time.Minute}
	}
	return ample()
}

func manyClusters() row {
	n := sized(10_000, 500, 500)
	return bears(domain, "10,000 clusters in one target", fleet(func() []*simulator.Cluster {
		return clusters(faulty, n)
	})).with(func(r *row) {
		r.pace, r.heavy, r.fromStart = forFleets(), true, true
		r.shows = func(_, now page) error { return shown(now, n) }
	})
}

// manyIssues are 50 issues of 4 KiB on each cluster.
func manyIssues() row {
	n := sized(1000, 20, 1)
	return bears(domain, "50 issues of 4 KiB on each of 1,000 clusters", fleet(func() []*simulator.Cluster {
		all := clusters(faulty, n)
		for _, c := range all {
			c.Status, c.Issues = "UNHEALTHY", nil
			for i := range 50 {
				c.Issues = append(c.Issues, fmt.Sprintf("Issue %d: %s", i, strings.Repeat("long ", 820)))
			}
		}
		return all
	})).with(func(r *row) {
		r.pace, r.heavy, r.fromStart = forFleets(), true, true
		r.shows = func(_, now page) error { return errors.Join(shown(now, n), shortIssues(now)) }
	})
}

// shown says where not all of near's clusters are.
func shown(p page, n int) error {
	got := 0
	for s := range p.data(near()) {
		if family(s) == "guardduty_ecs_cluster_healthy" {
			got++
		}
	}
	if want := n + 2; got != want { // and the member's
		return fmt.Errorf("%d clusters, want %d", got, want)
	}
	return nil
}

// shortIssues says where near's clusters have no issue, or one that is too long.
func shortIssues(p page) error {
	found := false
	for s := range p.data(near()) {
		if family(s) != "guardduty_ecs_cluster_issue_info" {
			continue
		}
		l := labels(s)
		found = found || l["account_id"] == nearAccount
		if n := len(unescaped(l["issue"])); n > coverage.MaxTextBytes {
			return fmt.Errorf("an issue of %d bytes: %s", n, s)
		}
	}
	if !found {
		return errors.New("no issue")
	}
	return nil
}

// unescaped is a label's value without what a page escapes in it.
func unescaped(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(value)
}

// hostileNames are answered as raw bytes, some of them no UTF-8.
func hostileNames() row {
	names := []string{
		`quo\"te\\d`, `new\nline`, `NUL\u0000`, "\xff\xfe", `bidi\u202etxt`, `<script>alert(1)</script>`, `}\n# EOF\n`, strings.Repeat("long", 200),
	}
	var resources []string
	for _, name := range names {
		resources = append(resources, strings.Replace(resource("NAME", "UNHEALTHY"), `"NAME"`, `"`+name+`"`, 1))
	}
	return bears(domain, "names with quotes, newlines, NUL, invalid UTF-8, bidirectional marks and HTML",
		answered(of(near(), "ListCoverage"), ok(listing("", resources...)))).with(func(r *row) {
		r.shows = func(_, now page) error {
			for s := range now.series {
				if strings.ContainsAny(s, "\x00\u202e") || len(unescaped(labels(s)["cluster_name"])) > coverage.MaxTextBytes {
					return fmt.Errorf("a label that is not clean: %q", s)
				}
			}
			return counts(now, map[string]string{"UNHEALTHY": fmt.Sprintf("%d", len(names)), "HEALTHY": "0"})
		}
	})
}
