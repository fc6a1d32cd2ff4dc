package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestRefreshThatCannotFinishIsNotStarted has 10,000 clusters, which take 40 s at
// 5 requests per second. The state is there before refresh.timeout.
func TestRefreshThatCannotFinishIsNotStarted(t *testing.T) {
	t.Parallel()
	clusters := make([]*simulator.Cluster, 10_000)
	for i := range clusters {
		clusters[i] = healthy(fmt.Sprintf("cluster-%05d", i))
	}
	e := start(t, homeWorld(clusters...), "refresh: {interval: 1h, timeout: 30s, max_staleness: 3h}\naws: {requests_per_second: 5}\n"+
		"targets: [{name: home, regions: [us-east-1]}]\n")
	e.untilMetric(`guardduty_target_state{account_id="111122223333",kind="coverage",region="us-east-1",state="timeout",target="home"} 1`)
	if n := e.calls("ListCoverage"); n != 0 {
		t.Errorf("%d calls of ListCoverage", n)
	}
	if n := len(e.aws.Calls()); n > 10 {
		t.Errorf("%d calls in all", n)
	}
	if log := e.log.String(); !strings.Contains(log, "listing 10000 resources takes 201 requests") ||
		!strings.Contains(log, "raise aws.requests_per_second, or the timeout and the interval of the target") {
		t.Errorf("the log lacks the solution:\n%s", log)
	}
}
