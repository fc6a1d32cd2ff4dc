package coverage_test

import (
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// FuzzECSCluster parses arbitrary text as an ARN, and ARNs with an arbitrary cluster name.
func FuzzECSCluster(f *testing.F) {
	for _, seed := range []string{
		"", ":", ":::::", "arn", "web", "a/b", "a:b", "cluster/web", "we\x00b", "\u202eweb", "\xff", " web", strings.Repeat("é", 150),
		"arn:aws:ecs:us-east-1:111122223333:cluster/web", "arn:aws:ecs:us-east-1:111122223333:cluster/", "arn:aws:ecs:us-east-1:111122223333:service/web",
		"arn:aws:eks:us-east-1:111122223333:cluster/web", "arn:aws-cn:ecs:::cluster/a:b/c", "arn:aws:ecs:us-east-1:111122223333", "ARN:aws:ecs:x:1:cluster/web",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name := coverage.Instance{ClusterARN: raw}.ECSCluster()
		checkLabel(t, raw, name)
		if name != "" && (!strings.HasPrefix(raw, "arn:") || !strings.Contains(raw, ":ecs:") || !strings.Contains(raw, ":cluster/")) {
			t.Errorf("%q is of the cluster %q", raw, name)
		}
		arn := "arn:aws:ecs:us-east-1:111122223333:cluster/" + raw
		if got, want := (coverage.Instance{ClusterARN: arn}).ECSCluster(), coverage.SanitizeName(raw); got != want {
			t.Errorf("%q is of the cluster %q, want %q", arn, got, want)
		}
	})
}
