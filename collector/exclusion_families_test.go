package collector

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestExclusions: an exclusion changes neither the health of a cluster nor the percentage of AWS's equation.
func TestExclusions(t *testing.T) {
	without, with := exampleOfGuardDuty(), example()
	for _, name := range []string{
		"guardduty_ecs_cluster_healthy", "guardduty_coverage_percent", "guardduty_coverage_resources", "guardduty_ecs_cluster_issues", "guardduty_target_up",
	} {
		if diff := cmp.Diff(samples(t, without, name), samples(t, with, name)); diff != "" {
			t.Errorf("%s, -without +with exclusions:\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(samples(t, without, "guardduty_coverage_percent"), samples(t, without, "guardduty_coverage_in_scope_percent")); diff != "" {
		t.Errorf("without exclusions, the two percentages differ:\n%s", diff)
	}
	day := func(month time.Month, day int) float64 {
		return float64(time.Date(2026, month, day, 0, 0, 0, 0, time.UTC).Unix())
	}
	for name, want := range map[string]map[string]float64{
		"guardduty_ecs_cluster_excluded":               {"111122223333|us-east-1|web|storefront": 1},
		"guardduty_exclusion_info":                     {"storefront||retail|SEC-1": 1, "ended|agent_exited||": 1},
		"guardduty_exclusion_expiry_timestamp_seconds": {"storefront": day(time.December, 1), "ended": day(time.November, 2)},
		"guardduty_exclusion_matches":                  {"storefront": 1},
		"guardduty_coverage_in_scope_percent": {
			"111122223333|us-east-1|ECS": 100, "111122223333|us-east-1|EC2": 0, "111122223333|us-east-1|EKS": 0,
		},
	} {
		if diff := cmp.Diff(want, samples(t, with, name)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
	with.OnlyUnhealthy = true
	if got := samples(t, with, "guardduty_ecs_cluster_excluded"); len(got) != 1 {
		t.Errorf("without the details of healthy clusters, %v is excluded", got)
	}
}
