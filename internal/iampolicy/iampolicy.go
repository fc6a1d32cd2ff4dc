// Package iampolicy says which permissions in AWS a configuration needs.
//
// A policy belongs to one principal: the exporter's own identity, or a role that it assumes. Nothing here asks AWS.
package iampolicy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// Exporter is the principal that stands for the exporter's own identity: what the ambient credentials belong to.
const Exporter = "exporter"

// Policy is an identity-based policy of IAM; its JSON form is a policy document. The zero value is not one: see [For].
type Policy struct {
	Version   string
	Statement []Statement

	permissions []permission // of all statements, for Explain
}

// Statement allows what one feature of the exporter needs.
type Statement struct {
	// Sid names the feature. It is unique in its policy and the same in every policy.
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// For returns the least policy with which every call that the configuration makes as the principal is allowed. The
// principal is [Exporter], the ARN of a role or the name of a target. The same configuration gives the same policy,
// whatever the order of its targets and queues.
func For(cfg *config.Config, principal string) (Policy, error) {
	roles := roleARNs(cfg)
	role, err := roleOf(cfg, roles, principal)
	if err != nil {
		return Policy{}, err
	}
	p := Policy{Version: "2012-10-17"}
	if role == "" && len(roles) > 0 {
		p.allow(assumeRole(), roles)
	}
	for _, needed := range readPermissions() {
		if slices.ContainsFunc(cfg.Targets, func(t config.Target) bool { return t.RoleARN == role && needed.when(cfg.EC2, t) }) {
			p.allow(needed, []string{"*"})
		}
	}
	if queues := queueARNs(cfg, role); len(queues) > 0 {
		for _, needed := range queuePermissions() {
			p.allow(needed, queues)
		}
	}
	return p, nil
}

// allow adds a permission to the statement of its feature.
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

// Explain returns a Markdown table with one line for each action: why it is in the policy, and what is lost without it.
func (p Policy) Explain() string {
	var table strings.Builder
	table.WriteString("| Action | Statement | Needed | Without it |\n|---|---|---|---|\n")
	for _, allowed := range p.permissions {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", allowed.action, allowed.sid, allowed.reason, allowed.loss)
	}
	return table.String()
}

// Principals returns all that need a policy: Exporter and the roles, each once, in order.
func Principals(cfg *config.Config) []string {
	return append([]string{Exporter}, roleARNs(cfg)...)
}

// roleARNs returns the roles of the targets and queues, each once, in order.
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

// queueARNs returns the queues that are read with a role, "" for the exporter itself, in order.
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

// roleOf returns the role that the principal is, "" for the exporter itself.
func roleOf(cfg *config.Config, roles []string, principal string) (string, error) {
	switch {
	case principal == Exporter:
		return "", nil
	case slices.Contains(roles, principal):
		return principal, nil
	}
	for _, t := range cfg.Targets {
		if t.Name == principal {
			return t.RoleARN, nil
		}
	}
	return "", fmt.Errorf("%q is no principal of the configuration; choose one of %s, or the name of a target",
		principal, strings.Join(Principals(cfg), ", "))
}
