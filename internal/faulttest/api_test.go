package faulttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const api = "AWS API"

func apiCases() []testCase {
	return slices.Concat(responseCases(), deniedCases(), detectorCases(), clockCases(), listingCases(), oddResponseCases())
}

// responseCases are responses to all calls of the subject.
func responseCases() []testCase {
	all := callsOf(subject())
	return []testCase{
		{group: api, name: "500", state: coverage.Failed, short: true, begin: respond(all, errorResponse(500, "InternalServerErrorException", "Try again."))},
		{
			group: api, name: "503 with HTML", state: coverage.Failed,
			begin: respond(all, body(503, "text/html", "<html><body>Service Unavailable "+canaryEmail+"</body></html>")),
		},
		{
			group: api, name: "400 ThrottlingException", state: coverage.Throttled, short: true,
			begin: respond(all, errorResponse(400, "ThrottlingException", "Rate exceeded")),
		},
		{group: api, name: "429 with a code", state: coverage.Throttled, begin: respond(all, errorResponse(429, "TooManyRequestsException", "Too many requests"))},
		{group: api, name: "429 without a code", state: coverage.Throttled, begin: respond(all, body(429, "text/plain", "slow down"))},
		{group: api, name: "ExpiredToken", state: coverage.Denied, begin: respond(all, expiredToken)},
		{group: api, name: "no response", state: coverage.Timeout, short: true, begin: respond(all, hang)},
		{group: api, name: "a byte per second", state: coverage.Timeout, begin: respond(all, trickle)},
		{group: api, name: "a connection closed within a body", state: coverage.InvalidResponse, short: true, begin: respond(all, cutBody)},
		{group: api, name: "truncated JSON", state: coverage.InvalidResponse, begin: respond(all, truncatedJSON)},
		{group: api, name: "an empty body with status 200", state: coverage.InvalidResponse, short: true, begin: respond(all, jsonBody(""))},
	}
}

// listingCases are unusual responses to ListCoverage and ListMembers.
func listingCases() []testCase {
	list, listAndCount := callsOf(subject(), "ListCoverage"), callsOf(subject(), "ListCoverage", "GetCoverageStatistics")
	return []testCase{
		{group: api, name: "`resources: null`", state: coverage.InvalidResponse, begin: respond(list, jsonBody(`{"resources":null}`))},
		{group: api, name: "wrong JSON types", state: coverage.InvalidResponse, begin: respond(list, jsonBody(`{"resources":{"mail":"`+canaryEmail+`"}}`))},
		{
			group: api, name: "wrong JSON types of members", state: coverage.InvalidResponse, short: true,
			begin: respond(callsOf(subject(), "ListMembers"), jsonBody(`{"members":{"email":"`+canaryEmail+`"}}`)),
		},
		{
			group: api, name: "JSON with 200,000 levels", state: coverage.InvalidResponse,
			begin: respond(list, jsonBody(`{"resources":`+strings.Repeat("[", 200_000))),
		},
		{
			group: api, name: "a string of 64 MiB", state: coverage.InvalidResponse, pace: heavyPace(), heavy: true,
			begin: respond(list, hugeString),
			during: func(h *harness) {
				if !strings.Contains(h.log.String(), "response larger than") {
					h.Error("the exporter read the whole response")
				}
			},
		},
		{
			group: api, name: "the same page token forever", state: coverage.InvalidResponse, short: true,
			begin: respond(list, endlessPages(func(int64) string { return "again" })),
		},
		{
			group: api, name: "two alternating page tokens", state: coverage.InvalidResponse,
			begin: respond(list, endlessPages(func(n int64) string { return []string{"a", "b"}[n%2] })),
		},
		{
			group: api, name: "new page tokens forever", state: coverage.Timeout,
			begin: respond(list, endlessPages(func(n int64) string { return fmt.Sprint("page", n) })),
		},
		{
			group: api, name: "truncated JSON for EKS clusters, with ECS clusters and EC2 instances in the same target", state: coverage.InvalidResponse,
			config: strings.Replace(defaultTargets(), "members: true}", "members: true, resource_types: [ECS, EC2, EKS]}", 1),
			setup:  addOtherTypes,
			begin: func(h *harness) func() {
				for _, name := range []string{"guardduty_ecs_cluster_healthy", "guardduty_ec2_instance_healthy", "guardduty_eks_cluster_healthy"} {
					if h.pages[len(h.pages)-1].count(name) == 0 {
						h.Errorf("no %s before the fault", name)
					}
				}
				return respond(listCalls("RESOURCE_TYPE", "EKS"), truncatedJSON)(h)
			},
		},
		{
			group: api, name: "one resource on two pages", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(listAndCount, coveragePages(`{"HEALTHY":3}`,
				[]string{coverageRow("a", "HEALTHY"), coverageRow("b", "HEALTHY")},
				[]string{coverageRow("b", "HEALTHY"), coverageRow("c", "HEALTHY")})),
			checkPage: func(_, during page) error {
				return checkCounts(during, map[string]string{"HEALTHY": "3", "UNHEALTHY": "0"})
			},
		},
		{
			group: api, name: "an unknown coverage status", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(listAndCount, coveragePages(`{"HEALTHY":1,"QUARANTINED":1}`,
				[]string{coverageRow("a", "HEALTHY"), coverageRow("b", "QUARANTINED")})),
			checkPage: func(_, during page) error {
				if v := during.series[clusterSeries("b")]; v != "0" {
					return fmt.Errorf("the cluster with the unknown status is %q", v)
				}
				return checkCounts(during, map[string]string{"HEALTHY": "1", "UNHEALTHY": "0", "QUARANTINED": "1"})
			},
		},
	}
}

// addOtherTypes adds an EC2 instance and an EKS cluster to the subject.
func addOtherTypes(h *harness) {
	h.aws.Update(func(w *simulator.World) {
		a := w.Account(subjectAccount)
		a.Instances = []*simulator.Instance{{
			Region: faultRegion, ID: "i-0123456789abcdef0", UpdatedAt: baseTime,
			ClusterARN: "arn:aws:ecs:" + faultRegion + ":" + subjectAccount + ":cluster/cluster-00000",
		}}
		a.EKSClusters = []*simulator.EKSCluster{{Region: faultRegion, Name: "pods", UpdatedAt: baseTime}}
	})
}

const newDetectorID = "0123456789abcdef0123456789abcdef"

func subjectDetector(w *simulator.World) *simulator.Detector {
	return w.Account(subjectAccount).Detector(faultRegion)
}

// detectorCases are changes of the subject's detector and Region.
func detectorCases() []testCase {
	var removed *simulator.Detector
	return []testCase{
		{
			group: api, name: "no detector", state: coverage.NoDetector, short: true,
			begin: updateWorld(func(w *simulator.World) {
				removed = subjectDetector(w)
				a := w.Account(subjectAccount)
				a.Detectors = slices.DeleteFunc(a.Detectors, func(d *simulator.Detector) bool { return d == removed })
			}, func(w *simulator.World) {
				a := w.Account(subjectAccount)
				a.Detectors = append(a.Detectors, removed)
			}),
		},
		{
			group: api, name: "a recreated detector: the old one is “not owned by the current account”", state: coverage.OK, short: true,
			skip: skips{lastGood: refreshSucceeds},
			begin: updateWorld(
				func(w *simulator.World) { subjectDetector(w).ID = newDetectorID },
				func(w *simulator.World) { subjectDetector(w).ID = "fedcba9876543210fedcba9876543210" },
			),
		},
		{
			group: api, name: "UnrecognizedClient: the Region is disabled", state: coverage.RegionDisabled,
			begin: updateWorld(
				func(w *simulator.World) { w.Account(subjectAccount).DisabledRegions = []string{faultRegion} },
				func(w *simulator.World) { w.Account(subjectAccount).DisabledRegions = nil },
			),
		},
	}
}

// clockCases set the exporter's clock wrong by setting the simulator's wrong.
func clockCases() []testCase {
	skip := skips{
		lastGood:  refreshSucceeds,
		isolation: "the exporter has one clock, so the fault affects all targets",
	}
	offset := func(d time.Duration) func(*harness) func() {
		return func(h *harness) func() {
			h.setClock(d)
			return func() { h.setClock(0) }
		}
	}
	return []testCase{
		{group: api, name: "the clock two hours ahead", state: coverage.OK, affected: allTargets(), skip: skip, pace: retryPace(), begin: offset(-2 * time.Hour)},
		{group: api, name: "the clock two hours behind", state: coverage.OK, affected: allTargets(), skip: skip, pace: retryPace(), begin: offset(2 * time.Hour)},
	}
}
