package faulttest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// oddResponseCases are responses that are valid JSON but incomplete.
func oddResponseCases() []testCase {
	list := callsOf(subject(), "ListCoverage")
	return []testCase{
		{
			group: api, name: "fewer rows than both statistics", state: coverage.InvalidResponse,
			begin: respond(list, jsonBody(coveragePage("", coverageRow("cluster-00000", "HEALTHY")))),
		},
		{
			group: api, name: "`resources: null` with Runtime Monitoring off", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			begin: respondWithFeatureOff(jsonBody(`{"resources":null}`)), checkPage: checkFeatureOff,
		},
		{
			group: api, name: "no `resources` with Runtime Monitoring off", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respondWithFeatureOff(jsonBody(`{}`)), checkPage: checkFeatureOff,
		},
		{
			group: api, name: "an empty body with Runtime Monitoring off", state: coverage.InvalidResponse,
			config: strings.Replace(defaultTargets(), ", detector: true, members: true}", "}", 1), // so that no feature changes
			begin:  respondWithFeatureOff(jsonBody(``)),
		},
		{
			group: api, name: "`resources: null` with Runtime Monitoring unknown", state: coverage.InvalidResponse,
			config: administratorAndMember(), targets: administratorAndMemberTargets(),
			affected: []target{{"subject", faultRegion, []string{subjectAccount}}},
			begin: respond(callsOf(subject(), "ListCoverage", "GetDetector"), func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					accessDenied(w, r)
					return
				}
				jsonBody(`{"resources":null}`)(w, r)
			}),
		},
		{
			group: api, name: "an empty page of ListDetectors before the detector", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: findDetectorAgain(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("nextToken") == "" {
					jsonBody(`{"detectorIds":[],"nextToken":"2"}`)(w, r)
					return
				}
				jsonBody(`{"detectorIds":["`+newDetectorID+`"]}`)(w, r)
			}),
		},
		{
			group: api, name: "`[null]` from ListDetectors", state: coverage.InvalidResponse,
			begin: findDetectorAgain(jsonBody(`{"detectorIds":[null]}`)),
		},
		{
			group: api, name: "an empty detector ID from ListDetectors", state: coverage.InvalidResponse,
			begin: findDetectorAgain(jsonBody(`{"detectorIds":[""]}`)),
		},
		{
			group: api, name: "no accounts from ListAccounts", state: coverage.InvalidResponse, affected: []target{accountNames()},
			begin: respond(callsTo("organizations", homeAccount, "ListAccounts"), body(200, "application/x-amz-json-1.1", `{"Accounts":[]}`)),
		},
		{
			group: api, name: "members that were not requested from GetMemberDetectors", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "GetMemberDetectors"), jsonBody(`{"members":[{"accountId":"999999999999","features":[{"name":"RUNTIME_MONITORING","status":"ENABLED"}]},`+
				`{"features":[{"name":"RUNTIME_MONITORING","status":"ENABLED"}]}],"unprocessedAccounts":[]}`)),
			checkPage: func(_, during page) error {
				for s := range during.series {
					if l := labels(s); l["account_id"] == "999999999999" || strings.HasPrefix(s, "guardduty_detector_feature") && l["account_id"] == "" {
						return fmt.Errorf("a member that was not requested: %s", s)
					}
				}
				return nil
			},
		},
		{
			group: api, name: "a member's detector that AWS does not process", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "GetMemberDetectors"), jsonBody(`{"members":[],"unprocessedAccounts":[{"accountId":"`+memberAccount+`","result":"unavailable"}]}`)),
			checkPage: func(_, during page) error {
				return checkTargetValue(during, "guardduty_target_members_unprocessed", "1")
			},
		},
		{
			group: api, name: "statistics with 33 statuses", state: coverage.InvalidResponse,
			begin: respond(callsOf(subject(), "GetCoverageStatistics"), jsonBody(`{"coverageStatistics":{"countByCoverageStatus":{`+manyStatuses(33)+`}}}`)),
		},
		{
			group: api, name: "an `updatedAt` in the year 2100", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: updateWorld(setUpdatedAt(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), setUpdatedAt(baseTime)),
			checkPage: func(_, during page) error {
				if s := series("guardduty_ecs_cluster_updated_timestamp_seconds", "account_id", subjectAccount, "cluster_name", "cluster-00000", "region", faultRegion); during.series[s] != "" {
					return fmt.Errorf("%s %s", s, during.series[s])
				}
				return checkTargetValue(during, "guardduty_target_invalid_timestamps", "1")
			},
		},
	}
}

// checkTargetValue checks the value of a metric of the subject.
func checkTargetValue(p page, family, want string) error {
	s := series(family, "target", "subject", "account_id", subjectAccount, "kind", "coverage", "region", faultRegion)
	if got := p.series[s]; got != want {
		return fmt.Errorf("%s is %q, want %s", s, got, want)
	}
	return nil
}

// manyStatuses returns the counts of n statuses.
func manyStatuses(n int) string {
	counts := make([]string, n)
	for i := range counts {
		counts[i] = fmt.Sprintf(`"STATUS_%d":1`, i)
	}
	return strings.Join(counts, ",")
}

// setUpdatedAt changes the time of the subject's first cluster.
func setUpdatedAt(t time.Time) func(*simulator.World) {
	return func(w *simulator.World) {
		w.Account(subjectAccount).Cluster(faultRegion, "cluster-00000").UpdatedAt = t
	}
}

// respondWithFeatureOff turns Runtime Monitoring off for the subject and its
// member, and responds to ListCoverage.
func respondWithFeatureOff(response http.HandlerFunc) func(*harness) func() {
	set := func(off bool) func(*simulator.World) {
		return func(w *simulator.World) {
			subjectDetector(w).RuntimeMonitoringOff = off
			w.Account(memberAccount).Detector(faultRegion).RuntimeMonitoringOff = off
		}
	}
	return func(h *harness) func() {
		h.aws.Update(set(true))
		end := respond(callsOf(subject(), "ListCoverage"), response)(h)
		return func() { h.aws.Update(set(false)); end() }
	}
}

func checkFeatureOff(_, during page) error {
	s := series("guardduty_detector_feature_enabled", "account_id", subjectAccount, "additional_configuration", "", "region", faultRegion, "feature", "RUNTIME_MONITORING")
	if v := during.series[s]; v != "0" {
		return fmt.Errorf("%s is %q", s, v)
	}
	for s := range during.data(subject()) {
		if family(s) == "guardduty_ecs_cluster_healthy" {
			return fmt.Errorf("a cluster: %s", s)
		}
	}
	return nil
}

// findDetectorAgain recreates the detector, so that its ID is listed again.
func findDetectorAgain(response http.HandlerFunc) func(*harness) func() {
	return func(h *harness) func() {
		end := respond(callsOf(subject(), "ListDetectors"), response)(h)
		h.aws.Update(func(w *simulator.World) { subjectDetector(w).ID = newDetectorID })
		return end
	}
}
