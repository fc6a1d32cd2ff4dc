package coverage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestNew(t *testing.T) {
	updated := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got := coverage.New(coverage.Row{
		Key:            coverage.Key{Type: coverage.ECS, AccountID: "111122223333\n", Region: "eu-west-1", Name: "web\x00"},
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
	want := coverage.Resource{
		Key:            coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-west-1", Name: coverage.SanitizeName("web\x00")},
		Status:         coverage.Healthy,
		ManagementType: "AUTO_MANAGED",
		Covered:        1, Compatible: 2,
		UpdatedAt: updated,
		Issues: []coverage.Issue{
			coverage.NewIssue(coverage.AgentNotReporting, "web:1", "Agent not reporting for tasks in TaskDefinition - 'web:1'"),
			coverage.NewIssue(coverage.AgentNotReporting, "web:3", "Agent not reporting for tasks in TaskDefinition - 'web:3'"),
			coverage.NewIssue(coverage.Unidentified, "web:2", "Others : Unidentified issue(s), for task(s) in TaskDefinition 'web:2'"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewInstance(t *testing.T) {
	arn := "arn:aws:ecs:eu-west-1:111122223333:cluster/web"
	row := coverage.Row{
		Key: coverage.Key{Type: coverage.EC2, Name: "i-0123456789abcdef0"}, Status: coverage.Unhealthy,
		Issues:   []string{"No Agent Reporting"},
		Instance: coverage.Instance{Type: "m6i.large\x00", AgentVersion: " v1.6.1", ClusterARN: arn},
		Addon:    coverage.Addon{Version: "not an instance's"},
	}
	want := coverage.Resource{
		Key: row.Key, Status: coverage.Unhealthy,
		Issues:   []coverage.Issue{coverage.NewIssue(coverage.AgentNotReporting, "", "No Agent Reporting")},
		Instance: &coverage.Instance{Type: "m6i.large", AgentVersion: "v1.6.1", ClusterARN: arn},
	}
	if diff := cmp.Diff(want, coverage.New(row)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewEKSCluster(t *testing.T) {
	row := coverage.Row{
		Key: coverage.Key{Type: coverage.EKS, Name: "shop"}, Status: coverage.Unhealthy, Covered: 1, Compatible: 3,
		Instance: coverage.Instance{Type: "not a cluster's"},
		Addon:    coverage.Addon{Version: "v1.6.1-eksbuild.1\n", Status: "\u200bDELETED"},
	}
	want := coverage.Resource{
		Key: row.Key, Status: coverage.Unhealthy, Covered: 1, Compatible: 3,
		Addon: &coverage.Addon{Version: "v1.6.1-eksbuild.1", Status: "DELETED"},
	}
	if diff := cmp.Diff(want, coverage.New(row)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestECSCluster(t *testing.T) {
	long := strings.Repeat("a", 255) // the longest name that ECS allows
	for _, tc := range []struct{ name, arn, want string }{
		{"none", "", ""},
		{"ECS", "arn:aws:ecs:eu-west-1:111122223333:cluster/web", "web"},
		{"all that a name may have", "arn:aws:ecs:eu-west-1:111122223333:cluster/Web_1-a", "Web_1-a"},
		{"China", "arn:aws-cn:ecs:cn-north-1:111122223333:cluster/web", "web"},
		{"GovCloud", "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:cluster/web", "web"},
		{"a partition that AWS may add", "arn:aws-eusc:ecs:eusc-de-east-1:111122223333:cluster/web", "web"},
		{"a name as the cluster's row has it", "arn:aws:ecs:eu-west-1:111122223333:cluster/" + long, coverage.SanitizeName(long)},
		{"EKS", "arn:aws:eks:eu-west-1:111122223333:cluster/web", ""},
		{"EKS cluster named ecs", "arn:aws:eks:eu-west-1:111122223333:cluster/ecs", ""},
		{"a service", "arn:aws:ecs:eu-west-1:111122223333:service/web/api", ""},
		{"a container instance", "arn:aws:ecs:eu-west-1:111122223333:container-instance/web/0123456789abcdef0123456789abcdef", ""},
		{"no name", "arn:aws:ecs:eu-west-1:111122223333:cluster/", ""},
		{"no slash", "arn:aws:ecs:eu-west-1:111122223333:cluster", ""},
		{"clusters", "arn:aws:ecs:eu-west-1:111122223333:clusters/web", ""},
		{"a name alone", "web", ""},
		{"a part alone", "cluster/web", ""},
		{"cut short", "arn:aws:ecs:eu-west-1", ""},
		{"colons", ":::::", ""},
		{"no ARN", "urn:aws:ecs:eu-west-1:111122223333:cluster/web", ""},
		{"EC2", "arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := (coverage.Instance{ClusterARN: tc.arn}).ECSCluster(); got != tc.want {
				t.Errorf("%q is of the cluster %q, want %q", tc.arn, got, tc.want)
			}
		})
	}
}

func TestRelationship(t *testing.T) {
	for status, want := range map[string]string{
		"Enabled":                     coverage.RelationshipEnabled,
		"ENABLED":                     coverage.RelationshipEnabled,
		"Disabled":                    "disabled",
		"Invited":                     "invited",
		"Created":                     "created",
		"Removed":                     "removed",
		"Resigned":                    "resigned",
		"EmailVerificationInProgress": "email_verification_in_progress",
		"emailverificationinprogress": "email_verification_in_progress",
		"EmailVerificationFailed":     "other",
		"Enabled?":                    "other", // not AWS's word, so not known to be enabled
		"NotEnabled":                  "other",
		"":                            "other",
		"\x00\xff":                    "other",
	} {
		if got := coverage.Relationship(status); got != want {
			t.Errorf("Relationship(%q) is %q, want %q", status, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	key := func(of coverage.ResourceType, name string) coverage.Resource {
		return coverage.Resource{Key: coverage.Key{Type: of, Name: name}}
	}
	of := func(resources ...coverage.Resource) *coverage.View { return &coverage.View{Resources: resources} }
	ec2, ecs, eks := key(coverage.EC2, "a"), key(coverage.ECS, "a"), key(coverage.EKS, "a")
	for _, tc := range []struct {
		name string
		view *coverage.View
		want map[coverage.ResourceType][]coverage.Resource
	}{
		{"nothing", of(), nil},
		{"one of each", of(ec2, ecs, eks), map[coverage.ResourceType][]coverage.Resource{
			coverage.EC2: {ec2}, coverage.ECS: {ecs}, coverage.EKS: {eks},
		}},
		{"none between others", of(ec2, eks), map[coverage.ResourceType][]coverage.Resource{coverage.EC2: {ec2}, coverage.EKS: {eks}}},
		{"several", of(ec2, ecs, key(coverage.ECS, "b"), key(coverage.ECS, "c")), map[coverage.ResourceType][]coverage.Resource{
			coverage.EC2: {ec2}, coverage.ECS: {ecs, key(coverage.ECS, "b"), key(coverage.ECS, "c")},
		}},
		{"a type that AWS may add", of(key("EMR", "a")), map[coverage.ResourceType][]coverage.Resource{"EMR": {key("EMR", "a")}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, resourceType := range []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS, "EMR", "", "ZZZ"} {
				if diff := cmp.Diff(tc.want[resourceType], tc.view.OfType(resourceType), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("of %q, -want +got:\n%s", resourceType, diff)
				}
			}
		})
	}
}

func TestNewStatus(t *testing.T) {
	for raw, want := range map[coverage.Status]coverage.Status{
		"HEALTHY":   coverage.Healthy,
		"UNHEALTHY": coverage.Unhealthy,
		"":          coverage.Unknown,
		"\u200b":    coverage.Unknown,
		"DEGRADED":  "DEGRADED", // that AWS may add
		"healthy":   "healthy",  // not AWS's word, so not known to be healthy
	} {
		if got := coverage.New(coverage.Row{Status: raw}).Status; got != want {
			t.Errorf("the status %q became %q, want %q", raw, got, want)
		}
	}
}

func TestNewIgnoresOrderOfIssues(t *testing.T) {
	issues := []string{"one", "two", "three", "Agent not provisioned", strings.Repeat("x", 300)}
	first := coverage.New(coverage.Row{Issues: issues})
	slices.Reverse(issues)
	if diff := cmp.Diff(first, coverage.New(coverage.Row{Issues: issues})); diff != "" {
		t.Errorf("-in order +reversed:\n%s", diff)
	}
}

func TestDedupe(t *testing.T) {
	at := func(minute int) time.Time {
		return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC)
	}
	key := coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-west-1", Name: "web"}
	other := coverage.Key{Type: coverage.ECS, AccountID: "111122223333", Region: "eu-west-1", Name: "api"}
	ofEC2, ofEKS := key, key
	ofEC2.Type, ofEKS.Type = coverage.EC2, coverage.EKS
	for _, tc := range []struct {
		name       string
		have, want []coverage.Resource
	}{
		{name: "none"},
		{
			name: "sorted",
			have: []coverage.Resource{{Key: key}, {Key: other}},
			want: []coverage.Resource{{Key: other}, {Key: key}},
		},
		{
			name: "the newest",
			have: []coverage.Resource{{Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}, {Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
			want: []coverage.Resource{{Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
		},
		{
			name: "any time rather than none",
			have: []coverage.Resource{{Key: key, Status: coverage.Unhealthy}, {Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
			want: []coverage.Resource{{Key: key, UpdatedAt: at(2), Status: coverage.Healthy}},
		},
		{
			name: "of equally new ones the unhealthy",
			have: []coverage.Resource{{Key: key, UpdatedAt: at(1), Status: coverage.Healthy}, {Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}},
			want: []coverage.Resource{{Key: key, UpdatedAt: at(1), Status: coverage.Unhealthy}},
		},
		{
			name: "unknown is never healthy",
			have: []coverage.Resource{{Key: key, UpdatedAt: at(1), Status: coverage.Healthy}, {Key: key, UpdatedAt: at(1), Status: "ZEALOUS"}},
			want: []coverage.Resource{{Key: key, UpdatedAt: at(1), Status: "ZEALOUS"}},
		},
		{
			name: "one and the same of those that differ in their issues alone",
			have: []coverage.Resource{
				{Key: key, Issues: []coverage.Issue{coverage.NewIssue(coverage.VPCEndpoint, "", "")}},
				{Key: key, Issues: []coverage.Issue{coverage.NewIssue(coverage.AgentExited, "", "")}},
			},
			want: []coverage.Resource{{Key: key, Issues: []coverage.Issue{coverage.NewIssue(coverage.AgentExited, "", "")}}},
		},
		{
			name: "another type is another resource",
			have: []coverage.Resource{{Key: key}, {Key: ofEKS, Status: coverage.Healthy}},
			want: []coverage.Resource{{Key: key}, {Key: ofEKS, Status: coverage.Healthy}},
		},
		{
			name: "one and the same of instances that differ in their agents alone",
			have: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{AgentVersion: "v2"}}, {Key: ofEC2, Instance: &coverage.Instance{AgentVersion: "v1"}}},
			want: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{AgentVersion: "v1"}}},
		},
		{
			name: "one and the same of instances that differ in their types alone",
			have: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{Type: "t3.nano"}}, {Key: ofEC2, Instance: &coverage.Instance{Type: "m6i.large"}}},
			want: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{Type: "m6i.large"}}},
		},
		{
			name: "one and the same of clusters that differ in their add-ons' versions alone",
			have: []coverage.Resource{{Key: ofEKS, Addon: &coverage.Addon{Version: "v2"}}, {Key: ofEKS, Addon: &coverage.Addon{Version: "v1"}}},
			want: []coverage.Resource{{Key: ofEKS, Addon: &coverage.Addon{Version: "v1"}}},
		},
		{
			name: "one and the same of instances that differ in their clusters alone",
			have: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{ClusterARN: "b"}}, {Key: ofEC2, Instance: &coverage.Instance{ClusterARN: "a"}}},
			want: []coverage.Resource{{Key: ofEC2, Instance: &coverage.Instance{ClusterARN: "a"}}},
		},
		{
			name: "one and the same of clusters that differ in their add-ons alone",
			have: []coverage.Resource{{Key: ofEKS, Addon: &coverage.Addon{Status: "DELETED"}}, {Key: ofEKS, Addon: &coverage.Addon{Status: "ACTIVE"}}},
			want: []coverage.Resource{{Key: ofEKS, Addon: &coverage.Addon{Status: "ACTIVE"}}},
		},
		{
			name: "fewer covered is worse",
			have: []coverage.Resource{{Key: key, Covered: 3, Compatible: 3}, {Key: key, Covered: 1, Compatible: 3}},
			want: []coverage.Resource{{Key: key, Covered: 1, Compatible: 3}},
		},
		{
			name: "more compatible is worse",
			have: []coverage.Resource{{Key: key, Covered: 1, Compatible: 1}, {Key: key, Covered: 1, Compatible: 3}},
			want: []coverage.Resource{{Key: key, Covered: 1, Compatible: 3}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reversed := slices.Clone(tc.have)
			slices.Reverse(reversed)
			for _, have := range [][]coverage.Resource{tc.have, reversed} {
				if diff := cmp.Diff(tc.want, coverage.Dedupe(slices.Clone(have))); diff != "" {
					t.Errorf("Dedupe(%v), -want +got:\n%s", have, diff)
				}
			}
		})
	}
}
