package coverage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardduty_coverage_exporter/internal/coverage"
)

func TestNew(t *testing.T) {
	updated := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := coverage.New(coverage.Row{
		Key:            coverage.Key{AccountID: "111122223333\n", Region: "eu-west-1", Name: "web\x00"},
		Status:         "HEALTHY\u200b",
		ManagementType: "AUTO_MANAGED ",
		Covered:        1, Compatible: 2,
		UpdatedAt: updated,
		Issues: []string{
			"Others : Unidentified issue(s), for task(s) in TaskDefinition 'web:2'",
			"",
			"Agent not reporting for tasks in TaskDefinition - 'web:3'",
			"Others : Unidentified issue(s), for task(s) in TaskDefinition 'web:2'",
			"Agent not reporting for tasks in TaskDefinition - 'web:1'",
		},
	})
	want := coverage.Cluster{
		Key:            coverage.Key{AccountID: "111122223333", Region: "eu-west-1", Name: coverage.CleanName("web\x00")},
		Status:         coverage.Healthy,
		ManagementType: "AUTO_MANAGED",
		Covered:        1, Compatible: 2,
		UpdatedAt: updated,
		Issues: []coverage.Issue{
			{Type: coverage.AgentNotReporting, TaskDefinition: "web:1", Text: "Agent not reporting for tasks in TaskDefinition - 'web:1'"},
			{Type: coverage.AgentNotReporting, TaskDefinition: "web:3", Text: "Agent not reporting for tasks in TaskDefinition - 'web:3'"},
			{Type: coverage.Unidentified, TaskDefinition: "web:2", Text: "Others : Unidentified issue(s), for task(s) in TaskDefinition 'web:2'"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewStatus(t *testing.T) {
	for raw, want := range map[coverage.Status]coverage.Status{
		"HEALTHY":   coverage.Healthy,
		"UNHEALTHY": coverage.Unhealthy,
		"":          coverage.Unknown,
		"\u200b":    coverage.Unknown,
		"DEGRADED":  "DEGRADED", // of tomorrow
		"healthy":   "healthy",  // not AWS's word, so not known to be healthy
	} {
		if got := coverage.New(coverage.Row{Status: raw}).Status; got != want {
			t.Errorf("the status %q became %q, want %q", raw, got, want)
		}
	}
}

func TestNewOrderOfIssuesDoesNotMatter(t *testing.T) {
	issues := []string{"one", "two", "three", "Agent not provisioned", strings.Repeat("x", 300)}
	first := coverage.New(coverage.Row{Issues: issues})
	slices.Reverse(issues)
	if diff := cmp.Diff(first, coverage.New(coverage.Row{Issues: issues})); diff != "" {
		t.Errorf("-in order +reversed:\n%s", diff)
	}
}

func TestDistinct(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	key := coverage.Key{AccountID: "111122223333", Region: "eu-west-1", Name: "web"}
	other := coverage.Key{AccountID: "111122223333", Region: "eu-west-1", Name: "api"}
	for _, tc := range []struct {
		name       string
		have, want []coverage.Cluster
	}{
		{name: "none"},
		{
			name: "sorted",
			have: []coverage.Cluster{{Key: key}, {Key: other}},
			want: []coverage.Cluster{{Key: other}, {Key: key}},
		},
		{
			name: "the newest",
			have: []coverage.Cluster{{Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}, {Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
			want: []coverage.Cluster{{Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
		},
		{
			name: "any time rather than none",
			have: []coverage.Cluster{{Key: key, Status: coverage.Unhealthy}, {Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
			want: []coverage.Cluster{{Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
		},
		{
			name: "of equally new ones the worse",
			have: []coverage.Cluster{{Key: key, UpdatedAt: at(1), Status: coverage.Healthy}, {Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}},
			want: []coverage.Cluster{{Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}},
		},
		{
			name: "unknown is never healthy",
			have: []coverage.Cluster{{Key: key, UpdatedAt: at(1), Status: coverage.Healthy}, {Key: key, UpdatedAt: at(1), Status: "ZEALOUS"}},
			want: []coverage.Cluster{{Key: key, UpdatedAt: at(1), Status: "ZEALOUS"}},
		},
		{
			name: "one and the same of those that differ in their issues alone",
			have: []coverage.Cluster{
				{Key: key, Issues: []coverage.Issue{{Type: coverage.VPCEndpoint}}},
				{Key: key, Issues: []coverage.Issue{{Type: coverage.AgentExited}}},
			},
			want: []coverage.Cluster{{Key: key, Issues: []coverage.Issue{{Type: coverage.AgentExited}}}},
		},
		{
			name: "fewer covered is worse",
			have: []coverage.Cluster{{Key: key, Covered: 3, Compatible: 3}, {Key: key, Covered: 1, Compatible: 3}},
			want: []coverage.Cluster{{Key: key, Covered: 1, Compatible: 3}},
		},
		{
			name: "more compatible is worse",
			have: []coverage.Cluster{{Key: key, Covered: 1, Compatible: 1}, {Key: key, Covered: 1, Compatible: 3}},
			want: []coverage.Cluster{{Key: key, Covered: 1, Compatible: 3}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reversed := slices.Clone(tc.have)
			slices.Reverse(reversed)
			for _, have := range [][]coverage.Cluster{tc.have, reversed} {
				if diff := cmp.Diff(tc.want, coverage.Distinct(slices.Clone(have))); diff != "" {
					t.Errorf("Distinct(%v), -want +got:\n%s", have, diff)
				}
			}
		})
	}
}
