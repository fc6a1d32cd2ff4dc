package app

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// TestCallerIdentityIsOptional has an STS that denies GetCallerIdentity: coverage
// is exported, and the target's account once it is known.
func TestCallerIdentityIsOptional(t *testing.T) {
	t.Parallel()
	aws := simulator.New(homeWorld(), simulator.Options{})
	aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if c.Operation != "GetCallerIdentity" {
			return false
		}
		awswire.WriteError(w, http.StatusForbidden, "AccessDenied", "not now")
		return true
	})
	const config = "refresh: {interval: 3s, timeout: 2s, max_staleness: 3h}\ntargets: [{name: home, regions: [us-east-1], members: true, detector: true}]\n"
	e := startWith(t, aws, config)
	up := func(account string) func() bool {
		return func() bool {
			for line := range strings.Lines(e.metrics()) {
				if strings.HasPrefix(line, `guardduty_target_up{account_id="`+account+`"`) && strings.HasSuffix(line, " 1\n") {
					return true
				}
			}
			return false
		}
	}
	e.until("the target is up without an account", up(""))
	if page := e.metrics(); strings.Contains(page, `guardduty_coverage_resources{account_id=""`) {
		t.Errorf("coverage of an unknown account:\n%s", page)
	}
	aws.Update(func(w *simulator.World) { w.Accounts[0].Clusters = []*simulator.Cluster{healthy("web")} })
	e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="web",region="us-east-1"} 1`)
	e.until("the account is that of its clusters", up("111122223333"))
	aws.Update(func(w *simulator.World) { w.Accounts[0].Clusters = nil })
	aws.SetIntercept(nil)
	e.untilMetric(`guardduty_coverage_resources{account_id="111122223333",coverage_status="HEALTHY",region="us-east-1",resource_type="ECS"} 0`)
}
