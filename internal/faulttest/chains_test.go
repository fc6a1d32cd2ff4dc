package faulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const chains = "Listing in parallel chains"

// joining is an account that becomes near's member while it is listed.
const joining = "222233336666"

// chainRows are about a listing that is large enough to be split by account.
func chainRows() []row {
	return []row{
		fails(chains, "one chain without an answer", coverage.InvalidResponse, ofMember(ok(`{}`))).with(split),
		fails(chains, "one chain that hangs", coverage.Timeout, ofMember(hang)).with(split),
		bears(chains, "an account that joins meanwhile", joinsMeanwhile).with(split).with(func(r *row) {
			r.shows = func(_, now page) error {
				of := series("guardduty_coverage_resources", "account_id", joining, "region", faulty, "resource_type", "ECS", "coverage_status", "HEALTHY")
				if now.series[of] != "3" {
					return fmt.Errorf("the account that has joined shows %q healthy clusters, want 3", now.series[of])
				}
				return counts(now, map[string]string{"HEALTHY": "540", "UNHEALTHY": "60"})
			}
		}),
	}
}

// split gives near more clusters than fit into one chain.
func split(r *row) {
	r.pace, r.heavy = patient(), true
	r.arrange = func(r *rig) {
		r.aws.Update(func(w *simulator.World) {
			near := w.Account(nearAccount)
			near.Clusters = append(clusters(faulty, 600), clusters(sibling, 3)...)
			near.Detector(faulty).Members = append(near.Detector(faulty).Members, joining)
			near.Detector(faulty).Relationships = map[string]string{joining: "Created"}
			w.Accounts = append(w.Accounts, &simulator.Account{
				ID: joining, Name: "joining", Email: canaryMail,
				Detectors: []*simulator.Detector{{Region: faulty}}, Clusters: clusters(faulty, 4),
			})
		})
	}
}

// ofMember is a fault of the chain that lists the member alone.
func ofMember(a answer) func(*rig) func() {
	return answeredWhere(func(c simulator.Call, req *http.Request) bool {
		return of(near(), "ListCoverage")(c) && slices.Equal(criterion(req, "ACCOUNT_ID"), []string{memberAccount})
	}, a)
}

// criterion are the values of a key that a call of ListCoverage is limited to.
func criterion(r *http.Request, key string) []string {
	var in struct {
		FilterCriteria struct {
			FilterCriterion []struct {
				CriterionKey    string
				FilterCondition struct{ Equals []string }
			}
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // the simulator's business
	for _, c := range in.FilterCriteria.FilterCriterion {
		if c.CriterionKey == key {
			return c.FilterCondition.Equals
		}
	}
	return nil
}

// joinsMeanwhile has an account join after near's members were listed.
func joinsMeanwhile(r *rig) func() {
	set := func(relationship string) {
		r.aws.Update(func(w *simulator.World) {
			w.Account(nearAccount).Detector(faulty).Relationships[joining] = relationship
		})
	}
	var once sync.Once
	r.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, _ *http.Request) bool {
		if of(near(), "ListCoverage")(c) {
			once.Do(func() { set("Enabled") })
		}
		return false
	})
	return func() {
		r.aws.SetIntercept(nil)
		set("Created")
	}
}
