package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
)

// standardInput is the file name that stands for standard input.
const standardInput = "-"

// commandLine is the commands and flags, and after parse their values.
type commandLine struct {
	std     streams
	app     *kingpin.Application
	logging promslog.Config
	options app.Options

	configFile         string
	simulatorAddress   string
	autoReload         bool
	autoReloadInterval time.Duration
	checkedFile        string
	syntaxOnly         bool
	strict             bool
	clusters           clusterCount
	policyFile         string
	principal          string
	explain            bool
	diagnose           diagnoseFlags
	doctor             doctorFlags
	check              checkFlags
}

// diagnoseFlags are the flags of the command diagnose.
type diagnoseFlags struct {
	configFile string
	demo       bool
	deep       bool
	selection  app.Selection
	format     string
}

func newCommandLine(std streams) *commandLine {
	c := &commandLine{std: std, logging: promslog.Config{Writer: std.err}}
	c.app = kingpin.New(name, "Exports Amazon GuardDuty Runtime Monitoring coverage to Prometheus. The default command is serve; 'serve --help' shows its options.")
	c.app.UsageWriter(std.out)
	if build, ok := debug.ReadBuildInfo(); ok && version.Version == "" {
		version.Version = build.Main.Version
	}
	c.app.Version(version.Print(name))
	c.app.HelpFlag.Short('h')
	promslogflag.AddFlags(c.app, &c.logging)
	c.options.Web = kingpinflag.AddFlags(c.app, ":10871")
	c.app.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").StringVar(&c.options.TelemetryPath)
	c.app.Flag("web.enable-lifecycle", "Enable reloading the configuration with POST /-/reload.").BoolVar(&c.options.Lifecycle)
	c.app.Flag("web.enable-pprof", "Enable profiling under /debug/pprof/.").BoolVar(&c.options.Profiling)

	serve := c.app.Command("serve", "Serve the metrics of AWS accounts.").Default()
	serve.Flag("config.file", "Configuration file. Without it, the account of the ambient AWS credentials is read, in the Region of the environment.").StringVar(&c.configFile)
	serve.Flag("config.enable-auto-reload", "Reload the configuration when the contents of its file, or of a file that it names, change.").BoolVar(&c.autoReload)
	serve.Flag("config.auto-reload-interval", "Time between two checks for a change.").Default("30s").SetValue((*interval)(&c.autoReloadInterval))
	demo := c.app.Command("demo", "Serve the metrics of a simulated organization. Needs no AWS account and no configuration.")
	demo.Flag("simulator.listen-address", "Loopback address of the simulated AWS.").Default("127.0.0.1:0").StringVar(&c.simulatorAddress)
	check := c.app.Command("check-config", "Check a configuration file, and that of --web.config.file if it is set.")
	check.Arg("file", "Configuration file; - reads standard input.").Required().StringVar(&c.checkedFile)
	check.Flag("clusters", "After the check, estimate the AWS API calls of a fleet with this many ECS clusters, and the cost of the event queues.").SetValue(&c.clusters)
	check.Flag("syntax-only", "Do not read the files that the configuration file names.").BoolVar(&c.syntaxOnly)
	check.Flag("strict", "Exit with 1 if there are warnings.").BoolVar(&c.strict)
	policy := c.app.Command("iam-policy", "Print the least-privilege IAM policies of a configuration as JSON.")
	policy.Flag("config.file", "Configuration file; - reads standard input. Without it, the defaults are used.").StringVar(&c.policyFile)
	policy.Flag("for", "Principal to print the policy of: exporter (its own identity), the ARN of a role, ecs (the role of ecs.role_arn) or the name of a target. Without it, all policies are printed, with the reasons on standard error.").StringVar(&c.principal)
	policy.Flag("explain", "Print why each action is needed, as a Markdown table, instead of the policy.").BoolVar(&c.explain)
	c.addDiagnose()
	c.addDoctor()
	c.addCheck()
	return c
}

// addDiagnose adds the command diagnose.
func (c *commandLine) addDiagnose() {
	command := c.app.Command("diagnose", "Read GuardDuty and Amazon ECS once and print why clusters are not covered, and what to do. Exits with 1 if something was found, and with 3 if not everything could be read.")
	flags := &c.diagnose
	command.Flag("config.file", "Configuration file; - reads standard input. Without it, the account of the ambient AWS credentials is read, in the Region of the environment.").StringVar(&flags.configFile)
	command.Flag("demo", "Diagnose a simulated organization instead. Needs no AWS account and no configuration.").BoolVar(&flags.demo)
	command.Flag("deep", "Where agents run and do not report, also read the VPC and the task execution role. Needs ec2:DescribeSubnets, ec2:DescribeVpcEndpoints, ec2:DescribeVpcAttribute, ec2:DescribeSecurityGroups and iam:GetRole, each of them optional.").BoolVar(&flags.deep)
	command.Flag("account", "Only clusters of this account ID; may be repeated.").StringsVar(&flags.selection.AccountIDs)
	command.Flag("region", "Only clusters in this Region; may be repeated.").StringsVar(&flags.selection.Regions)
	command.Flag("cluster", "Only clusters of this name; may be repeated.").StringsVar(&flags.selection.Clusters)
	command.Flag("output", "Output format: table, json, commands (a shell script of the fixes) or markdown.").Short('o').
		Default(diagnose.Formats()[0]).SetValue(outputFormat{&flags.format, diagnose.Formats()})
}

// parse parses the arguments and returns the name of the command, also with an
// error if it is known, or "" if it has printed the man page.
func (c *commandLine) parse(args []string) (string, error) {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == standardInput { // kingpin would make it empty
			args[i] = escapedStandardInput
		}
	}
	// Errors in the arguments are returned by Parse below.
	parsed, err := c.app.ParseContext(args)
	selected := ""
	if parsed != nil && parsed.SelectedCommand != nil {
		selected = parsed.SelectedCommand.FullCommand()
	}
	if err == nil {
		if slices.Contains(args, "--help-man") {
			return "", c.printManPage(parsed)
		}
		if err := checkValues(parsed); err != nil {
			return selected, err
		}
	}
	command, err := c.app.Parse(args)
	if err != nil {
		return selected, err
	}
	for _, file := range []*string{&c.checkedFile, &c.policyFile, &c.diagnose.configFile, &c.doctor.configFile, &c.check.configFile} {
		if *file == escapedStandardInput {
			*file = standardInput
		}
	}
	return command, nil
}

// escapedStandardInput replaces standardInput while kingpin parses. No file can
// have this name.
const escapedStandardInput = "\x00-"

// checkValues rejects empty values, and standard input for an option that does
// not support it.
func checkValues(parsed *kingpin.ParseContext) error {
	command := ""
	if parsed.SelectedCommand != nil {
		command = parsed.SelectedCommand.FullCommand()
	}
	for _, element := range parsed.Elements {
		var option string
		supported := false // standard input
		switch clause := element.Clause.(type) {
		case *kingpin.FlagClause:
			option = "--" + clause.Model().Name
			supported = slices.Contains([]string{"iam-policy", "diagnose", "doctor", "check"}, command) && option == "--config.file"
		case *kingpin.ArgClause:
			option = "argument <" + clause.Model().Name + ">"
			supported = command == "check-config"
		}
		if option == "" || element.Value == nil {
			continue
		}
		switch value := strings.TrimPrefix(*element.Value, "\x00"); {
		case value == "":
			return fmt.Errorf("%s must not be empty", option)
		case value == standardInput && !supported:
			return fmt.Errorf("%s cannot be read from standard input (-)", option)
		}
	}
	return nil
}

// printManPage prints the man page. kingpin's own has the whole version
// information in its header, which breaks it, and no description for whatis.
func (c *commandLine) printManPage(parsed *kingpin.ParseContext) error {
	page := strings.NewReplacer("{{.App.Version}}", strconv.Quote(version.Version),
		"\n{{.App.Name}}\n", "\n{{.App.Name}} \\- Prometheus exporter for Amazon GuardDuty Runtime Monitoring coverage\n").Replace(kingpin.ManPageTemplate)
	c.app.UsageWriter(c.std.out)
	return c.app.UsageForContextWithTemplate(parsed, 2, page)
}

// interval is the value of --config.auto-reload-interval.
type interval time.Duration

// Set parses the value of the flag.
func (i *interval) Set(text string) error {
	value, err := model.ParseDuration(text)
	if err != nil || time.Duration(value) < time.Second {
		return fmt.Errorf("--config.auto-reload-interval must be a duration of at least 1s, not %q", text)
	}
	*i = interval(value)
	return nil
}

// String returns the interval.
func (i *interval) String() string { return model.Duration(*i).String() }

// clusterCount is the value of --clusters, 0 if it is not set.
type clusterCount int

// Set parses the value of the flag.
func (n *clusterCount) Set(text string) error {
	value, err := strconv.ParseUint(text, 10, 31)
	if err != nil || value == 0 {
		return fmt.Errorf("--clusters must be a whole number above 0, not %q", text)
	}
	*n = clusterCount(value)
	return nil
}

// String returns the number.
func (n *clusterCount) String() string { return strconv.Itoa(int(*n)) }

// outputFormat is the value of --output.
type outputFormat struct {
	value   *string
	formats []string
}

// Set checks the value of the flag.
func (f outputFormat) Set(text string) error {
	if !slices.Contains(f.formats, text) {
		last := len(f.formats) - 1
		return fmt.Errorf("--output must be one of %s and %s, not %q", strings.Join(f.formats[:last], ", "), f.formats[last], text)
	}
	*f.value = text
	return nil
}

// String returns the format.
func (f outputFormat) String() string {
	if f.value == nil {
		return ""
	}
	return *f.value
}
