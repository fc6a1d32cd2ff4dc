package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
)

var updateDoctor = flag.Bool("update-doctor", false, "rewrite the output of doctor in docs/doctor.md")

// TestDoctorInDocument compares the output in docs/doctor.md with that of the command.
func TestDoctorInDocument(t *testing.T) {
	const file, command = "docs/doctor.md", "doctor --demo"
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(document), "guardduty_coverage_exporter "+command+" 2>/dev/null\n```\n")
	text, after, shown := strings.Cut(after, "```text\n")
	want, rest, closed := strings.Cut(after, "```\n")
	if !ok || !shown || !closed {
		t.Fatalf("%s does not show the command and its output", file)
	}
	got := doctorOutput(t, command, exitDefect)
	if *updateDoctor {
		all := before + "guardduty_coverage_exporter " + command + " 2>/dev/null\n```\n" + text + "```text\n" + got + "```\n" + rest
		if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	requests := regexp.MustCompile(`\d+ requests`) // retries are counted
	if diff := cmp.Diff(requests.ReplaceAllString(want, ""), requests.ReplaceAllString(got, "")); diff != "" {
		t.Errorf("-%s +output:\n%s", file, diff)
	}
}

// doctorOutput returns the output of a command with fixed times and ports.
func doctorOutput(t *testing.T, command string, status error) string {
	t.Helper()
	var out, log bytes.Buffer
	err := run(t.Context(), strings.Fields(command), streams{strings.NewReader(""), &out, &log})
	if !errors.Is(err, status) {
		t.Fatalf("%s: %v\n%s", command, err, log.String())
	}
	if !strings.Contains(log.String(), "read-only requests to AWS") {
		t.Errorf("the number of requests was not printed first:\n%s", log.String())
	}
	text := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(out.String(), "2026-11-28T12:00:00Z")
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:PORT")
}

// TestDoctorIsOK checks the statuses that the demo as a whole does not have.
func TestDoctorIsOK(t *testing.T) {
	out := doctorOutput(t, "doctor --demo --target=organization -o short", nil)
	if !strings.Contains(out, "warning organization/members members_not_enabled (3 times)\n") || strings.Contains(out, "error") {
		t.Errorf("got\n%s", out)
	}
}

// TestDoctorWidth: the table fits into a terminal, apart from JSON to copy.
func TestDoctorWidth(t *testing.T) {
	for line := range strings.Lines(doctorOutput(t, "doctor --demo --deep", exitDefect)) {
		if line = strings.TrimSuffix(line, "\n"); len(line) > 96 && !strings.HasPrefix(strings.TrimSpace(line), "{") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// TestDoctorReportFile: the report of the demo names none of its accounts.
func TestDoctorReportFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	doctorOutput(t, "doctor --demo --deep --target=organization -o json --report="+file, nil)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report doctor.Report
	if err := json.Unmarshal(text, &report); err != nil || !report.Simulated || len(report.Assumptions) != len(doctor.Assumptions()) {
		t.Errorf("%v:\n%s", err, text)
	}
	if found := regexp.MustCompile(`\d{12}|us-east-1|target organization|arn:aws|storefront`).FindString(string(text)); found != "" {
		t.Errorf("the report has %q:\n%s", found, text)
	}
}

// TestDoctorProxy runs the command with a proxy that refuses connections. Its
// password is not printed.
func TestDoctorProxy(t *testing.T) {
	cmd := process(t, "doctor", "-o", "json")
	cmd.Env = append(cmd.Env,
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_CONFIG_FILE=/dev/null",
		"HTTPS_PROXY=http://user:p4ssw0rd@127.0.0.1:1", "https_proxy=", "NO_PROXY=", "no_proxy=")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	var r doctor.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	proxied := 0
	for _, c := range r.Checks {
		if c.Category == doctor.Endpoints && c.Code == "proxy" && strings.Contains(c.Message, "127.0.0.1:1") {
			proxied++
		}
	}
	if proxied != 2 || strings.Contains(string(out)+string(exit.Stderr), "p4ssw0rd") {
		t.Errorf("%d endpoints behind the proxy:\n%s\n%s", proxied, out, exit.Stderr)
	}
}

func TestDoctorErrors(t *testing.T) {
	for arguments, want := range map[string]string{
		"doctor --demo --config.file=config.example.yaml": "--demo has a configuration of its own",
		"doctor --demo --target=nowhere":                  `no target "nowhere"; the targets are organization, standalone`,
		"doctor --config.file=nowhere.yaml":               "nowhere.yaml: no such file",
		"doctor --output=yaml":                            "--output must be one of table, json and short",
		"doctor --nonsense":                               "--nonsense",
		"doctor --report=":                                "--report must not be empty",
	} {
		err := run(t.Context(), strings.Fields(arguments), streams{strings.NewReader(""), io.Discard, io.Discard})
		var usage *usageError
		if !errors.As(err, &usage) || usage.status != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want status 2 and %s", arguments, err, want)
		}
	}
}
