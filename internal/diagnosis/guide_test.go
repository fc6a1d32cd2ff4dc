package diagnosis

import (
	"slices"
	"testing"
	"time"
)

// The user guide's page on coverage of ECS clusters ends with five questions to
// ask about an unidentified issue (read November 2026). Each has a test here.

const unidentified = "Agent not provisioned: Unidentified issue, for tasks in TaskDefinition - 'orders:42'"

// answer returns the causes of shop as changed, and fails unless they are the
// same without GuardDuty's text, which names none.
func answer(t *testing.T, change func(*Evidence)) []Cause {
	t.Helper()
	causes := func(issues ...string) []Cause {
		e := shop()
		e.Row = row("UNHEALTHY", issues...)
		change(&e)
		var causes []Cause
		for _, f := range Diagnose(e).Findings {
			causes = append(causes, f.Cause)
			if f.Cause != UnknownReason && f.Tasks != len(e.Tasks) {
				t.Errorf("%+v", f)
			}
		}
		return causes
	}
	with := causes(unidentified)
	if without := causes(); !slices.Equal(with, without) {
		t.Errorf("got %v, and %v without GuardDuty's text", with, without)
	}
	return with
}

func isOnly(t *testing.T, got []Cause, want Cause) {
	t.Helper()
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestDidTheTaskStartBeforeYouEnabledRuntimeMonitoring(t *testing.T) {
	started := func(at time.Time) func(*Evidence) {
		return func(e *Evidence) { e.Tasks[0].Group, e.Tasks[0].CreatedAt = "family:orders", at }
	}
	isOnly(t, answer(t, started(enabled().Add(-time.Second))), TaskTooOld)
	isOnly(t, answer(t, started(enabled().Add(time.Second))), UnknownReason)
}

func TestIsThisTaskPartOfAServiceDeploymentThatStartedBeforeYouEnabledRuntimeMonitoring(t *testing.T) {
	deployed := func(at time.Time, controller string) func(*Evidence) {
		return func(e *Evidence) { e.Services[0].Deployed, e.Services[0].Controller = at, controller }
	}
	before, after := enabled().Add(-time.Second), enabled().Add(time.Second)
	isOnly(t, answer(t, deployed(before, "ECS")), DeploymentTooOld)
	isOnly(t, answer(t, deployed(before, "CODE_DEPLOY")), TaskSetTooOld)
	isOnly(t, answer(t, deployed(after, "ECS")), UnknownReason)
}

func TestDidTheTaskLaunchAfterExcludingTheECSCluster(t *testing.T) {
	tagged := func(value string) func(*Evidence) {
		return func(e *Evidence) { e.Tags[managedTag] = value }
	}
	isOnly(t, answer(t, tagged("false")), ClusterExcluded)
	isOnly(t, answer(t, tagged("true")), ClusterWasExcluded) // it may be tagged since
	isOnly(t, answer(t, tagged("")), UnknownReason)
}

func TestIsYourTaskMissingATaskExecutionRole(t *testing.T) {
	role := func(ofDefinition, ofOverrides string) func(*Evidence) {
		return func(e *Evidence) {
			e.TaskDefinitions[orders] = TaskDefinition{ExecutionRole: ofDefinition}
			e.Tasks[0].ExecutionRole = ofOverrides
		}
	}
	isOnly(t, answer(t, role("", "")), NoExecutionRole)
	isOnly(t, answer(t, role("", "role")), UnknownReason)
	isOnly(t, answer(t, role("role", "")), UnknownReason)
}

func TestDoesYourServiceContainATaskThatHasAnOldFormatOfTaskArn(t *testing.T) {
	arn := func(resource string) func(*Evidence) {
		return func(e *Evidence) { e.Tasks[0].ARN = ecsARN + resource }
	}
	isOnly(t, answer(t, arn("task/0123456789abcdef0123456789abcdef")), OldTaskARN)
	isOnly(t, answer(t, arn("task/shop/0123456789abcdef0123456789abcdef")), UnknownReason)
}
