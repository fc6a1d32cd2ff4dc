package diagnose_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	account = "111122223333"
	region  = "eu-west-1"
)

var readAt = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// row returns GuardDuty's row of an ECS cluster.
func row(name string, status coverage.Status, issues ...string) coverage.Resource {
	return coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: name},
		Status: status, Issues: issues, UpdatedAt: readAt,
	})
}

// report returns a report of the target "organization" that shows these rows.
func report(state coverage.State, rows ...coverage.Resource) coverage.Report {
	return coverage.Report{
		Target: coverage.TargetID{Name: "organization", Region: region}, AccountID: account, State: state,
		Snapshot: &coverage.Snapshot{ReadAt: readAt, Resources: rows, Types: []coverage.ResourceType{coverage.ECS}, Accounts: []string{account}},
	}
}

func cluster(name string) diagnosis.Cluster {
	return diagnosis.Cluster{AccountID: account, Region: region, Name: name}
}

// example has a cluster of each kind: unhealthy with findings, deleted, of an
// account without ecs, not listed, and healthy.
func example() *diagnose.Result {
	other := coverage.New(coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: "555566667777", Region: region, Name: "batch"},
		Status: coverage.Unhealthy, UpdatedAt: readAt,
	})
	view := coverage.Merge([]coverage.Report{report(coverage.OK,
		row("accounts", coverage.Healthy),
		row("a|b", coverage.Unhealthy, "Unidentified issue, for task arn:aws:ecs:eu-west-1:111122223333:task-definition/o*d:7"),
		row("storefront", coverage.Unhealthy), other,
	)})
	return diagnose.New(readAt, view, []diagnosis.Report{{
		Target: "organization", AccountID: account, Region: region, Up: true,
		Clusters: []diagnosis.Diagnosis{
			{
				Cluster: cluster("a|b"), Listed: true, TasksRead: true, Truncated: true,
				Tags: map[string]string{"team": "orders"},
				Services: []diagnosis.ServiceTasks{
					{Service: "family:batch", Tasks: map[diagnosis.Agent]int{diagnosis.AgentRunning: 1}},
					{Service: "web", Tasks: map[diagnosis.Agent]int{diagnosis.AgentMissing: 3, diagnosis.AgentStopped: 1}},
				},
				Findings: []diagnosis.Finding{
					{
						Level: diagnosis.LevelService, Subject: "web", Service: "web", Cause: diagnosis.DeploymentTooOld, Tasks: 3,
						Certainty: diagnosis.Strong, Evidence: "The deployment is older than Runtime Monitoring.", Who: diagnosis.ServiceOwner,
					},
					{
						Level: diagnosis.LevelTaskDefinition, Subject: "web:7", Service: "web", Cause: diagnosis.NoExecutionRole,
						Certainty: diagnosis.Proof, Evidence: "web:7 has no role.", Who: diagnosis.ServiceOwner,
					},
				},
			},
			{Cluster: cluster("accounts"), Listed: true, TasksRead: true},
			diagnosis.Gone(cluster("storefront")),
			{
				Cluster: cluster("sandbox"), TasksRead: true,
				Findings: []diagnosis.Finding{{
					Level: diagnosis.LevelAccount, Cause: diagnosis.RuntimeMonitoringOff, Certainty: diagnosis.Proof,
					Evidence: "RUNTIME_MONITORING is disabled.", Who: diagnosis.Security,
				}},
			},
		},
	}, {
		Target: "organization", AccountID: "444455556666", Region: region,
	}})
}

func TestFormats(t *testing.T) {
	for _, format := range diagnose.Formats() {
		t.Run(format, func(t *testing.T) {
			var got bytes.Buffer
			if err := example().Write(&got, format); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "example."+format)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if err := example().Write(&bytes.Buffer{}, "yaml"); err == nil {
		t.Error("no error for an unknown format")
	}
}

// TestUnreadTasks: some of the tasks are not shown as if they were all.
func TestUnreadTasks(t *testing.T) {
	r := diagnose.New(readAt, coverage.Merge([]coverage.Report{report(coverage.OK, row("web", coverage.Unhealthy))}), []diagnosis.Report{{
		Target: "organization", AccountID: account, Region: region,
		Clusters: []diagnosis.Diagnosis{{
			Cluster: cluster("web"), Listed: true, Services: []diagnosis.ServiceTasks{{Service: "api", Tasks: map[diagnosis.Agent]int{diagnosis.AgentRunning: 3}}},
		}},
	}})
	if c := r.Clusters[0]; c.TasksRead || len(c.Services)+len(c.Tasks) > 0 {
		t.Errorf("%+v", c)
	}
}

// TestJSONIsOneDocument checks that no list is null: users select from them.
func TestJSONIsOneDocument(t *testing.T) {
	for name, r := range map[string]*diagnose.Result{"example": example(), "nothing": diagnose.New(readAt, &coverage.View{}, nil)} {
		var text bytes.Buffer
		if err := r.Write(&text, "json"); err != nil {
			t.Fatal(err)
		}
		var got diagnose.Result
		decoder := json.NewDecoder(bytes.NewReader(text.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&got); err != nil || decoder.More() {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(text.String(), "null") {
			t.Errorf("%s has null:\n%s", name, &text)
		}
	}
}

// TestCommandsDeployOnce: two causes of a service need one deployment, after both
// have been fixed, and a setting of the account is changed once.
func TestCommandsDeployOnce(t *testing.T) {
	fix := func(commands ...string) diagnose.Finding {
		return diagnose.Finding{ServiceName: "web", Cause: "a", Certainty: "hint", Fix: diagnose.Fix{Text: "Do it.", Commands: commands, ReplacesTasks: true}}
	}
	r := diagnose.Result{Clusters: []diagnose.Cluster{
		{AccountID: "1", ClusterName: "x", Findings: []diagnose.Finding{fix("enable"), fix("allow", "deploy", "wait"), fix("deploy", "wait"), fix("other")}},
		{AccountID: "1", ClusterName: "y", Findings: []diagnose.Finding{fix("enable")}},
		{AccountID: "2", ClusterName: "x", Findings: []diagnose.Finding{fix("enable")}},
	}}
	var script bytes.Buffer
	if err := r.Write(&script, "commands"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(script.String()) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff([]string{"enable", "allow", "deploy", "wait", "other", "enable"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCommandsAreAScript runs bash -n on the commands.
func TestCommandsAreAScript(t *testing.T) {
	var script bytes.Buffer
	if err := example().Write(&script, "commands"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-n")
	cmd.Stdin = &script
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestUnhealthyClusterWithoutDiagnosis: the account is not read at all, for example
// because the target's role is that of another account.
func TestUnhealthyClusterWithoutDiagnosis(t *testing.T) {
	view := coverage.Merge([]coverage.Report{report(coverage.OK, row("storefront", coverage.Unhealthy))})
	r := diagnose.New(readAt, view, nil)
	if len(r.Clusters) != 1 || r.Clusters[0].CoverageStatus != "UNHEALTHY" {
		t.Errorf("clusters: %+v", r.Clusters)
	}
	want := []diagnose.Unreadable{{Kind: "ecs", AccountID: account, Region: region, State: "not_configured"}}
	if diff := cmp.Diff(want, r.Unreadable); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPreferredReport has the same cluster in two reports: that of the target that
// can read ECS is used, in either order.
func TestPreferredReport(t *testing.T) {
	finding := func(c diagnosis.Cause) []diagnosis.Finding { return []diagnosis.Finding{{Cause: c}} }
	up := diagnosis.Report{Target: "b", AccountID: account, Region: region, Up: true, Clusters: []diagnosis.Diagnosis{
		{Cluster: cluster("web"), Findings: finding(diagnosis.NoExecutionRole)},
	}}
	down := diagnosis.Report{Target: "a", AccountID: account, Region: region, Clusters: []diagnosis.Diagnosis{
		{Cluster: cluster("web"), Findings: finding(diagnosis.Denied)},
	}}
	for _, reports := range [][]diagnosis.Report{{up, down}, {down, up}} {
		r := diagnose.New(readAt, &coverage.View{}, reports)
		if len(r.Clusters) != 1 || r.Clusters[0].Findings[0].Cause != "no_execution_role" {
			t.Errorf("%+v", r.Clusters)
		}
		if len(r.Unreadable) != 1 || r.Unreadable[0].Target != "a" {
			t.Errorf("%+v", r.Unreadable)
		}
	}
}

func TestFailedTargetIsUnreadable(t *testing.T) {
	r := diagnose.New(readAt, coverage.Merge([]coverage.Report{report(coverage.Denied)}), nil)
	want := []diagnose.Unreadable{{Target: "organization", Kind: "coverage", AccountID: account, Region: region, State: "denied"}}
	if diff := cmp.Diff(want, r.Unreadable); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
