package faulttest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const domain = "Domain"

// domainCases are correct but unusual data.
func domainCases() []testCase {
	manyClusters := fleetSize(10_000, 500, 500)
	manyIssues := fleetSize(1000, 20, 1)
	member := memberTarget()
	names := hostileNames()
	var changed time.Time
	return []testCase{
		{
			group: domain, name: "administrator and member both configured, the administrator fails", state: coverage.Denied,
			config: administratorAndMember(), targets: administratorAndMemberTargets(),
			affected: []target{{"subject", faultRegion, []string{subjectAccount}}},
			begin:    respond(callsOf(subject()), accessDenied),
		},
		{
			group: domain, name: "administrator and member both configured, the member fails", state: coverage.Denied,
			config: administratorAndMember(), targets: administratorAndMemberTargets(),
			affected: []target{member}, keepsSeries: true,
			begin: respond(callsOf(member), accessDenied),
		},
		{
			group: domain, name: "administrator and member both configured, the member fails with an older row of the same `updatedAt`",
			state: coverage.Denied, config: administratorAndMember(),
			targets:  []target{home(), accountNames(), {"subject", faultRegion, []string{subjectAccount}}, member},
			affected: []target{member}, keepsSeries: true,
			begin: func(h *harness) func() {
				changed = time.Now()
				setMemberClusters(h, "UNHEALTHY", "HEALTHY")
				end := respond(callsOf(member), accessDenied)(h)
				return func() {
					setMemberClusters(h, "HEALTHY", "UNHEALTHY")
					end()
				}
			},
			checkPage: func(page, page) error { return nil }, // during checks all pages
			during: func(h *harness) {
				read := h.log.refreshesOf(subject(), changed, time.Now())[0].ended
				for _, p := range h.pages {
					v := p.series[series("guardduty_ecs_cluster_healthy", "account_id", memberAccount, "cluster_name", "cluster-00001", "region", faultRegion)]
					if v != "1" && p.requested.After(read.Add(tolerance)) {
						h.Errorf("the page of %s shows the older row", p.requested.Format(clockTime))
					}
				}
			},
		},
		{
			group: domain, name: "a cluster that changes its status between pages", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: changeBetweenPages(func(a *simulator.Account) {
				a.Cluster(faultRegion, "cluster-00000").Status = "UNHEALTHY"
				a.Cluster(faultRegion, "cluster-00054").Status = "UNHEALTHY"
			}),
			checkPage: func(_, during page) error {
				return checkCounts(during, map[string]string{"HEALTHY": "47", "UNHEALTHY": "8"})
			},
		},
		{
			group: domain, name: "a cluster deleted between pages", state: coverage.OK, short: true, skip: skips{lastGood: refreshSucceeds},
			begin: changeBetweenPages(func(a *simulator.Account) {
				a.RemoveCluster(faultRegion, "cluster-00049") // the last one on the first page
			}),
			checkPage: func(_, during page) error {
				return checkCounts(during, map[string]string{"HEALTHY": "48", "UNHEALTHY": "6"})
			},
		},
		{
			group: domain, name: "10,000 clusters in one target", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			pace: fleetPace(), heavy: true, fromStart: true,
			begin:     setFleet(func() []*simulator.Cluster { return clusters(faultRegion, manyClusters) }),
			checkPage: func(_, during page) error { return checkFleet(during, manyClusters) },
		},
		{
			group: domain, name: "50 issues of 4 KiB on each of 1,000 clusters", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			pace: fleetPace(), heavy: true, fromStart: true,
			begin: setFleet(func() []*simulator.Cluster { return withLongIssues(clusters(faultRegion, manyIssues)) }),
			checkPage: func(_, during page) error {
				return errors.Join(checkFleet(during, manyIssues), checkIssueLengths(during))
			},
		},
		{
			group: domain, name: "names with quotes, newlines, NUL, invalid UTF-8, bidirectional marks and HTML", state: coverage.OK, short: true,
			skip:  skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "ListCoverage", "GetCoverageStatistics"), coveragePages(fmt.Sprintf(`{"UNHEALTHY":%d}`, len(names)), names)),
			checkPage: func(_, during page) error {
				for s := range during.series {
					if strings.ContainsAny(s, "\x00\u202e") || len(unescape(labels(s)["cluster_name"])) > coverage.MaxTextBytes {
						return fmt.Errorf("a label is not sanitized: %q", s)
					}
				}
				return checkCounts(during, map[string]string{"UNHEALTHY": strconv.Itoa(len(names)), "HEALTHY": "0"})
			},
		},
	}
}

// administratorAndMember is a configuration with the subject and its member.
func administratorAndMember() string {
	return strings.Join([]string{
		"targets:",
		targetYAML("home", "", "", healthyRegion) + ", account_names: true}",
		targetYAML("subject", roleARN(subjectAccount), subjectExternalID, faultRegion) + "}",
		targetYAML("member", roleARN(memberAccount), subjectExternalID, faultRegion) + "}",
		"",
	}, "\n")
}

func administratorAndMemberTargets() []target {
	return []target{home(), accountNames(), subject(), memberTarget()}
}

func memberTarget() target { return target{"member", faultRegion, []string{memberAccount}} }

// changeBetweenPages changes the subject between two pages of its listing.
func changeBetweenPages(change func(*simulator.Account)) func(*harness) func() {
	return func(h *harness) func() {
		list := callsOf(subject(), "ListCoverage")
		changed := make(chan struct{})
		h.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
			if list(c, r) && requestToken(r) != "" {
				h.aws.SetIntercept(nil)
				h.aws.Update(func(w *simulator.World) { change(w.Account(subjectAccount)) })
				close(changed)
			}
			return false
		})
		return func() {
			select {
			case <-changed:
			default:
				h.Error("no second page was requested")
			}
			h.aws.Update(func(w *simulator.World) { w.Account(subjectAccount).Clusters = subjectClusters() })
		}
	}
}

// setFleet gives the subject other clusters.
func setFleet(fleet func() []*simulator.Cluster) func(*harness) func() {
	return updateWorld(
		func(w *simulator.World) {
			w.Account(subjectAccount).Clusters = append(fleet(), clusters(healthyRegion, 3)...)
		},
		func(w *simulator.World) { w.Account(subjectAccount).Clusters = subjectClusters() },
	)
}

// fleetSize returns the size of a fleet with -full, by default and with the race
// detector, which is too slow for the largest.
func fleetSize(large, reduced, withRace int) int {
	switch {
	case raceEnabled:
		return withRace
	case *full:
		return large
	}
	return reduced
}

// fleetPace leaves time for fleets of that size.
func fleetPace() pace {
	if *full && !raceEnabled {
		return pace{40 * time.Second, 39 * time.Second, 2 * time.Minute}
	}
	return heavyPace()
}

// withLongIssues gives each cluster 50 issues of 4 KiB.
func withLongIssues(clusters []*simulator.Cluster) []*simulator.Cluster {
	for _, c := range clusters {
		c.Status, c.Issues = "UNHEALTHY", nil
		for i := range 50 {
			c.Issues = append(c.Issues, fmt.Sprintf("Issue %d: %s", i, strings.Repeat("long ", 820)))
		}
	}
	return clusters
}

// checkFleet checks the number of clusters that the subject shows.
func checkFleet(p page, n int) error {
	got := 0
	for s := range p.data(subject()) {
		if family(s) == "guardduty_ecs_cluster_healthy" {
			got++
		}
	}
	if want := n + 2; got != want { // two of the member
		return fmt.Errorf("%d clusters, want %d", got, want)
	}
	return nil
}

// checkIssueLengths checks that the subject has issues and that none is too long.
func checkIssueLengths(p page) error {
	found := false
	for s := range p.data(subject()) {
		if family(s) != "guardduty_ecs_cluster_issue_info" {
			continue
		}
		l := labels(s)
		found = found || l["account_id"] == subjectAccount
		if n := len(unescape(l["issue"])); n > coverage.MaxTextBytes {
			return fmt.Errorf("an issue of %d bytes: %s", n, s)
		}
	}
	if !found {
		return errors.New("no issue")
	}
	return nil
}

// unescape returns a label value without its escapes.
func unescape(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(value)
}

// hostileNames are rows as raw JSON, some of it invalid UTF-8.
func hostileNames() []string {
	var rows []string
	for _, name := range []string{
		`quo\"te\\d`, `new\nline`, `NUL\u0000`, "\xff\xfe", `bidi\u202etxt`, `<script>alert(1)</script>`, `}\n# EOF\n`, strings.Repeat("long", 200),
	} {
		rows = append(rows, strings.Replace(coverageRow("NAME", "UNHEALTHY"), `"NAME"`, `"`+name+`"`, 1))
	}
	return rows
}

// setMemberClusters sets the status of the member's two clusters, so that the
// counts stay the same, and not their updatedAt.
func setMemberClusters(h *harness, first, second string) {
	h.aws.Update(func(w *simulator.World) {
		w.Account(memberAccount).Cluster(faultRegion, "cluster-00000").Status = first
		w.Account(memberAccount).Cluster(faultRegion, "cluster-00001").Status = second
	})
}
