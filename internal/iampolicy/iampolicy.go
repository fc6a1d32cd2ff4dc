// Package iampolicy generates the least-privilege IAM policies of a configuration.
//
// A policy belongs to one principal: the exporter's own identity, or a role that it assumes. The package makes no
// requests to AWS.
package iampolicy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// Exporter is the principal of the ambient credentials, the exporter's own identity.
const Exporter = "exporter"

// Policy is an identity-based IAM policy. Its JSON form is a policy document. Use [For] to create one; the zero value is
// not valid.
type Policy struct {
	Version   string
	Statement []Statement

	permissions []permission // of all statements, for Explain
}

// Statement allows the actions of one feature of the exporter.
type Statement struct {
	// Sid is the name of the feature, unique within the policy.
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// For returns the smallest policy that allows every AWS request that the exporter makes as the principal. The principal
// is [Exporter], the ARN of a role, which may be ecs.role_arn, [ECS] or the name of a target. The order of targets and
// queues does not affect the policy.
func For(cfg *config.Config, principal string) (Policy, error) {
	role, err := roleOf(cfg, principal)
	if err != nil {
		return Policy{}, err
	}
	p := Policy{Version: "2012-10-17"}
	if assumed := assumedRoles(cfg); role == "" && len(assumed) > 0 {
		p.allow(assumeRole(), assumed)
	}
	for _, needed := range readPermissions() {
		if resources := needed.resources(cfg, role); len(resources) > 0 {
			p.allow(needed, resources)
		}
	}
	for _, needed := range ecsPermissions() {
		if resources := needed.ecsResources(cfg, role); len(resources) > 0 {
			p.allow(needed, resources)
		}
	}
	if queues := queueARNs(cfg, role); len(queues) > 0 {
		for _, needed := range queuePermissions() {
			p.allow(needed, queues)
		}
	}
	return p, nil
}

// allow adds a permission to the statement of its feature. Permissions of one feature have equal resources.
func (p *Policy) allow(needed permission, resources []string) {
	p.permissions = append(p.permissions, needed)
	if n := len(p.Statement); n > 0 && p.Statement[n-1].Sid == needed.sid {
		p.Statement[n-1].Action = append(p.Statement[n-1].Action, needed.action)
		return
	}
	p.Statement = append(p.Statement, Statement{
		Sid: needed.sid, Effect: "Allow", Action: []string{needed.action}, Resource: resources,
	})
}

// maxSize is the quota for all inline policies of a role, in characters without whitespace. A managed policy may have
// 6,144. Source: IAM user guide, "IAM and AWS STS quotas" (read November 2026).
const maxSize = 10_240

// CheckSize returns an error if the policy exceeds the IAM quota for the inline policies of a role.
func (p Policy) CheckSize() error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if len(text) > maxSize {
		return fmt.Errorf("%d characters exceed the IAM quota of %d for inline policies of a role: split the policy, or use * in its resources",
			len(text), maxSize)
	}
	return nil
}

// Explain returns a Markdown table with one row for each action: why it is needed, and what is missing without it.
func (p Policy) Explain() string {
	var table strings.Builder
	table.WriteString("| Action | Statement | Needed | Without it |\n|---|---|---|---|\n")
	for _, allowed := range p.permissions {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", allowed.action, allowed.sid, allowed.reason, allowed.loss)
	}
	return table.String()
}

// Principals returns Exporter, the roles and then those that read ECS in every account, as in ecs.role_arn. Both are
// sorted and without duplicates.
func Principals(cfg *config.Config) []string {
	return slices.Concat([]string{Exporter}, roleARNs(cfg), ecsRoles(cfg))
}

// assumedRoles returns the roles that the exporter assumes, with * for the account of those that read ECS, sorted and
// without duplicates.
func assumedRoles(cfg *config.Config) []string {
	arns := append(roleARNs(cfg), ecsRolePatterns(cfg)...)
	slices.Sort(arns)
	return slices.Compact(arns)
}

// roleARNs returns the roles of the targets and queues, sorted and without duplicates.
func roleARNs(cfg *config.Config) []string {
	var arns []string
	for _, t := range cfg.Targets {
		arns = append(arns, t.RoleARN)
	}
	for _, q := range cfg.Events {
		arns = append(arns, q.RoleARN)
	}
	arns = slices.DeleteFunc(arns, func(arn string) bool { return arn == "" })
	slices.Sort(arns)
	return slices.Compact(arns)
}

// queueARNs returns the queues that are read with a role, or with the ambient credentials if role is "".
func queueARNs(cfg *config.Config, role string) []string {
	var arns []string
	for _, q := range cfg.Events {
		if q.RoleARN == role {
			arns = append(arns, q.ARN())
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// roleOf returns the role of the principal, or "" for the exporter itself, also if a target has its name.
func roleOf(cfg *config.Config, principal string) (string, error) {
	principals := Principals(cfg)
	templates := ecsRoles(cfg)
	named := slices.IndexFunc(cfg.Targets, func(t config.Target) bool { return t.Name == principal })
	switch {
	case principal == Exporter:
		return "", nil
	case slices.Contains(principals, principal):
		return principal, nil
	case principal == ECS && len(templates) > 0 && named >= 0:
		return "", fmt.Errorf("%q is the name of a target, and short for ecs.role_arn; use %s, or for the target %s",
			ECS, strings.Join(templates, ", "), cmp.Or(cfg.Targets[named].RoleARN, Exporter))
	case principal == ECS && len(templates) == 1:
		return templates[0], nil
	case named >= 0:
		return cfg.Targets[named].RoleARN, nil
	}
	switch {
	case principal == ECS && len(templates) > 1:
		return "", fmt.Errorf("targets have different ecs.role_arn; use one of %s", strings.Join(templates, ", "))
	case principal == ECS:
		return "", errors.New("no target has ecs.role_arn; without it, the role of a target reads ECS, and its policy allows it")
	}
	return "", fmt.Errorf("unknown principal %q; use %s, or the name of a target", principal, strings.Join(principals, ", "))
}
