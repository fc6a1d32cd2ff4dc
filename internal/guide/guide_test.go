package guide

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestEachIssueTypeHasAnEntry: New fails otherwise.
func TestEachIssueTypeHasAnEntry(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if len(g) != len(coverage.IssueTypes()) {
		t.Errorf("%d entries", len(g))
	}
	for issueType, e := range g {
		if e.Who == "" || !strings.HasSuffix(e.URL, "/docs/issues.md#"+string(issueType)) {
			t.Errorf("%s: %+v", issueType, e)
		}
		for _, s := range e.Fix {
			if strings.ContainsAny(s.Text, "[]") || strings.Contains(s.Text, "**") || strings.Count(s.Text, "`")%2 != 0 {
				t.Errorf("%s: markup is left in %q", issueType, s.Text)
			}
			isScript(t, s.Commands)
		}
	}
}

// isScript runs bash -n.
func isScript(t *testing.T, script string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", "-n")
	cmd.Stdin = strings.NewReader(script)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, output, script)
	}
}

func TestEntryIsWhatTheDocumentSays(t *testing.T) {
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{
		Meaning: "no role to pull the agent's image with", Who: "owner of the task",
		URL: "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/issues.md#task_execution_role_missing",
		Fix: []Step{{
			Text: "Add `executionRoleArn` where the task definition is kept: a role that trusts `ecs-tasks.amazonaws.com` and has the policy " +
				"`AmazonECSTaskExecutionRolePolicy` (AWS's page). Register the revision and deploy it:",
			Commands: `aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "${TASK_DEFINITION%:*}"`,
		}},
	}
	if diff := cmp.Diff(want, g[coverage.TaskExecutionRoleMissing], cmpopts.IgnoreUnexported(Entry{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestIncompleteDocuments(t *testing.T) {
	for _, text := range []string{"", "\n## agent_exited\n\nno fix"} {
		if _, err := parse(text); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}

func TestVariables(t *testing.T) {
	where := Place{AccountID: "111122223333", Region: "eu-west-1", Cluster: "a'b", TaskDefinition: "web:7"}
	for commands, want := range map[string]string{
		`aws ecs update-service --cluster "$CLUSTER" --service "$SERVICE"`: "export AWS_DEFAULT_REGION=eu-west-1 CLUSTER='a'\\''b' SERVICE=\"${SERVICE:?set SERVICE first}\"",
		`aws organizations list-parents --child-id "$ACCOUNT"`:             `export AWS_DEFAULT_REGION=eu-west-1 ACCOUNT=111122223333`,
		`echo "${TASK_DEFINITION%:*}"`:                                     `export AWS_DEFAULT_REGION=eu-west-1 TASK_DEFINITION=web:7`,
		`ROLE=x; echo "$ROLE"`:                                             "export AWS_DEFAULT_REGION=eu-west-1",
		`kubectl get pods`:                                                 `export AWS_DEFAULT_REGION=eu-west-1`,
	} {
		e := Entry{Fix: []Step{{Commands: commands}}}
		e.variables = variablesOf(e.Fix)
		got := e.Variables(where)
		if got != want {
			t.Errorf("%s: %s, want %s", commands, got, want)
		}
		isScript(t, got+"\n"+commands)
	}
}
