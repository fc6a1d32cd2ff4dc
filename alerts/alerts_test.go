// Package alerts checks the Prometheus rules, their tests, the runbook and the
// example configuration of Alertmanager against each other and against the metrics.
package alerts

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

const (
	ruleFiles    = "*.rules.yaml"
	testFiles    = "*.rules_test.yaml"
	routingFile  = "alertmanager.example.yaml"
	templateFile = "guardduty-coverage.tmpl"
	runbookFile  = "../docs/alerts.md"
)

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readRules returns the recording rules and the alerts in their order.
func readRules(t *testing.T) (records, alerts []rule) {
	t.Helper()
	for _, name := range fileNames(t, ruleFiles) {
		var file struct {
			Groups []struct {
				Name  string `yaml:"name"`
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		decode(t, name, &file)
		for _, group := range file.Groups {
			for _, r := range group.Rules {
				if r.Alert != "" {
					alerts = append(alerts, r)
				} else {
					records = append(records, r)
				}
			}
		}
	}
	if len(records) == 0 || len(alerts) == 0 {
		t.Fatalf("%s: %d records and %d alerts", ruleFiles, len(records), len(alerts))
	}
	return records, alerts
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, name)))
	decoder.KnownFields(strings.HasSuffix(name, ".rules.yaml"))
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("decode %s: %v", name, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestAlertsAreComplete(t *testing.T) {
	_, alerts := readRules(t)
	name := regexp.MustCompile(`^GuardDutyCoverage[A-Z][A-Za-z]+$`)
	seen := map[string]bool{}
	for _, a := range alerts {
		if !name.MatchString(a.Alert) || seen[a.Alert] {
			t.Errorf("%s: want a unique name that starts with GuardDutyCoverage", a.Alert)
		}
		seen[a.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s: severity is %q", a.Alert, a.Labels["severity"])
		}
	}
}

func TestRecordsAreNamedByLevelMetricOperation(t *testing.T) {
	records, _ := readRules(t)
	name := regexp.MustCompile(`^[a-z_]+:guardduty_[a-z0-9_]+:[a-z0-9_]+$`)
	for _, r := range records {
		if !name.MatchString(r.Record) {
			t.Errorf("record %s: want level:metric:operation", r.Record)
		}
	}
}

// TestRunbook: each alert has a section and a row in the table, and each section
// has an alert.
func TestRunbook(t *testing.T) {
	_, alerts := readRules(t)
	preamble, sections := splitRunbook(string(read(t, runbookFile)))
	for _, a := range alerts {
		section, ok := sections[a.Alert]
		if !ok {
			t.Errorf("%s has no section %s", runbookFile, a.Alert)
			continue
		}
		delete(sections, a.Alert)
		var headings []string
		for _, match := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(section, -1) {
			headings = append(headings, match[1])
		}
		if want := []string{"Meaning", "Impact", "Diagnosis", "Mitigation"}; !slices.Equal(headings, want) {
			t.Errorf("%s, section %s: headings are %q, want %q", runbookFile, a.Alert, headings, want)
		}
		wait := a.For
		if wait == "" {
			wait = "at once"
		}
		row := "| [" + a.Alert + "](#" + strings.ToLower(a.Alert) + ") | " + a.Labels["severity"] + " | " + wait + " |"
		if !strings.Contains(preamble, "\n"+row) {
			t.Errorf("%s: the table has no row that starts with %s", runbookFile, row)
		}
	}
	for name := range sections {
		if strings.HasPrefix(name, "GuardDutyCoverage") {
			t.Errorf("%s: unknown alert %s", runbookFile, name)
		}
	}
}

// splitRunbook returns the text before the first section, and the sections by heading.
func splitRunbook(text string) (preamble string, sections map[string]string) {
	preamble, rest, _ := strings.Cut(text, "\n## ")
	sections = map[string]string{}
	for section := range strings.SplitSeq(rest, "\n## ") {
		heading, body, _ := strings.Cut(section, "\n")
		sections[heading] = body
	}
	return preamble, sections
}

// TestEveryAlertIsTested: each alert has a test in which it fires and one in which it does not.
func TestEveryAlertIsTested(t *testing.T) {
	_, alerts := readRules(t)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, name := range fileNames(t, testFiles) {
		var file struct {
			Tests []struct {
				Alerts []struct {
					Name     string      `yaml:"alertname"`
					Expected []yaml.Node `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		decode(t, name, &file)
		for _, test := range file.Tests {
			for _, a := range test.Alerts {
				if len(a.Expected) > 0 {
					fires[a.Name] = true
				} else {
					quiet[a.Name] = true
				}
			}
		}
	}
	for _, a := range alerts {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: tested to fire: %t, not to fire: %t", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
		delete(fires, a.Alert)
		delete(quiet, a.Alert)
	}
	for name := range maps.Keys(quiet) {
		t.Errorf("a test names the unknown alert %s", name) // promtool would accept it as not firing
	}
}

func fileNames(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return names
}

// TestMetricsExist: every metric in a rule, an annotation or the runbook is
// exported or recorded.
func TestMetricsExist(t *testing.T) {
	records, alerts := readRules(t)
	known := exported()
	for _, r := range records {
		known[r.Record] = true
	}
	metric := regexp.MustCompile(`\b(?:[a-z_]+:)?guardduty_(?:coverage_(?:percent|resources|statistics|transitions)|ecs|ec2|eks|detector|member|account|target|event|exporter)[a-z0-9_]*(?::[a-z0-9_]+)?`)
	check := func(where, text string) {
		for _, name := range metric.FindAllString(text, -1) {
			if !known[name] {
				t.Errorf("%s: unknown metric %s", where, name)
			}
		}
	}
	for _, r := range slices.Concat(records, alerts) {
		check(r.Record+r.Alert, r.Expr)
		for key, text := range r.Annotations {
			check(r.Alert+", "+key, text)
		}
	}
	check(runbookFile, string(read(t, runbookFile)))
}

// exported returns the names of all metrics of the exporter.
func exported() map[string]bool {
	names := map[string]bool{}
	for _, family := range collector.Families() {
		names[family.Name] = true
	}
	registry, descs := prometheus.NewRegistry(), make(chan *prometheus.Desc)
	app.NewSelfMetrics(registry, nil)
	go func() {
		defer close(descs)
		registry.Describe(descs)
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for desc := range descs {
		match := name.FindStringSubmatch(desc.String())
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
			names[match[1]+suffix] = true
		}
	}
	return names
}

// TestNamesOfCauses: causes and issue types that rules, routing and
// dashboards name exist.
func TestNamesOfCauses(t *testing.T) {
	known := map[string][]string{}
	for _, c := range diagnosis.Causes() {
		known["cause"] = append(known["cause"], string(c.Cause))
	}
	for _, issueType := range coverage.IssueTypes() {
		known["issue_type"] = append(known["issue_type"], string(issueType))
	}
	selector := regexp.MustCompile(`\b(cause|issue_type)[!=]~?\\?"([a-z_|]+)"`)
	for _, name := range slices.Concat(fileNames(t, ruleFiles), fileNames(t, "../dashboards/*.json"), []string{routingFile}) {
		for _, match := range selector.FindAllStringSubmatch(string(read(t, name)), -1) {
			for value := range strings.SplitSeq(match[2], "|") {
				if !slices.Contains(known[match[1]], value) {
					t.Errorf("%s: unknown %s %s", name, match[1], value)
				}
			}
		}
	}
}

// TestRulesAreLinted does not evaluate the rules, which .ci/run and make rules do.
func TestRulesAreLinted(t *testing.T) {
	rules := fileNames(t, ruleFiles)
	for _, name := range rules {
		read(t, name) // so that go test does not take a result from its cache when the file has changed
	}
	if out := run(t, append([]string{"promtool", "check", "rules", "--lint-fatal"}, rules...)...); strings.Contains(out, "warn") {
		t.Error(out)
	}
}

func TestRouting(t *testing.T) {
	read(t, routingFile) // as above
	run(t, "amtool", "check-config", routingFile)
	for _, test := range []struct{ labels, receiver string }{
		{"alertname=GuardDutyCoverageDropped severity=critical account_id=222233334444 region=eu-west-1", "pager-payments"},
		{"alertname=GuardDutyCoverageDropped severity=critical account_id=333344445555 region=eu-west-1", "pager"},
		{"alertname=GuardDutyCoverageNoDetector severity=critical account_id=222233334444 region=eu-west-1", "pager"},
		{"alertname=GuardDutyCoverageExporterAbsent severity=critical", "pager"},
		{"alertname=GuardDutyCoverageClusterUnhealthy severity=warning account_id=222233334444 region=eu-west-1 cluster_name=orders", "tickets-payments"},
		{"alertname=GuardDutyCoverageClusterUnhealthy severity=warning account_id=333344445555 region=eu-west-1 cluster_name=web", "tickets"},
		{"alertname=GuardDutyCoverageSharedIssueType severity=warning issue_type=vpc_endpoint", "tickets"},
		{"alertname=GuardDutyCoverageStatisticsDisagree severity=info region=eu-west-1 resource_type=ECS", "digest"},
		{"alertname=GuardDutyCoverageInstanceUnhealthy severity=warning account_id=222233334444 region=eu-west-1 resource_type=EC2", "tickets-payments"},
		{"alertname=GuardDutyCoverageRuntimeMonitoringOff severity=critical account_id=222233334444 region=eu-west-1", "pager"},
		{"alertname=GuardDutyCoverageMemberLeft severity=warning account_id=222233334444 region=eu-west-1", "tickets"},
		{"alertname=GuardDutyCoverageMemberNotReporting severity=info account_id=222233334444 region=eu-west-1", "digest"},
		{"alertname=GuardDutyCoverageServiceUncovered severity=warning account_id=222233334444 region=eu-west-1 cluster_name=orders service_name=api", "tickets-payments"},
		{"alertname=GuardDutyCoverageClusterNotListed severity=warning account_id=333344445555 region=eu-west-1 cluster_name=web", "tickets"},
		{"alertname=GuardDutyCoverageECSUnreadable severity=info target=organization account_id=222233334444 region=eu-west-1", "digest"},
		{"alertname=GuardDutyCoverageEventQueueDown severity=warning queue=https://sqs.eu-west-1.amazonaws.com/111122223333/events", "tickets"},
		{"alertname=GuardDutyCoverageEventsMalformed severity=info", "digest"},
	} {
		t.Run(test.receiver, func(t *testing.T) {
			args := []string{"amtool", "config", "routes", "test", "--config.file=" + routingFile, "--verify.receivers=" + test.receiver}
			run(t, append(args, strings.Fields(test.labels)...)...)
		})
	}
}

// find returns the path of the first of the programs that is installed. Without
// any the test is skipped, and with CI=true it fails.
func find(t *testing.T, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	const missing = "%s is not in the PATH; Debian has it in its packages prometheus and prometheus-alertmanager"
	if os.Getenv("CI") == "true" {
		t.Fatalf(missing, programs[0])
	}
	t.Skipf(missing, programs[0])
	return ""
}

// run runs a command, which must succeed, and returns its output.
func run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), find(t, command[0]), command[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

// TestRunbookListsFiles: the runbook links every file that is to be installed.
func TestRunbookListsFiles(t *testing.T) {
	runbook, err := os.ReadFile(runbookFile)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(ruleFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, routingFile, templateFile) {
		if !strings.Contains(string(runbook), "| [`alerts/"+file+"`](../alerts/"+file+") |") {
			t.Errorf("%s does not list %s", runbookFile, file)
		}
	}
}
