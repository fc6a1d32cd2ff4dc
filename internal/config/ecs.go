package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The values of [ECS.Scope].
const (
	ScopeUnhealthy = "unhealthy" // the clusters that GuardDuty reports as unhealthy
	ScopeAll       = "all"       // all clusters of ECS, also those that GuardDuty does not list
)

// The placeholders of [ECS.RoleARN].
const (
	partitionPlaceholder = "{partition}"
	accountPlaceholder   = "{account_id}"
)

// ECS enables reading from ECS why tasks have no agent, in the accounts that the target shows.
type ECS struct {
	// RoleARN is the role to assume in each account, with placeholders (see [ECS.RoleIn]); if empty, the target's own
	// credentials are used, and only the target's own account is read.
	RoleARN string `yaml:"role_arn"`
	// ExternalID is sent when RoleARN is assumed; it may be empty.
	ExternalID Secret `yaml:"external_id"`
	// ExternalIDFile is as in [Target].
	ExternalIDFile string `yaml:"external_id_file"`
	// RoleSessionName is set if and only if RoleARN is.
	RoleSessionName string `yaml:"role_session_name"`
	// Scope is ScopeUnhealthy or ScopeAll.
	Scope string `yaml:"scope"`
	// Interval is the time between two reads of a cluster that does not change, at least one minute. A new or changed
	// cluster is read at once.
	Interval time.Duration `yaml:"interval"`
	// Tags are the keys of the cluster tags that become labels. No two keys of a configuration have the same
	// [coverage.TagLabel].
	Tags []string `yaml:"tags"`
}

// Format writes the block as fmt does without the pointer. Of a pointer in a struct, with a verb other than %v, fmt would
// print ExternalID without its Format.
func (e *ECS) Format(state fmt.State, verb rune) {
	_, _ = fmt.Fprintf(state, fmt.FormatString(state, verb), *e) // fmt.State has no way to return it
}

// setDefaults sets the defaults that the file's keys override.
func (e *ECS) setDefaults() { e.Interval = 15 * time.Minute }

// applyDefaults sets the defaults that depend on other keys, and those of text, which is empty if it is not set.
func (e *ECS) applyDefaults() {
	if e.Scope == "" {
		e.Scope = ScopeUnhealthy
	}
	if e.RoleSessionName == "" && e.RoleARN != "" {
		e.RoleSessionName = defaultRoleSessionName
	}
	if len(e.Tags) == 0 {
		e.Tags = nil
	}
}

// RoleIn returns the ARN of the role to assume in an account, or "" without RoleARN. With * for the partition or the
// account it is the pattern of these roles.
func (e ECS) RoleIn(partition, accountID string) string {
	return strings.NewReplacer(partitionPlaceholder, partition, accountPlaceholder, accountID).Replace(e.RoleARN)
}

// partition returns the partition of the role, or "" if it is a placeholder or there is no role.
func (e ECS) partition() string {
	role, err := arn.Parse(e.RoleARN)
	if err != nil || role.Partition == partitionPlaceholder {
		return ""
	}
	return role.Partition
}

// ECSTags returns the tag keys of all targets, sorted and without duplicates.
func (c *Config) ECSTags() []string {
	var keys []string
	for _, t := range c.Targets {
		if t.ECS != nil {
			keys = append(keys, t.ECS.Tags...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// ShowsAllClusters reports whether the target shows every ECS cluster that GuardDuty lists in the accounts that it shows:
// no filter hides one.
func (t Target) ShowsAllClusters() bool {
	return slices.Contains(t.ResourceTypes, coverage.ECS) && len(t.hidingFilters()) == 0
}

// hidingFilters returns the filters that hide clusters of an account that the target shows.
func (t Target) hidingFilters() []string {
	var names []string
	for _, f := range []struct {
		name      string
		condition coverage.Condition
	}{
		{"ecs_cluster_name", t.Filter.ECSClusterName},
		{"coverage_status", t.Filter.CoverageStatus},
		{"management_type", t.Filter.ManagementType},
	} {
		if len(f.condition.Equals)+len(f.condition.NotEquals) > 0 {
			names = append(names, f.name)
		}
	}
	return names
}
