// Package config reads the exporter's configuration file: strict YAML in, a complete and valid [Config] out.
//
// Every mistake of a file is reported in one go, each with the line it stands on (see [Errors]). Nothing here asks
// AWS, the clock or the environment; variables are not expanded in the file. A Config is not changed after [Load] or
// [Parse] returned it, so any number of goroutines may read it.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

const (
	// maxFileSize bounds what Load reads, in bytes.
	maxFileSize = 10 << 20
	// allRegions is the entry of regions that stands for every enabled Region.
	allRegions = "all"
	// defaultTargetName names a target that assumes no role.
	defaultTargetName = "default"
	// defaultRoleSessionName shows in the CloudTrail of the target's account.
	defaultRoleSessionName = "guardduty-coverage-exporter"
	// ecs is the resource type that every target has unless it says otherwise.
	ecs = "ECS"
)

// Config is the whole configuration. One that came from Load or Parse has its defaults applied and is valid; the zero
// value is neither.
type Config struct {
	Refresh Refresh      `yaml:"refresh"`
	AWS     AWS          `yaml:"aws"`
	Targets []Target     `yaml:"targets"`
	Events  []EventQueue `yaml:"events"` // nil without queues
	EC2     EC2          `yaml:"ec2"`
	Issues  Issues       `yaml:"issues"`

	name  string // of the file, for Summary
	empty bool   // whether there is a file and it says nothing
	named bool   // whether Targets are the file's, and not the one that stands for none
}

// Refresh says how often AWS is asked and how long an answer is believed.
type Refresh struct {
	// Interval is the time between two refreshes of a target, at least one second.
	Interval time.Duration `yaml:"interval"`
	// Timeout bounds one whole refresh and is shorter than Interval.
	Timeout time.Duration `yaml:"timeout"`
	// MaxStaleness is the age at which a target's last good snapshot is withdrawn, at least Interval + Timeout.
	MaxStaleness time.Duration `yaml:"max_staleness"`
}

// AWS holds what every call to AWS shares.
type AWS struct {
	// Profile of the shared AWS configuration files; empty leaves the choice to the SDK (AWS_PROFILE).
	Profile string `yaml:"profile"`
	// RequestsPerSecond is the limit of each account and Region, above 0 and at most 1000.
	RequestsPerSecond float64 `yaml:"requests_per_second"`
}

// Target is one set of credentials and the Regions that are asked with them.
type Target struct {
	// Name is the label target; unique and never empty.
	Name string `yaml:"name"`
	// RoleARN is the role to assume; empty uses the ambient credentials as they are.
	RoleARN string `yaml:"role_arn"`
	// ExternalID goes with RoleARN and may be empty.
	ExternalID Secret `yaml:"external_id"`
	// RoleSessionName is set exactly when RoleARN is.
	RoleSessionName string `yaml:"role_session_name"`
	// Regions are Region names without duplicates, or "all" alone; nil means the Region of the environment.
	Regions []string `yaml:"regions"`
	// DetectorID is empty where ListDetectors is to find it; set only with at most one Region.
	DetectorID string `yaml:"detector_id"`
	// ResourceTypes are one or more of ECS, EC2 and EKS, each once; every type is a listing of its own.
	ResourceTypes []string `yaml:"resource_types"`
	// Filter narrows what the API is asked for.
	Filter Filter `yaml:"filter"`
	// Detector asks whether the detector and each of its features are enabled.
	Detector bool `yaml:"detector"`
	// Members asks an administrator for its member accounts and their features.
	Members bool `yaml:"members"`
	// AccountNames asks AWS Organizations for the names of all accounts; true for at most one target.
	AccountNames bool `yaml:"account_names"`
}

// Filter is sent to the API as FilterCriteria; its conditions all have to hold.
type Filter struct {
	AccountID      Condition `yaml:"account_id"`
	ECSClusterName Condition `yaml:"ecs_cluster_name"`
	CoverageStatus Condition `yaml:"coverage_status"`
	ManagementType Condition `yaml:"management_type"`
}

// Condition is one criterion of a Filter. Nil lists ask for nothing; no value stands in both.
type Condition struct {
	Equals    []string `yaml:"equals"`
	NotEquals []string `yaml:"not_equals"`
}

// EC2 says which EC2 instances become metrics.
type EC2 struct {
	// OnlyECS keeps to the container instances of ECS clusters.
	OnlyECS bool `yaml:"only_ecs"`
}

// Issues says how much of the issues' text becomes labels.
type Issues struct {
	// Text puts the cleaned text of an issue into its label.
	Text bool `yaml:"text"`
	// MaxPerCluster is the number of issues of one cluster or instance that get a series of their own, 0 to 1000; all
	// those of ECS clusters are counted.
	MaxPerCluster int `yaml:"max_per_cluster"`
}

// Load reads the configuration file at path. The empty path means that there is no file and gives the defaults: one
// target with the ambient credentials and the Region of the environment. The error wraps that of the file system, or
// is an [Errors] with every mistake of the file.
func Load(path string) (*Config, error) {
	if path == "" {
		cfg, err := Parse("no configuration file", nil)
		if err == nil {
			cfg.empty = false
		}
		return cfg, err
	}
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

func readFile(path string) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// One byte more than Parse accepts shows it that the file is too big.
	return io.ReadAll(io.LimitReader(file, maxFileSize+1))
}

// Parse makes a Config of a file's contents; name stands for the file in messages and in [Config.Summary]. An empty
// file gives the defaults. The error is an [Errors].
func Parse(name string, data []byte) (*Config, error) {
	r := newReport(name)
	cfg := defaults()
	cfg.name = name
	root := parseDocument(r, data)
	if root != nil && !decode(r, root, cfg) {
		return nil, r.err()
	}
	cfg.empty, cfg.named = root == nil || isNull(root), cfg.Targets != nil
	cfg.complete()
	validate(r, cfg)
	if err := r.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// CheckReload returns what next, the same file read later, would give up in silence, as one sentence; nil for nothing. A file
// that is emptied, or cut off while it is written, is a legal one with defaults in the place of what is missing.
func (c *Config) CheckReload(next *Config) error {
	switch {
	case next.empty:
		return fmt.Errorf("%s: the file is empty; write targets: [{}] if the defaults are meant", next.name)
	case c.named && !next.named:
		return fmt.Errorf("%s: the file has no targets any more; write targets: [{}] if the default one is meant", next.name)
	}
	return nil
}

// defaults is the configuration that a file's keys are laid over.
func defaults() *Config {
	return &Config{
		Refresh: Refresh{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: 30 * time.Minute},
		AWS:     AWS{RequestsPerSecond: 5},
		EC2:     EC2{OnlyECS: true},
		Issues:  Issues{Text: true, MaxPerCluster: 20},
	}
}

// complete fills in the defaults that depend on other keys. Afterwards two targets or queues that mean the same are
// equal.
func (c *Config) complete() {
	if c.Targets == nil {
		c.Targets = []Target{{}}
	}
	for i := range c.Targets {
		t := &c.Targets[i]
		if t.Name == "" {
			t.Name = t.defaultName()
		}
		if t.RoleSessionName == "" && t.RoleARN != "" {
			t.RoleSessionName = defaultRoleSessionName
		}
		if t.ResourceTypes == nil {
			t.ResourceTypes = []string{ecs}
		}
		for _, condition := range []*Condition{
			&t.Filter.AccountID, &t.Filter.ECSClusterName, &t.Filter.CoverageStatus, &t.Filter.ManagementType,
		} {
			condition.dropEmpty()
		}
	}
	if len(c.Events) == 0 {
		c.Events = nil
	}
	for i := range c.Events {
		c.Events[i].complete()
	}
}

func (t Target) defaultName() string {
	if account := t.RoleAccountID(); account != "" {
		return account
	}
	return defaultTargetName
}

func (c *Condition) dropEmpty() {
	if len(c.Equals) == 0 {
		c.Equals = nil
	}
	if len(c.NotEquals) == 0 {
		c.NotEquals = nil
	}
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

// AllRegions reports whether the target's Regions are all those that are enabled in its account.
func (t Target) AllRegions() bool {
	return slices.Equal(t.Regions, []string{allRegions})
}
