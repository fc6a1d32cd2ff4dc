package guardduty

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestPagesAreOrderedByName checks that pages are sorted by an attribute that does not change, so that no resource moves to
// a page that was read already.
func TestPagesAreOrderedByName(t *testing.T) {
	for of, key := range map[coverage.ResourceType]string{
		coverage.ECS: "ECS_CLUSTER_NAME", coverage.EC2: "INSTANCE_ID", coverage.EKS: "EKS_CLUSTER_NAME",
	} {
		t.Run(string(of), func(t *testing.T) {
			c := newAdministrator(t, Options{Types: []coverage.ResourceType{of}})
			type order struct{ AttributeName, OrderBy string }
			var requested []order
			c.aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
				if call.Operation == "ListCoverage" {
					var body struct{ SortCriteria order }
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						t.Error(err)
					}
					requested = append(requested, body.SortCriteria)
				}
				return false // the server has a body of its own
			})
			if _, _, err := c.Read(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]order{{key, "ASC"}}, requested); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
