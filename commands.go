package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

// load reads a configuration file, or standard input if file is "-".
func (c *commandLine) load(ctx context.Context, file string) (*config.Config, error) {
	if file == standardInput {
		return config.Read(ctx, "standard input", c.std.in)
	}
	return config.NewLoader(file).Load(ctx)
}

// checkConfig prints a summary of the configuration and, with --clusters, the
// estimated AWS requests.
func (c *commandLine) checkConfig(ctx context.Context) error {
	cfg, err := c.load(ctx, c.checkedFile)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.std.out, cfg.Summary())
	if c.clusters == 0 {
		return nil
	}
	plan := capacity.Estimate(cfg, int(c.clusters))
	fmt.Fprint(c.std.out, plan)
	return plan.Err()
}

// printPolicies prints the policy of the principal, or with --explain the
// reasons for it. Without a principal it prints the policies of all principals,
// with the reasons on standard error.
func (c *commandLine) printPolicies(ctx context.Context) error {
	cfg, err := c.load(ctx, c.policyFile)
	if err != nil {
		return err
	}
	principals, reasons := []string{c.principal}, io.Discard
	if c.principal == "" {
		principals, reasons = iampolicy.Principals(cfg), c.std.err
	}
	for _, principal := range principals {
		policy, err := iampolicy.For(cfg, principal)
		if err != nil {
			return fmt.Errorf("iam-policy --for: %w", err)
		}
		explanation := fmt.Sprintf("# %s\n\n%s\n", principal, policy.Explain())
		if c.explain {
			fmt.Fprint(c.std.out, explanation)
			continue
		}
		fmt.Fprint(reasons, explanation)
		if err := policy.CheckSize(); err != nil {
			fmt.Fprintf(c.std.err, "warning: policy of %s: %v\n", principal, err)
		}
		if err := c.printJSON(policy); err != nil {
			return err
		}
	}
	return nil
}

func (c *commandLine) printJSON(value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := c.std.out.Write(text.Bytes())
	return err
}
