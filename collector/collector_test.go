package collector

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"guardduty_coverage_exporter/internal/coverage"
)

func example() Input {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	key := coverage.Key{AccountID: "111122223333", Region: "us-east-1", Name: "web"}
	return Input{
		View: coverage.Merge([]coverage.Report{{
			Target: coverage.Target{Name: "default", AccountID: key.AccountID, Region: key.Region},
			State:  coverage.OK, LastSuccess: at, Duration: time.Second,
			Snapshot: &coverage.Snapshot{
				Clusters: []coverage.Cluster{coverage.New(coverage.Row{
					Key: key, Status: coverage.Unhealthy, ManagementType: "AUTO_MANAGED", Covered: 1, Compatible: 2, UpdatedAt: at,
					Issues: []string{
						"Agent exited: ExitCode: 1 with task 0123456789abcdef0123456789abcdef",
						"Agent exited: ExitCode: 1 with task fedcba9876543210fedcba9876543210",
						"Agent exited: ExitCode: 2",
						"Unidentified issue",
					},
				})},
				Statistics: map[coverage.Status]int64{coverage.Healthy: 0, coverage.Unhealthy: 1},
			},
		}}),
		Issues: IssueOptions{Text: true, MaxPerCluster: 20},
	}
}

// samples returns the label values of a family's samples, each joined, with their values.
func samples(t *testing.T, in Input, name string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, f := range Families() {
		if f.Name == name {
			f.Each(in, func(value float64, labelValues ...string) {
				found[strings.Join(labelValues, "|")] = value
			})
		}
	}
	return found
}

func TestFamiliesKeepTheirPromises(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Families() {
		if names[f.Name] {
			t.Errorf("%s: twice", f.Name)
		}
		names[f.Name] = true
		if !strings.Contains(f.Help, "last") || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: the help does not say of which refresh: %q", f.Name, f.Help)
		}
		seen, n := map[string]bool{}, 0
		f.Each(example(), func(_ float64, labelValues ...string) {
			n++
			key := strings.Join(labelValues, "\xff")
			if len(labelValues) != len(f.Labels) || seen[key] {
				t.Errorf("%s%q: %q, or twice", f.Name, f.Labels, labelValues)
			}
			seen[key] = true
		})
		if n == 0 {
			t.Errorf("%s: no sample", f.Name)
		}
		f.Each(Input{View: &coverage.View{}}, func(float64, ...string) { t.Errorf("%s: a sample of nothing", f.Name) })
	}
}

func TestIssuesAreCountedWholeAndShownInPart(t *testing.T) {
	in := example()
	cluster := "111122223333|us-east-1|web|"
	if diff := cmp.Diff(map[string]float64{cluster + "agent_exited": 3, cluster + "unidentified": 1}, samples(t, in, "guardduty_ecs_cluster_issues")); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		options IssueOptions
		want    int
	}{
		{IssueOptions{Text: true, MaxPerCluster: 20}, 3}, // two of the four differ in a task's ID alone
		{IssueOptions{Text: true, MaxPerCluster: 2}, 2},
		{IssueOptions{Text: true, MaxPerCluster: 0}, 0},
		{IssueOptions{Text: false, MaxPerCluster: 20}, 2},
	} {
		in.Issues = tc.options
		if got := samples(t, in, "guardduty_ecs_cluster_issue_info"); len(got) != tc.want {
			t.Errorf("%+v: %v", tc.options, got)
		}
	}
}

func TestTimesThatAreUnknownAreAbsent(t *testing.T) {
	in := Input{View: coverage.Merge([]coverage.Report{{
		Target: coverage.Target{Name: "a"}, State: coverage.Denied,
		Snapshot: &coverage.Snapshot{Clusters: []coverage.Cluster{coverage.New(coverage.Row{Key: coverage.Key{Name: "c"}})}},
	}})}
	for _, name := range []string{"guardduty_target_last_success_timestamp_seconds", "guardduty_ecs_cluster_updated_timestamp_seconds"} {
		if got := samples(t, in, name); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCollectorPassesTheRegistrysChecks(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(example))
	families, err := registry.Gather()
	if err != nil || len(families) != len(Families()) {
		t.Errorf("%d families of %d, %v", len(families), len(Families()), err)
	}
}
