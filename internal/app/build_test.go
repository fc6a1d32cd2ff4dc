package app

import (
	"net/http"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestAllRegions(t *testing.T) {
	t.Parallel()
	w := homeWorld(healthy("a"))
	w.Accounts[0].DisabledRegions = []string{"me-south-1"}
	e := start(t, w, "refresh: {interval: 2s, timeout: 1s, max_staleness: 1h}\ntargets:\n  - regions: [all]\n")
	e.untilReady()
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="regions",region="",target="default"} 1`)
	e.untilMetric(`guardduty_target_up{account_id="111122223333",kind="coverage",region="us-east-1",target="default"} 1`)
	page := e.metrics()
	if n := strings.Count(page, "\nguardduty_target_up{"); n != 36 { // 36 Regions, one of them disabled, and the listing
		t.Errorf("%d targets, want 36", n)
	}
	if strings.Contains(page, `region="me-south-1"`) {
		t.Error("a disabled Region is read")
	}
	e.aws.Update(func(w *simulator.World) { w.Accounts[0].DisabledRegions = nil })
	e.untilMetric(`guardduty_target_state{account_id="111122223333",kind="coverage",region="me-south-1",state="no_detector",target="default"} 1`)
}

// TestInvalidRegionResponses has responses of ListRegions without a Region, or
// with one without a name: the Regions found before stay.
func TestInvalidRegionResponses(t *testing.T) {
	for name, body := range map[string]string{
		"no Region":             `{"Regions":[]}`,
		"a Region without name": `{"Regions":[{"RegionName":"us-east-1","RegionOptStatus":"ENABLED"},{"RegionOptStatus":"ENABLED"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, homeWorld(healthy("a")), "refresh: {interval: 1s, timeout: 900ms, max_staleness: 1h}\ntargets:\n  - regions: [all]\n")
			const cluster = `guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="a",region="us-east-1"} 1`
			e.untilMetric(cluster)
			e.aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
				if c.Operation != "ListRegions" {
					return false
				}
				_, _ = w.Write([]byte(body))
				return true
			})
			e.untilMetric(`guardduty_target_state{account_id="111122223333",kind="regions",region="",state="invalid_response",target="default"} 1`)
			if page := e.metrics(); !strings.Contains(page, "\n"+cluster+"\n") {
				t.Errorf("the Regions are gone:\n%s", page)
			}
		})
	}
}

func TestHomeRegion(t *testing.T) {
	role := func(partition string) string { return "arn:" + partition + ":iam::111122223333:role/coverage" }
	factory := func(region string) *session.Factory {
		t.Setenv("AWS_REGION", region)
		t.Setenv("AWS_CONFIG_FILE", file(t, ""))
		f, err := session.Open(t.Context(), session.Options{Metrics: session.NewMetrics(nil), Logger: discard()})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, tc := range []struct {
		environment string
		target      config.Target
		want        string
	}{
		{"", config.Target{Regions: []string{"all"}}, "us-east-1"},
		{"", config.Target{Regions: []string{"all"}, RoleARN: role("aws")}, "us-east-1"},
		{"", config.Target{Regions: []string{"all"}, RoleARN: role("aws-us-gov")}, "us-gov-west-1"},
		{"", config.Target{Regions: []string{"all"}, RoleARN: role("aws-cn")}, "cn-north-1"},
		{"", config.Target{Regions: []string{"me-south-1"}, RoleARN: role("aws")}, "us-east-1"}, // opt-in
		{"", config.Target{Regions: []string{"me-south-1", "sa-east-1"}, RoleARN: role("aws")}, "sa-east-1"},
		{"", config.Target{Regions: []string{"us-gov-east-1"}, RoleARN: role("aws-us-gov")}, "us-gov-east-1"},
		{"", config.Target{Regions: []string{"cn-northwest-1"}, RoleARN: role("aws-cn")}, "cn-northwest-1"},
		{"eu-central-1", config.Target{Regions: []string{"us-west-2"}, RoleARN: role("aws")}, "eu-central-1"},
	} {
		b := targetBuilder{factory: factory(tc.environment)}
		if got := b.homeRegion(tc.target); got != tc.want {
			t.Errorf("with AWS_REGION=%q and %v %s the home Region is %s, want %s", tc.environment, tc.target.Regions, tc.target.RoleARN, got, tc.want)
		}
	}
}
