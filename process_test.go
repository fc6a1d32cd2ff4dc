package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asCommand makes the test binary run main, so that a test sees the process as
// a user does.
const asCommand = "GUARDDUTY_COVERAGE_EXPORTER_TEST_RUNS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("refersh: {}\ntargets: [{role_arn: x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"version":           {[]string{"--version"}, 0, name + ", version ", ""},
		"help":              {[]string{"--help"}, 0, "check-config", ""},
		"good file":         {[]string{"check-config", "config.example.yaml"}, 0, "config.example.yaml: 2 targets", ""},
		"bad file":          {[]string{"check-config", bad}, 1, "", bad + ":2: targets[0].role_arn"},
		"start on bad file": {[]string{"--config.file=" + bad}, 1, "", bad + ":1: refersh"},
		"unknown flag":      {[]string{"--nonsense"}, 1, "", "--nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := process(t, tc.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tc.code {
				t.Errorf("exit code %d, want %d", got, tc.code)
			}
			if !strings.Contains(stdout.String(), tc.stdout) || !strings.Contains(stderr.String(), tc.stderr) || tc.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
			}
		})
	}
}

// TestSIGTERM ends a demo that serves on two addresses and logs JSON.
func TestSIGTERM(t *testing.T) {
	cmd := process(t, "demo", "--log.format=json", "--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.Contains(lines.Text(), "metrics:") {
			addresses++
		}
		if strings.Contains(lines.Text(), "list-detectors") { // the last line of the guide
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, &stderr)
	}
	if addresses != 2 {
		t.Errorf("the guide names %d addresses, want 2", addresses)
	}
	for line := range strings.Lines(stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is not JSON: %s", line)
		}
	}
}
