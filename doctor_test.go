package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	if diff := cmp.Diff(want, got); diff != "" {
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
