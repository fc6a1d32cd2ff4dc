package diagnosis

import (
	"fmt"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// examinePlatform adds the requirements of the agent on Fargate that a task does
// not meet. More than one may have to be fixed.
func (x *examination) examinePlatform(t *examined) {
	if family := x.windows(t); family != "" {
		x.addTask(t, Finding{Cause: Windows, Certainty: Proof, Evidence: fmt.Sprintf("The tasks run on %s.", coverage.Sanitize(family))})
		return // its platform versions and roles follow other rules
	}
	if v, ok := parseVersion(t.PlatformVersion); ok && v.before(version{1, 4, 0}) {
		x.addTask(t, Finding{
			Cause: PlatformVersion, Certainty: Proof,
			Evidence: fmt.Sprintf("The tasks run on platform version %s; the agent needs 1.4.0.", t.PlatformVersion),
		})
	}
	if a := x.architecture(t); a != "" && !strings.EqualFold(a, "X86_64") && !strings.EqualFold(a, "ARM64") {
		x.addTask(t, Finding{
			Cause: CPUArchitecture, Certainty: Proof,
			Evidence: fmt.Sprintf("The tasks run on the CPU architecture %s; the agent supports X86_64 and ARM64.", coverage.Sanitize(a)),
		})
	}
	if isOldARN(t.ARN) {
		x.addTask(t, Finding{
			Cause: OldTaskARN, Certainty: Proof,
			Evidence: "The tasks' ARNs have the old format, without the name of the cluster.",
		})
	}
	if x.hasNoExecutionRole(t) {
		x.addNoExecutionRole(t)
	}
}

// windows returns a task's operating system family if it is Windows.
func (x *examination) windows(t *examined) string {
	family := t.PlatformFamily
	if family == "" {
		d, _ := x.definitionOf(t)
		family = d.OSFamily
	}
	if strings.HasPrefix(strings.ToLower(family), "windows") {
		return family
	}
	return ""
}

// architecture returns a task's CPU architecture, "" if it is unknown.
func (x *examination) architecture(t *examined) string {
	if t.CPUArchitecture != "" {
		return t.CPUArchitecture
	}
	d, _ := x.definitionOf(t)
	return d.CPUArchitecture
}

// isOldARN reports whether an ARN is …:task/ID. Since 2018 it is …:task/CLUSTER/ID.
func isOldARN(arn string) bool {
	parts := strings.SplitN(arn, ":", 6) // arn, partition, service, Region, account, resource
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "ecs" {
		return false
	}
	id, ok := strings.CutPrefix(parts[5], "task/")
	return ok && id != "" && !strings.Contains(id, "/")
}

func (x *examination) hasNoExecutionRole(t *examined) bool {
	d, ok := x.definitionOf(t)
	return ok && d.ExecutionRole == "" && t.ExecutionRole == ""
}

func (x *examination) addNoExecutionRole(t *examined) {
	x.addTask(t, Finding{
		Level: LevelTaskDefinition, Subject: t.definition, Cause: NoExecutionRole, Certainty: Proof,
		Evidence: "Neither the task definition nor the tasks' overrides have a task execution role.",
	})
}
