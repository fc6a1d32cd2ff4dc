package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/check"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/demo"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

var errDemoConfiguration = errors.New("--demo has a configuration of its own: omit --config.file")

// asUsage returns an error of the command line or the configuration with the exit
// status that it has in this command.
func asUsage(command string, err error) error {
	switch {
	case err == nil:
		return nil
	case command == "doctor":
		return &usageError{err, exitUsage}
	case command == "check":
		return &usageError{err, exitStatus(check.Unknown)}
	}
	return err
}

// loader returns the loader of a configuration file, or of standard input if
// file is "-".
func (c *commandLine) loader(file string) *config.Loader {
	if file == standardInput {
		return config.NewInputLoader("standard input", c.std.in)
	}
	return config.NewLoader(file)
}

// serve serves the metrics of the configuration file.
func (c *commandLine) serve(ctx context.Context) error {
	loader := config.NewLoader(c.configFile)
	c.options.Load = func() (*config.Config, error) { return loader.Load(ctx) }
	c.options.Changed = func() bool { return loader.Changed(ctx) }
	if c.autoReload {
		if c.configFile == "" {
			return errors.New("--config.enable-auto-reload requires --config.file")
		}
		c.options.AutoReload = c.autoReloadInterval
	}
	err := app.Run(ctx, c.options)
	if errors.Is(err, app.ErrNoRegion) && c.configFile == "" { // as in a container without arguments
		return fmt.Errorf("%w; or name a configuration file with --config.file; to see a demo without AWS, run %s demo", err, name)
	}
	return err
}

// checkConfig checks the configuration and the web configuration. It prints a
// summary and, with --clusters, the estimated AWS requests.
func (c *commandLine) checkConfig(ctx context.Context) error {
	load := c.loader(c.checkedFile).Load
	if c.syntaxOnly {
		load = c.loader(c.checkedFile).Parse
	}
	cfg, err := load(ctx)
	if err := errors.Join(err, web.CheckConfig(c.options.Web)); err != nil {
		return err
	}
	fmt.Fprintln(c.std.out, cfg.Summary())
	warnings := cfg.Warnings(time.Now())
	for _, warning := range warnings {
		fmt.Fprintln(c.std.err, "warning: "+warning)
	}
	if c.strict && len(warnings) > 0 {
		return errors.New("there are warnings, which --strict does not allow")
	}
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
	cfg, err := c.loader(c.policyFile).Parse(ctx)
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

// Exit statuses of the command diagnose.
const (
	exitFindings   exitStatus = 1 // there are clusters that are not covered
	exitUnreadable exitStatus = 3 // not everything could be read; there may be findings too
)

// runDiagnose prints why clusters are not covered.
func (c *commandLine) runDiagnose(ctx context.Context) error {
	o := app.DiagnoseOptions{Selection: c.diagnose.selection, Deep: c.diagnose.deep, Logger: promslog.New(&c.logging)}
	var result *diagnose.Result
	var err error
	switch {
	case c.diagnose.demo && c.diagnose.configFile != "":
		return errDemoConfiguration
	case c.diagnose.demo:
		result, err = demo.Diagnose(ctx, o)
	default:
		if o.Config, err = c.loader(c.diagnose.configFile).Load(ctx); err == nil {
			result, err = app.Diagnose(ctx, o)
		}
	}
	if err != nil {
		return err
	}
	if err := result.Write(c.std.out, c.diagnose.format); err != nil {
		return err
	}
	return statusOf(result)
}

// statusOf returns the exit status of a result, nil for 0.
func statusOf(r *diagnose.Result) error {
	switch {
	case len(r.Unreadable) > 0:
		return exitUnreadable
	case r.NotCovered():
		return exitFindings
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
