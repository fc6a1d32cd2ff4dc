package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/check"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/demo"
)

// checkFlags are the flags of the command check.
type checkFlags struct {
	configFile string
	demo       bool
	thresholds check.Thresholds
	timeout    time.Duration
	format     string
	textfile   string
	exitZero   bool
}

// addCheck adds the command check.
func (c *commandLine) addCheck() {
	command := c.app.Command("check", "Read every target once and compare coverage with thresholds. Exits with 0 if all is OK, 1 for a warning, 2 if critical, and 3 if unknown: "+
		"a target or a part of it is not readable, there are no resources, or the command line or configuration is wrong. Critical wins over unknown, unknown over a warning.")
	flags := &c.check
	command.Flag("config.file", "Configuration file; - reads standard input. Without it, the account of the ambient AWS credentials is read, in the Region of the environment.").StringVar(&flags.configFile)
	command.Flag("demo", "Check a simulated organization instead. Needs no AWS account and no configuration.").BoolVar(&flags.demo)
	command.Flag("warning", "Warning if less than this percentage of the resources of a type in an account and Region is covered.").Default("95").Float64Var(&flags.thresholds.Warning)
	command.Flag("critical", "Critical if less than this percentage is covered.").Default("80").Float64Var(&flags.thresholds.Critical)
	command.Flag("max-unhealthy", "Critical if more resources than this are not covered in total; -1 for any number.").Default("-1").IntVar(&flags.thresholds.MaxUnhealthy)
	command.Flag("timeout", "Time for everything. What was not read by then is unknown.").Default("2m").DurationVar(&flags.timeout)
	command.Flag("output", "Output format: plugin (as monitoring plugins print it), table, json (the document of /api/v1/status), csv (all resources), junit or markdown.").Short('o').
		Default(check.Formats()[0]).SetValue(outputFormat{&flags.format, check.Formats()})
	command.Flag("textfile", "Also write the metrics to this file, whose name ends in .prom, for node_exporter's textfile collector.").StringVar(&flags.textfile)
	command.Flag("exit-zero", "Exit with 0 whatever the result. Errors of the command line or configuration still exit with 3.").BoolVar(&flags.exitZero)
}

// runCheck prints whether coverage meets the thresholds.
func (c *commandLine) runCheck(ctx context.Context) error {
	reading, result, err := c.checkOnce(ctx)
	if err != nil {
		return asUsage("check", errors.Join(err, c.writeTextfile(nil, check.Unknown)))
	}
	err = c.writeTextfile(reading, result.Level) // first: without a reader of standard output, the process ends
	if err = errors.Join(err, result.Write(c.std.out, c.check.format)); err != nil {
		return asUsage("check", err)
	}
	if result.Level == check.OK || c.check.exitZero {
		return nil
	}
	return exitStatus(result.Level)
}

// checkOnce reads every target and compares coverage with the thresholds.
func (c *commandLine) checkOnce(ctx context.Context) (*app.Reading, *check.Result, error) {
	reading, err := c.readOnce(ctx)
	if err != nil {
		return nil, nil, err
	}
	in := check.Input{Status: reading.Status, Resources: reading.Resources, Exclusions: reading.Exclusions, Thresholds: c.check.thresholds}
	if !reading.Complete {
		in.Problems = append(in.Problems, fmt.Sprintf("not everything was read within %s", c.check.timeout))
	}
	return reading, check.New(in), nil
}

func (c *commandLine) writeTextfile(reading *app.Reading, level check.Level) error {
	if c.check.textfile == "" {
		return nil
	}
	return reading.WriteTextfile(c.check.textfile, int(level))
}

// readOnce checks the flags and reads every target.
func (c *commandLine) readOnce(ctx context.Context) (*app.Reading, error) {
	flags := &c.check
	switch t := flags.thresholds; {
	case !(0 <= t.Critical && t.Critical <= t.Warning && t.Warning <= 100): // also of NaN
		return nil, fmt.Errorf("--critical and --warning must be percentages, and --critical at most --warning, not %g and %g", t.Critical, t.Warning)
	case t.MaxUnhealthy < -1:
		return nil, fmt.Errorf("--max-unhealthy must be a number of resources or -1, not %d", t.MaxUnhealthy)
	case flags.timeout <= 0:
		return nil, fmt.Errorf("--timeout must be above 0, not %s", flags.timeout)
	case flags.demo && flags.configFile != "":
		return nil, errDemoConfiguration
	}
	if flags.textfile != "" && !strings.HasSuffix(flags.textfile, ".prom") {
		name := flags.textfile
		flags.textfile = "" // it may be a file of something else
		return nil, fmt.Errorf("--textfile must end in .prom, because node_exporter ignores other names, not %q", name)
	}
	o := app.ReadOptions{Timeout: flags.timeout, Logger: promslog.New(&c.logging)}
	if flags.demo {
		return demo.ReadOnce(ctx, o)
	}
	var err error
	if o.Config, err = c.loader(flags.configFile).Load(ctx); err != nil {
		return nil, err
	}
	return app.ReadOnce(ctx, o)
}
