// Command guardduty_coverage_exporter exports the coverage of Amazon GuardDuty
// Runtime Monitoring to Prometheus, per account, Region and Amazon ECS cluster,
// with the EC2 instances behind the clusters and EKS clusters where asked.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/demo"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

const name = "guardduty_coverage_exporter"

// gcPercent collects garbage at a third as much of it as is usual. Most of the heap
// is what is known of the fleet, which a refresh replaces at once.
const gcPercent = 35

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run carries out the command that the arguments name. It returns when the
// command is done or ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cli := kingpin.New(name, "Exports Amazon GuardDuty Runtime Monitoring coverage to Prometheus.")
	cli.UsageWriter(stdout)
	if build, ok := debug.ReadBuildInfo(); ok && version.Version == "" {
		version.Version = build.Main.Version
	}
	cli.Version(version.Print(name))
	cli.HelpFlag.Short('h')
	logging := promslog.Config{Writer: stderr}
	promslogflag.AddFlags(cli, &logging)
	options := app.Options{Web: kingpinflag.AddFlags(cli, ":10871")}
	cli.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").StringVar(&options.TelemetryPath)
	cli.Flag("web.enable-lifecycle", "Answer POST /-/reload by reloading the configuration.").BoolVar(&options.Lifecycle)
	cli.Flag("web.enable-pprof", "Serve profiles of the process under /debug/pprof/.").BoolVar(&options.Profiling)

	serve := cli.Command("serve", "Serve the metrics of AWS accounts.").Default()
	configFile := serve.Flag("config.file", "Path of the configuration file; without one, the ambient credentials' own account and Region are asked.").String()
	demoCommand := cli.Command("demo", "Serve the metrics of a simulated organization; needs neither AWS nor a configuration.")
	simulatorAddress := demoCommand.Flag("simulator.listen-address", "Loopback address on which the simulator listens.").Default("127.0.0.1:0").String()
	check := cli.Command("check-config", "Check a configuration file.")
	checkedFile := check.Arg("file", "Path of the configuration file.").Required().String()
	clusters := check.Flag("clusters", "Also print how many calls of AWS the configuration makes for so many ECS clusters, and what they cost.").Uint32()
	policy := cli.Command("iam-policy", "Print the least IAM policy that a configuration needs, as JSON.")
	policyFile := policy.Flag("config.file", "Path of the configuration file; without one, the policy is for the defaults.").String()
	principal := policy.Flag("for", "Whose policy: exporter (its own identity), a role's ARN or a target's name. Without it, those of all, and the reasons on standard error.").String()
	explain := policy.Flag("explain", "Print why each action is needed instead, as a Markdown table.").Bool()

	command, err := cli.Parse(args)
	if err != nil {
		return fmt.Errorf("%s: %w; try --help", name, err)
	}
	options.Logger = promslog.New(&logging)
	switch command {
	case demoCommand.FullCommand():
		return demo.Run(ctx, options, *simulatorAddress, stdout)
	case check.FullCommand():
		summary, err := app.CheckConfig(*checkedFile, int(*clusters))
		fmt.Fprint(stdout, summary)
		return err
	case policy.FullCommand():
		return printPolicy(stdout, stderr, *policyFile, *principal, *explain)
	default:
		options.Load = func() (*config.Config, error) { return config.Load(*configFile) }
		return app.Run(ctx, options)
	}
}

// printPolicy writes the policy of a principal, or why it is what it is. With
// no principal it writes those of all, and the reasons to stderr.
func printPolicy(stdout, stderr io.Writer, file, principal string, explain bool) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	principals := []string{principal}
	if principal == "" {
		principals = iampolicy.Principals(cfg)
	} else {
		stderr = io.Discard
	}
	for _, p := range principals {
		policy, err := iampolicy.For(cfg, p)
		if err != nil {
			return fmt.Errorf("iam-policy --for: %w", err)
		}
		if explain {
			fmt.Fprint(stdout, policy.Explain())
			continue
		}
		fmt.Fprintf(stderr, "# %s\n%s", p, policy.Explain())
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		if err := out.Encode(policy); err != nil {
			return err
		}
	}
	return nil
}
