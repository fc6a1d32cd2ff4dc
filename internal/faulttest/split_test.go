package faulttest

import (
	"net/http"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const splitListing = "Parallel listing by account"

// joiningAccount becomes the subject's member during a listing.
const joiningAccount = "222233336666"

// splitCases have so many clusters that the listing is split by account.
func splitCases() []testCase {
	return []testCase{
		{
			group: splitListing, name: "an invalid response to one of the lists", state: coverage.InvalidResponse, pace: retryPace(), heavy: true,
			setup: addClusters, begin: respond(listCalls("ACCOUNT_ID", memberAccount), jsonBody(`{}`)),
		},
		{
			group: splitListing, name: "no response to one of the lists", state: coverage.Timeout, pace: retryPace(), heavy: true,
			setup: addClusters, begin: respond(listCalls("ACCOUNT_ID", memberAccount), hang),
		},
		{
			group: splitListing, name: "an account that joins during the listing", state: coverage.OK, pace: retryPace(), heavy: true,
			skip: skips{lastGood: refreshSucceeds}, setup: addClusters, begin: joinDuringListing,
			checkPage: func(_, during page) error {
				if err := checkCountsOf(during, joiningAccount, map[string]string{"HEALTHY": "3"}); err != nil {
					return err
				}
				return checkCounts(during, map[string]string{"HEALTHY": "540", "UNHEALTHY": "60"})
			},
		},
	}
}

// addClusters adds so many clusters that the listing is split, and an account
// that is invited but not yet a member.
func addClusters(h *harness) {
	h.aws.Update(func(w *simulator.World) {
		subject := w.Account(subjectAccount)
		subject.Clusters = append(clusters(faultRegion, 600), clusters(healthyRegion, 3)...)
		subject.Detector(faultRegion).Members = append(subject.Detector(faultRegion).Members, joiningAccount)
		subject.Detector(faultRegion).Relationships = map[string]string{joiningAccount: "Created"}
		w.Accounts = append(w.Accounts, &simulator.Account{
			ID: joiningAccount, Name: "joining", Email: canaryEmail,
			Detectors: []*simulator.Detector{{Region: faultRegion}}, Clusters: clusters(faultRegion, 4),
		})
	})
}

// joinDuringListing makes the account a member after ListMembers.
func joinDuringListing(h *harness) func() {
	set := func(relationship string) {
		h.aws.Update(func(w *simulator.World) { subjectDetector(w).Relationships[joiningAccount] = relationship })
	}
	var once sync.Once
	h.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if callsOf(subject(), "ListCoverage")(c, r) {
			once.Do(func() { set("Enabled") })
		}
		return false
	})
	return func() {
		h.aws.SetIntercept(nil)
		set("Created")
	}
}
