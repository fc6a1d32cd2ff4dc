package config

import (
	"fmt"
	"strings"
)

// Summary returns one line about the targets, without a secret, such as
//
//	config.yaml: 2 targets: organization (role 111122223333; us-east-1, eu-west-1), default (ambient credentials; Region from the environment)
func (c *Config) Summary() string {
	targets := make([]string, len(c.Targets))
	for i, t := range c.Targets {
		targets[i] = t.summary()
	}
	noun := "targets"
	if len(targets) == 1 {
		noun = "target"
	}
	return fmt.Sprintf("%s: %d %s: %s", c.name, len(targets), noun, strings.Join(targets, ", "))
}

func (t Target) summary() string {
	credentials := "ambient credentials"
	if account := t.RoleAccountID(); account != "" {
		credentials = "role " + account
	}
	regions := strings.Join(t.Regions, ", ")
	switch {
	case t.AllRegions():
		regions = "all Regions"
	case len(t.Regions) == 0:
		regions = "Region from the environment"
	}
	return fmt.Sprintf("%s (%s; %s)", t.Name, credentials, regions)
}
