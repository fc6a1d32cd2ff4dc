package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/prometheus/common/promslog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/demo"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
)

// doctorFlags are the flags of the command doctor.
type doctorFlags struct {
	configFile string
	targets    []string
	demo, deep bool
	report     string
	format     string
}

// addDoctor adds the command doctor.
func (c *commandLine) addDoctor() {
	command := c.app.Command("doctor", "Check everything that a configuration depends on: clock, endpoints, credentials, permissions, organization, roles, queues. Exits with 0 if all is ok or there are only warnings, with 1 if something does not work, and with 2 after an error of the command line or configuration. Makes read-only requests, whose number it prints first.")
	flags := &c.doctor
	command.Flag("config.file", "Configuration file; - reads standard input. Without it, the account of the ambient AWS credentials is checked, in the Region of the environment.").StringVar(&flags.configFile)
	command.Flag("demo", "Check a simulated organization instead. Needs no AWS account and no configuration.").BoolVar(&flags.demo)
	command.Flag("target", "Only the target of this name; may be repeated. Queues are always checked.").StringsVar(&flags.targets)
	command.Flag("deep", "Also test what the exporter assumes about AWS, see docs/verification.md.").BoolVar(&flags.deep)
	command.Flag("report", "Write a report without names and IDs to this file, as JSON, to attach to an issue.").StringVar(&flags.report)
	command.Flag("output", "Output format: table, json or short (without names and IDs, to paste into an issue).").Short('o').
		Default(doctor.Formats()[0]).SetValue(outputFormat{&flags.format, doctor.Formats()})
}

// Exit statuses of the command doctor.
const (
	exitDefect exitStatus = 1 // something does not work
	exitUsage  exitStatus = 2 // an error of the command line or the configuration
)

// runDoctor prints whether everything that the configuration depends on works.
func (c *commandLine) runDoctor(ctx context.Context) error {
	result, err := c.examine(ctx)
	if err != nil {
		return asUsage("doctor", err)
	}
	if err := result.Write(c.std.out, c.doctor.format); err != nil {
		return asUsage("doctor", err)
	}
	if err := writeReport(c.doctor.report, result.Report()); err != nil {
		return asUsage("doctor", err)
	}
	if result.Failed() {
		return exitDefect
	}
	return nil
}

// writeReport writes a report to a file, "" for none.
func writeReport(file string, report *doctor.Report) error {
	if file == "" {
		return nil
	}
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		return err
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (c *commandLine) examine(ctx context.Context) (*doctor.Result, error) {
	o := app.DoctorOptions{
		Targets: c.doctor.targets, Deep: c.doctor.deep, Web: c.options.Web, Logger: promslog.New(&c.logging),
		Announce: func(requests int) {
			fmt.Fprintf(c.std.err, "doctor will make at most %d read-only requests to AWS, retries not included\n", requests)
		},
	}
	switch {
	case c.doctor.demo && c.doctor.configFile != "":
		return nil, errDemoConfiguration
	case c.doctor.demo:
		return demo.Doctor(ctx, o)
	}
	var err error
	if o.Config, err = c.loader(c.doctor.configFile).Load(ctx); err != nil {
		return nil, err
	}
	return app.Doctor(ctx, o)
}
