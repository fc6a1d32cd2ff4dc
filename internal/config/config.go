// Package config reads the exporter's configuration file: strict YAML in, a complete and valid [Config] out.
//
// All mistakes in a file are reported at once, each with its line (see [Errors]). The package makes no network calls
// and does not read the environment; the file cannot refer to environment variables. A Config does not
// change after [Loader.Load] or [Parse] has returned it, so it is safe for concurrent use.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

const (
	// allRegions is the entry of regions that means every enabled Region.
	allRegions = "all"
	// defaultTargetName is the name of a target without a role.
	defaultTargetName = "default"
	// unset is a duration that the file does not set. None in a file is negative.
	unset time.Duration = -1
	// defaultRoleSessionName appears in CloudTrail in the target's account.
	defaultRoleSessionName = "guardduty-coverage-exporter"
)

// The values of [Config.Detail].
const (
	DetailAll       = "all"       // every cluster has all its series
	DetailUnhealthy = "unhealthy" // a cluster that is HEALTHY has guardduty_ecs_cluster_healthy only
)

// Config is the whole configuration. A Config from Load or Parse is valid and has its defaults applied; the zero value
// is neither.
type Config struct {
	Refresh Refresh      `yaml:"refresh"`
	AWS     AWS          `yaml:"aws"`
	Targets []Target     `yaml:"targets"`
	Events  []EventQueue `yaml:"events"` // nil without queues
	EC2     EC2          `yaml:"ec2"`
	Issues  Issues       `yaml:"issues"`
	// Exclusions are those of the file, or of ExclusionsFile; their names are unique.
	Exclusions []exclusion.Entry `yaml:"exclusions"`
	// ExclusionsFile is the file that [Loader.Load] has read Exclusions from, as it is configured; empty for none.
	ExclusionsFile string `yaml:"exclusions_file"`
	// Detail is DetailAll or DetailUnhealthy.
	Detail string `yaml:"detail"`

	name       string // of the file, for Summary
	empty      bool   // whether a file exists and sets nothing
	hasTargets bool   // whether Targets come from the file, not from the default
}

// Refresh sets how often AWS is read and how long the result is used.
type Refresh struct {
	// Interval is the time between two refreshes of a target, at least one second.
	Interval time.Duration `yaml:"interval"`
	// Timeout limits one whole refresh and is shorter than Interval.
	Timeout time.Duration `yaml:"timeout"`
	// MaxStaleness is the age at which a target's last good snapshot is withdrawn, at least Interval + Timeout.
	MaxStaleness time.Duration `yaml:"max_staleness"`
}

// AWS holds the settings that apply to all AWS requests.
type AWS struct {
	// Profile in the shared AWS configuration files; if empty, the SDK chooses it (AWS_PROFILE).
	Profile string `yaml:"profile"`
	// RequestsPerSecond limits the requests to each account and Region, above 0 and at most 1000.
	RequestsPerSecond float64 `yaml:"requests_per_second"`
}

// Target is one set of credentials and the Regions that are read with them.
type Target struct {
	// Name is the target label; unique and never empty.
	Name string `yaml:"name"`
	// RoleARN is the role to assume; if empty, the ambient credentials are used.
	RoleARN string `yaml:"role_arn"`
	// ExternalID is sent when RoleARN is assumed; it may be empty.
	ExternalID Secret `yaml:"external_id"`
	// ExternalIDFile is the file that [Loader.Load] has read ExternalID from, as it is configured; empty for none.
	ExternalIDFile string `yaml:"external_id_file"`
	// RoleSessionName is set if and only if RoleARN is.
	RoleSessionName string `yaml:"role_session_name"`
	// Regions are Region names without duplicates, or only "all"; nil means the Region of the environment.
	Regions []string `yaml:"regions"`
	// Interval is the time between two refreshes, by default that of Refresh.
	Interval time.Duration `yaml:"interval"`
	// Timeout limits one refresh and is shorter than Interval; by default it is that of Refresh. Refresh.MaxStaleness is at
	// least Interval + Timeout.
	Timeout time.Duration `yaml:"timeout"`
	// DetectorID is empty if ListDetectors is to find the detector; set only with at most one Region.
	DetectorID string `yaml:"detector_id"`
	// ResourceTypes are one or more of ECS, EC2 and EKS, without duplicates; each type is a separate listing.
	ResourceTypes []coverage.ResourceType `yaml:"resource_types"`
	// Filter limits the resources that the API returns.
	Filter coverage.Filter `yaml:"filter"`
	// Detector enables reading whether the detector and each of its features are enabled.
	Detector bool `yaml:"detector"`
	// Members enables reading an administrator's member accounts and their features.
	Members bool `yaml:"members"`
	// AccountNames enables reading the names of all accounts from AWS Organizations; true for at most one target.
	AccountNames bool `yaml:"account_names"`
	// ECS enables reading from ECS why tasks have no agent; nil if it is not read.
	ECS *ECS `yaml:"ecs"`
}

// EC2 sets which EC2 instances are exported.
type EC2 struct {
	// OnlyECS exports only the container instances of ECS clusters.
	OnlyECS bool `yaml:"only_ecs"`
}

// Issues sets how issues are exported.
type Issues struct {
	// Text puts the sanitized text of an issue into its label.
	Text bool `yaml:"text"`
	// MaxPerCluster is the number of issues of one cluster or instance that get their own series, 0 to 1000, and of
	// its services and causes if the target has ECS. All issues and tasks of ECS clusters are counted regardless.
	MaxPerCluster int `yaml:"max_per_cluster"`
}

// Parse parses the contents of a configuration file; name stands for the file in messages and in [Config.Summary]. An
// empty file gives the defaults. The files that it names are not read. The limit of an exclusion's last day depends on the
// current day. The error is an [Errors].
func Parse(name string, data []byte) (*Config, error) {
	errs := newErrorList(name)
	cfg := parseInto(errs, data)
	if err := errs.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// parseInto is Parse that adds the mistakes to errs. With a mistake, the Config is not to be used.
func parseInto(errs *errorList, data []byte) *Config {
	cfg := defaults()
	cfg.name = errs.file
	root := parseDocument(errs, data)
	if root != nil && !decode(errs, root, cfg) {
		return nil
	}
	cfg.empty, cfg.hasTargets = root == nil || isNull(root), cfg.Targets != nil
	cfg.applyDefaults()
	validate(errs, cfg, time.Now())
	return cfg
}

// CheckReload rejects a reload that would silently drop all targets. A file that is emptied, or truncated while it is
// written, can be valid because everything has a default.
func (c *Config) CheckReload(next *Config) error {
	switch {
	case next.empty:
		return fmt.Errorf("%s: the file is empty; write targets: [{}] to use the defaults", next.name)
	case c.hasTargets && !next.hasTargets:
		return fmt.Errorf("%s: the file no longer has targets; write targets: [{}] to use the default target", next.name)
	}
	return nil
}

// defaults returns the configuration that the file's keys override.
func defaults() *Config {
	return &Config{
		Refresh: Refresh{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: 30 * time.Minute},
		AWS:     AWS{RequestsPerSecond: 5},
		EC2:     EC2{OnlyECS: true},
		Issues:  Issues{Text: true, MaxPerCluster: 20},
	}
}

// applyDefaults sets the defaults that depend on other keys. Afterwards two targets or queues with the same meaning
// are equal.
func (c *Config) applyDefaults() {
	c.Detail = cmp.Or(c.Detail, DetailAll)
	if c.Targets == nil {
		c.Targets = make([]Target, 1)
		c.Targets[0].setDefaults()
	}
	for i := range c.Targets {
		c.Targets[i].applyDefaults(c.Refresh)
	}
	if len(c.Events) == 0 {
		c.Events = nil
	}
	if len(c.Exclusions) == 0 {
		c.Exclusions = nil
	}
	for i := range c.Events {
		c.Events[i].applyDefaults()
	}
}

// setDefaults sets what distinguishes a key that is not set from every value.
func (t *Target) setDefaults() { t.Interval, t.Timeout = unset, unset }

func (t *Target) applyDefaults(r Refresh) {
	if t.Name == "" {
		t.Name = t.defaultName()
	}
	if t.RoleSessionName == "" && t.RoleARN != "" {
		t.RoleSessionName = defaultRoleSessionName
	}
	if t.Interval == unset {
		t.Interval = r.Interval
	}
	if t.Timeout == unset {
		t.Timeout = r.Timeout
	}
	if t.ResourceTypes == nil {
		t.ResourceTypes = []coverage.ResourceType{coverage.ECS}
	}
	for _, condition := range conditions(&t.Filter) {
		dropEmpty(condition)
	}
	if t.ECS != nil {
		t.ECS.applyDefaults()
	}
}

func (t Target) defaultName() string {
	if account := t.RoleAccountID(); account != "" {
		return account
	}
	return defaultTargetName
}

// conditions returns the conditions of a filter in a fixed order.
func conditions(f *coverage.Filter) []*coverage.Condition {
	return []*coverage.Condition{&f.AccountID, &f.ECSClusterName, &f.CoverageStatus, &f.ManagementType}
}

func dropEmpty(c *coverage.Condition) {
	if len(c.Equals) == 0 {
		c.Equals = nil
	}
	if len(c.NotEquals) == 0 {
		c.NotEquals = nil
	}
}

// DetectorARN returns the ARN of the detector, with * for a Region or account that the configuration does not contain. It
// is empty without DetectorID, and if the partition is unknown.
func (t Target) DetectorARN() string {
	partition := t.Partition()
	if t.DetectorID == "" || partition == "" {
		return ""
	}
	region := "*"
	if len(t.Regions) > 0 {
		region = t.Regions[0]
	}
	return arn.ARN{
		Partition: partition, Service: "guardduty", Region: region, AccountID: cmp.Or(t.RoleAccountID(), "*"),
		Resource: "detector/" + t.DetectorID,
	}.String()
}

// Partition returns the partition of the target's role or Regions, or "" if both come from the environment.
func (t Target) Partition() string {
	if role, err := arn.Parse(t.RoleARN); err == nil {
		return role.Partition
	}
	if len(t.Regions) == 0 || t.AllRegions() {
		return ""
	}
	return awsregion.Partition(t.Regions[0])
}

// RoleAccountID returns the account of the role to assume, or "" for a target with the ambient credentials.
func (t Target) RoleAccountID() string { return roleAccountID(t.RoleARN) }

func roleAccountID(roleARN string) string {
	role, err := arn.Parse(roleARN)
	if err != nil {
		return ""
	}
	return role.AccountID
}

// AllRegions reports whether the target has all Regions that are enabled in its account.
func (t Target) AllRegions() bool {
	return slices.Equal(t.Regions, []string{allRegions})
}
