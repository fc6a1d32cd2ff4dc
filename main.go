// Command guardduty_coverage_exporter exports the coverage of Amazon GuardDuty
// Runtime Monitoring to Prometheus, by account, Region and Amazon ECS cluster,
// and optionally by EC2 instance and EKS cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/demo"
)

const name = "guardduty_coverage_exporter"

// logTimeout is how long the exit may be delayed by a log that blocks.
const logTimeout = time.Second

// gcPercent trades CPU for memory: a refresh replaces most of the heap at once.
const gcPercent = 35

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	args := os.Args[1:]
	err := run(ctx, args, streams{os.Stdin, os.Stdout, os.Stderr})
	if status := exitStatus(0); errors.As(err, &status) {
		os.Exit(int(status))
	}
	if err != nil {
		stderr := app.NewLogWriter(os.Stderr)
		printError(stderr, args, err)
		stderr.Close(logTimeout)
		status := exitStatus(1)
		if usage := (*usageError)(nil); errors.As(err, &usage) {
			status = usage.status
		}
		os.Exit(int(status))
	}
}

// exitStatus is the error of a command that has printed its result and exits with
// this status.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is an error of the command line or the configuration of a command for
// which the exit status 1 means something else.
type usageError struct {
	err    error
	status exitStatus
}

func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *usageError) Unwrap() error { return e.err }

// streams are the standard streams of the process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes the command in args. It returns when the command is done or ctx
// is cancelled.
func run(ctx context.Context, args []string, std streams) error {
	c := newCommandLine(std)
	command, err := c.parse(args)
	if err != nil {
		return asUsage(command, fmt.Errorf("%s: %w; try --help", name, err))
	}
	switch command {
	case "demo":
		defer c.openLog().Close(logTimeout)
		return demo.Run(ctx, c.options, c.simulatorAddress, std.out)
	case "check-config":
		return c.checkConfig(ctx)
	case "iam-policy":
		return c.printPolicies(ctx)
	case "diagnose":
		return c.runDiagnose(ctx)
	case "check":
		return c.runCheck(ctx)
	case "doctor":
		return c.runDoctor(ctx)
	case "serve":
		defer c.openLog().Close(logTimeout)
		return c.serve(ctx)
	default: // --help-man
		return nil
	}
}

// openLog makes the logger of a command that serves. It writes to standard error
// without blocking, and a closed log does not end the process.
func (c *commandLine) openLog() *app.LogWriter {
	signal.Ignore(syscall.SIGPIPE)
	c.options.LogWriter = app.NewLogWriter(c.std.err)
	c.logging.Writer = c.options.LogWriter
	c.options.Logger = promslog.New(&c.logging)
	return c.options.LogWriter
}

// printError prints an error in the log format that the arguments choose.
func printError(stderr io.Writer, args []string, err error) {
	i := slices.Index(args, "--log.format")
	if slices.Contains(args, "--log.format=json") || i >= 0 && i+1 < len(args) && args[i+1] == "json" {
		slog.New(slog.NewJSONHandler(stderr, nil)).Error("exiting with an error", "err", err)
		return
	}
	fmt.Fprintln(stderr, err)
}
