package guardduty

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestReadKeysFiltersByAccountAndName reads one cluster of an administrator with more accounts than a page has rows, each
// with a cluster of this name.
func TestReadKeysFiltersByAccountAndName(t *testing.T) {
	c := newTarget(t, Options{})
	c.organization(60, 1)
	if _, _, err := c.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	requested := make(chan map[string][]string, 10)
	c.aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if call.Operation == "ListCoverage" {
			requested <- criteriaIn(t, r)
		}
		return false
	})
	k := key(coverage.ECS, "cluster-0000")
	k.AccountID = "500000000059"
	before := c.count("ListCoverage")
	found, err := c.ReadKeys(t.Context(), []coverage.Key{k})
	if err != nil || len(found) != 1 || found[0].Key != k {
		t.Errorf("%v, %v", found, err)
	}
	if calls := c.count("ListCoverage") - before; calls != 1 {
		t.Fatalf("%d calls, want 1", calls)
	}
	criteria := <-requested
	for criterion, want := range map[string]string{"ACCOUNT_ID": k.AccountID, "ECS_CLUSTER_NAME": k.Name} {
		if !slices.Equal(criteria[criterion], []string{want}) {
			t.Errorf("%s is %v, want %s alone", criterion, criteria[criterion], want)
		}
	}
}

// criteriaIn returns the values of a ListCoverage request by criterion.
func criteriaIn(t *testing.T, r *http.Request) map[string][]string {
	var input struct {
		FilterCriteria struct {
			FilterCriterion []struct {
				CriterionKey    string
				FilterCondition struct{ Equals []string }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		t.Error(err)
	}
	wanted := map[string][]string{}
	for _, c := range input.FilterCriteria.FilterCriterion {
		wanted[c.CriterionKey] = append(wanted[c.CriterionKey], c.FilterCondition.Equals...)
	}
	return wanted
}
