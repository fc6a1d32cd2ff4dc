package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/check"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

var updateCheck = flag.Bool("update-check", false, "rewrite the outputs of check in testdata and in docs/check.md")

// checkedAccount serves an account with this many healthy and unhealthy clusters, and
// returns the environment of a process that reads it.
func checkedAccount(t *testing.T, healthy, unhealthy int, o simulator.Options) []string {
	t.Helper()
	keys := simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}
	account := &simulator.Account{ID: "111122223333", Keys: keys, Detectors: []*simulator.Detector{{Region: "us-east-1"}}}
	for i := range healthy + unhealthy {
		c := &simulator.Cluster{Region: "us-east-1", Name: fmt.Sprintf("cluster-%02d", i), ManagementType: "AUTO_MANAGED", UpdatedAt: time.Unix(1.7e9, 0)}
		if i >= healthy {
			c.Issues = []string{"Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:7'"}
		}
		account.Clusters = append(account.Clusters, c)
	}
	server := httptest.NewServer(simulator.New(&simulator.World{Accounts: []*simulator.Account{account}}, o))
	t.Cleanup(server.Close)
	return []string{
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey,
	}
}

// TestCheckExitCodes has each exit status, and what is printed first.
func TestCheckExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("refersh: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		healthy, unhealthy int
		args               string
		code               int
		stdout, stderr     string // how they begin
	}{
		"ok":               {20, 0, "", 0, "GUARDDUTY OK - 20/20 covered | covered=20;;;0;20 uncovered=0;;;0; worst=100.00%;95:;80:;0;100\n", ""},
		"warning":          {9, 1, "", 1, "GUARDDUTY WARNING - 9/10 covered, worst 90% in 111122223333/us-east-1 | ", ""},
		"critical":         {1, 1, "", 2, "GUARDDUTY CRITICAL - 1/2 covered, worst 50% in 111122223333/us-east-1 | ", ""},
		"lower thresholds": {1, 1, "--warning=50 --critical=50", 0, "GUARDDUTY OK - 1/2 covered", ""},
		"as many":          {99, 1, "--max-unhealthy=1", 0, "GUARDDUTY OK", ""},
		"too many":         {99, 1, "--max-unhealthy=0", 2, "GUARDDUTY CRITICAL", ""},
		"empty fleet":      {0, 0, "", 3, "GUARDDUTY UNKNOWN - 0/0 covered | covered=0;;;0;0 uncovered=0;;;0;\nUNKNOWN: GuardDuty lists no resources\n", ""},
		"exit zero":        {1, 1, "--exit-zero", 0, "GUARDDUTY CRITICAL", ""},
		"csv":              {1, 1, "-o csv", 2, "Account,Region,ResourceId,ResourceType,CoverageStatus,Issue,", ""},
		"json":             {1, 1, "--output=json", 2, "{\n  \"schema_version\": 1,\n", ""},
		"unknown flag":     {0, 0, "--nonsense --exit-zero", 3, "", "guardduty_coverage_exporter: unknown long flag '--nonsense'"},
		"percentages":      {0, 0, "--critical=96", 3, "", "--critical and --warning must be percentages, and --critical at most --warning, not 96 and 95\n"},
		"not a percentage": {0, 0, "--warning=NaN", 3, "", "--critical and --warning must be percentages"},
		"number":           {0, 0, "--max-unhealthy=-2", 3, "", "--max-unhealthy must be a number of resources or -1, not -2\n"},
		"no time":          {0, 0, "--timeout=0s", 3, "", "--timeout must be above 0, not 0s\n"},
		"format":           {0, 0, "-o yaml", 3, "", "guardduty_coverage_exporter: --output must be one of plugin, table, json, csv, junit and markdown, not \"yaml\""},
		"configuration":    {0, 0, "--config.file=" + bad, 3, "", bad + ":1: refersh: "},
		"two":              {0, 0, "--demo --config.file=" + bad, 3, "", "--demo has a configuration of its own"},
		"text file":        {0, 0, "--textfile=" + bad, 3, "", "--textfile must end in .prom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := process(t, append([]string{"check", "--log.level=error"}, strings.Fields(tc.args)...)...)
			cmd.Env = append(cmd.Env, checkedAccount(t, tc.healthy, tc.unhealthy, simulator.Options{})...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code is compared
			if got := cmd.ProcessState.ExitCode(); got != tc.code {
				t.Errorf("exit code %d, want %d", got, tc.code)
			}
			if !strings.HasPrefix(stdout.String(), tc.stdout) || !strings.HasPrefix(stderr.String(), tc.stderr) || (tc.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout %.300q, stderr %.300q", &stdout, &stderr)
			}
		})
	}
	if text, err := os.ReadFile(bad); err != nil || string(text) != "refersh: {}\n" {
		t.Errorf("the file that is no text file is now %q, %v", text, err)
	}
}

// TestCheckTimeout: what was not read in time is unknown.
func TestCheckTimeout(t *testing.T) {
	cmd := process(t, "check", "--timeout=300ms", "--log.level=error")
	cmd.Env = append(cmd.Env, checkedAccount(t, 1, 0, simulator.Options{Latency: time.Minute})...)
	out, _ := cmd.Output() // the exit code is compared
	const want = "UNKNOWN: not everything was read within 300ms\n"
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(out), want) ||
		!strings.Contains(string(out), "UNKNOWN: target default coverage us-east-1 has not been read in time\n") {
		t.Errorf("exit code %d, output %q", code, out)
	}
}

// TestCheckTextfile: the file has the domain's metrics alone, and never those of an
// earlier check.
func TestCheckTextfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardduty.prom")
	families := func(args string, environment []string) map[string]float64 {
		t.Helper()
		cmd := process(t, append([]string{"check", "--log.level=error", "--textfile=" + file}, strings.Fields(args)...)...)
		cmd.Env = append(cmd.Env, environment...)
		_ = cmd.Run() // the status is in the file
		text, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer text.Close()
		parser := expfmt.NewTextParser(model.LegacyValidation)
		parsed, err := parser.TextToMetricFamilies(text)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for name, f := range parsed {
			values[name] = f.GetMetric()[0].GetGauge().GetValue()
			if !strings.HasPrefix(name, "guardduty_") || len(f.GetHelp()) == 0 || f.GetMetric()[0].TimestampMs != nil {
				t.Errorf("%s: help %q", name, f.GetHelp())
			}
		}
		return values
	}
	begun := time.Now().Add(-time.Second)
	got := families("", checkedAccount(t, 1, 1, simulator.Options{}))
	if got["guardduty_coverage_percent"] != 50 || got["guardduty_target_up"] != 1 || got["guardduty_check_status"] != 2 ||
		got["guardduty_check_timestamp_seconds"] < float64(begun.Unix()) {
		t.Errorf("got %v", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v: node_exporter has another user", info, err)
	}
	denied := append(checkedAccount(t, 1, 1, simulator.Options{}), "AWS_SECRET_ACCESS_KEY=wrong")
	got = families("", denied)
	if _, old := got["guardduty_coverage_percent"]; old || got["guardduty_target_up"] != 0 || got["guardduty_check_status"] != 3 {
		t.Errorf("with wrong credentials %v", got)
	}
	got = families("--config.file=nowhere.yaml", nil)
	if _, old := got["guardduty_target_up"]; old || got["guardduty_check_status"] != 3 || len(got) != 2 {
		t.Errorf("without a configuration %v", got)
	}
}

// TestCheckTextfileWithoutReader: the file is written even if nobody reads standard
// output, which ends the process with SIGPIPE.
func TestCheckTextfileWithoutReader(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "guardduty.prom")
	cmd := process(t, "check", "--log.level=error", "--textfile="+file)
	cmd.Env = append(cmd.Env, checkedAccount(t, 1, 1, simulator.Options{})...)
	cmd.Stdout = writer
	if err := cmd.Run(); err == nil {
		t.Error("the result that nobody reads is a success")
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "\nguardduty_check_status 2\n") {
		t.Errorf("%v: %.100s", err, text)
	}
}

// TestCheckOutputs compares each format of the demo with a golden file.
func TestCheckOutputs(t *testing.T) {
	c := newCommandLine(streams{strings.NewReader(""), io.Discard, io.Discard})
	if _, err := c.parse([]string{"check", "--demo", "--log.level=error"}); err != nil {
		t.Fatal(err)
	}
	_, result, err := c.checkOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range check.Formats() {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			if err := result.Write(&out, format); err != nil {
				t.Fatal(err)
			}
			got := normalized(out.String())
			golden := filepath.Join("testdata", "check."+format)
			if *updateCheck {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// normalized returns an output with fixed times, days and ports.
func normalized(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(text, "2026-11-28T12:00:00Z")
	// The last days of exclusions.
	text = regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`).ReplaceAllStringFunc(text, func(day string) string {
		if last, err := time.Parse(time.DateOnly, day); err == nil && time.Until(last) > 30*24*time.Hour {
			return "2027-02-26"
		}
		return "2026-12-08"
	})
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:PORT")
}

// TestCheckInDocument compares the output in docs/check.md with the golden file.
func TestCheckInDocument(t *testing.T) {
	const file, command = "docs/check.md", "check --demo 2>/dev/null | head -n 5\n```\n\n```text\n"
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, shown := strings.Cut(string(document), command)
	want, rest, closed := strings.Cut(after, "```\n")
	if !shown || !closed {
		t.Fatalf("%s does not show the command and its output", file)
	}
	plugin, err := os.ReadFile(filepath.Join("testdata", "check.plugin"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.SplitAfterN(string(plugin), "\n", 6)[:5], "")
	if *updateCheck {
		if err := os.WriteFile(file, []byte(before+command+got+"```\n"+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-%s +output:\n%s", file, diff)
	}
}
