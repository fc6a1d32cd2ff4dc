package faulttest

import (
	"fmt"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// deniedCases deny each API call.
func deniedCases() []testCase {
	listRegions := target{"subject", "", []string{subjectAccount}}
	return []testCase{
		{
			group: api, name: "AccessDenied for ListDetectors, and a recreated detector", state: coverage.Denied,
			begin: func(h *harness) func() {
				end := respond(callsOf(subject(), "ListDetectors"), accessDenied)(h)
				h.aws.Update(func(w *simulator.World) { subjectDetector(w).ID = newDetectorID })
				return end
			},
		},
		{group: api, name: "AccessDenied for ListCoverage", state: coverage.Denied, short: true, begin: respond(callsOf(subject(), "ListCoverage"), accessDenied)},
		{
			group: api, name: "AccessDenied for GetCoverageStatistics", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "GetCoverageStatistics"), accessDenied), checkPage: checkCapabilityDown("statistics"),
		},
		{
			group: api, name: "AccessDenied for GetDetector", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true,
			begin: respond(callsOf(subject(), "GetDetector"), accessDenied), checkPage: checkCapabilityDown("detector"),
		},
		{
			group: api, name: "AccessDenied for ListMembers", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "ListMembers"), accessDenied), checkPage: checkCapabilityDown("members"),
		},
		{
			group: api, name: "AccessDenied for GetMemberDetectors", state: coverage.OK, skip: skips{lastGood: refreshSucceeds},
			begin: respond(callsOf(subject(), "GetMemberDetectors"), accessDenied), checkPage: checkCapabilityDown("member_detectors"),
		},
		{
			group: api, name: "AccessDenied for ListAccounts", state: coverage.Denied, affected: []target{accountNames()},
			begin: respond(callsTo("organizations", homeAccount, "ListAccounts"), accessDeniedByOrganizations),
		},
		{
			group: api, name: "AccessDenied for ListRegions", state: coverage.Denied, affected: []target{listRegions},
			config:  strings.Replace(defaultTargets(), "regions: ["+faultRegion+", "+healthyRegion+"]", "regions: [all]", 1),
			targets: append(allTargets(), listRegions),
			setup:   disableOptInRegions,
			begin:   respond(callsTo("account", subjectAccount, "ListRegions"), accessDenied),
		},
		{
			group: api, name: "AccessDenied for GetCallerIdentity", state: coverage.OK, affected: []target{home(), accountNames()},
			skip: skips{lastGood: refreshSucceeds}, fromStart: true,
			begin:     respond(callsTo("sts", homeAccount, "GetCallerIdentity"), stsError(403, "AccessDenied")),
			checkPage: checkSameClusters,
		},
	}
}

// checkCapabilityDown checks that an optional capability is down and that
// the clusters are unchanged.
func checkCapabilityDown(capability string) func(before, during page) error {
	return func(before, during page) error {
		up := during.series[series("guardduty_target_capability_up", "target", "subject", "kind", "coverage", "account_id", subjectAccount, "region", faultRegion, "capability", capability)]
		if up != "0" {
			return fmt.Errorf("guardduty_target_capability_up of %s is %q", capability, up)
		}
		return checkSameClusters(before, during)
	}
}

func checkSameClusters(before, during page) error {
	for series, value := range before.series {
		if family(series) == "guardduty_ecs_cluster_healthy" && during.series[series] != value {
			return fmt.Errorf("%s was %s and is %q", series, value, during.series[series])
		}
	}
	return nil
}

// disableOptInRegions disables the subject's opt-in Regions that no test case
// uses.
func disableOptInRegions(h *harness) {
	h.aws.Update(func(w *simulator.World) {
		w.Account(subjectAccount).DisabledRegions = []string{
			"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
			"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1",
			"me-south-1", "mx-central-1",
		}
	})
}
