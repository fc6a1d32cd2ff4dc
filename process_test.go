package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asCommand is an environment variable that makes the test binary run main.
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
		"version":            {[]string{"--version"}, 0, name + ", version ", ""},
		"help":               {[]string{"--help"}, 0, "check-config", ""},
		"good file":          {[]string{"check-config", "config.example.yaml"}, 0, "config.example.yaml: 2 targets", ""},
		"bad file":           {[]string{"check-config", bad}, 1, "", bad + ":2: targets[0].role_arn"},
		"start on bad file":  {[]string{"--config.file=" + bad}, 1, "", bad + ":1: refersh"},
		"diagnose":           {[]string{"diagnose", "--demo", "--log.level=error", "--account=333344445555", "-o", "commands"}, 3, "aws ecs update-service --force-new-deployment", ""},
		"doctor, all ok":     {[]string{"doctor", "--demo", "--target=organization"}, 0, "58 checks: ", "read-only requests to AWS"},
		"doctor, a defect":   {[]string{"doctor", "--demo", "-o", "short"}, 1, "error target/ListDetectors no_detector", "read-only requests to AWS"},
		"doctor, bad file":   {[]string{"doctor", "--config.file=" + bad}, 2, "", bad + ":1: refersh"},
		"doctor, bad flag":   {[]string{"doctor", "--output=csv"}, 2, "", "--output must be one of table, json and short"},
		"check, help":        {[]string{"check", "--help"}, 0, "compare coverage with thresholds. Exits with 0 if all\nis OK, 1 for a warning, 2 if critical, and 3 if unknown:", ""},
		"unknown flag":       {[]string{"--nonsense"}, 1, "", "--nonsense"},
		"JSON":               {[]string{"--log.format=json", "--config.file=" + bad}, 1, "", `"err":"` + bad + `:1: refersh`},
		"JSON, unknown flag": {[]string{"--nonsense", "--log.format=json"}, 1, "", `{"time":`},
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

// TestNoArguments starts the exporter as a container without arguments does.
func TestNoArguments(t *testing.T) {
	var stderr bytes.Buffer
	cmd := process(t)
	cmd.Env = append(cmd.Env, "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_PROFILE=", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want the exit code 1", err)
	}
	const want = `target "default": no Region: set regions in the configuration, or AWS_REGION in the environment; ` +
		"or name a configuration file with --config.file; to see a demo without AWS, run " + name + " demo\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Error(diff)
	}
}

// TestOutputReaderCloses closes standard output, as head does.
func TestOutputReaderCloses(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	var stderr bytes.Buffer
	cmd := process(t, "--help")
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Run(); err == nil || err.Error() != "signal: broken pipe" {
		t.Errorf("got %v, want a broken pipe", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error: %s", &stderr)
	}
}

// TestSIGTERM stops a demo that listens on two addresses and logs JSON.
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
		if strings.Contains(lines.Text(), "list-detectors") { // the last line that the demo prints
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
		t.Errorf("the demo prints %d addresses, want 2", addresses)
	}
	for line := range strings.Lines(stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line is not JSON: %s", line)
		}
	}
}

// TestDemoInReadme compares what README.md shows of the demo's metrics with them.
func TestDemoInReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("curl -s localhost:10871/metrics \\| grep -E '(.*)' \\| grep -E '(.*)'\n```\n\n```text\n((?s).*?)```\n").FindStringSubmatch(string(readme))
	if shown == nil {
		t.Fatal("README.md does not show the metrics")
	}
	first, second := regexp.MustCompile(shown[1]), regexp.MustCompile(shown[2])
	cmd := process(t, "demo", "--web.listen-address=127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	url := ""
	for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "metrics:    ")
	}
	times := regexp.MustCompile(`1\.[0-9]+e\+09`)
	want, diff := times.ReplaceAllString(shown[3], "TIME"), "not read"
	for deadline := time.Now().Add(9 * time.Second); diff != "" && time.Now().Before(deadline); { // the demo changes after 10 s
		var got strings.Builder
		for line := range strings.Lines(scrape(t, url)) {
			if !strings.HasPrefix(line, "#") && first.MatchString(line) && second.MatchString(line) {
				got.WriteString(times.ReplaceAllString(line, "TIME"))
			}
		}
		if diff = cmp.Diff(want, got.String()); diff != "" {
			<-time.After(50 * time.Millisecond) // until the next poll
		}
	}
	if diff != "" {
		t.Errorf("-README +demo:\n%s", diff)
	}
}

// scrape returns a page, "" while there is none.
func scrape(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestConfigurationFileThatBlocks reads a FIFO without data, which blocks like a
// network file system without a server.
func TestConfigurationFileThatBlocks(t *testing.T) {
	for name, args := range map[string][]string{
		"check-config": {"check-config"},
		"iam-policy":   {"iam-policy", "--config.file"},
		"start":        {"--web.listen-address=127.0.0.1:0", "--config.file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "config.yaml")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := process(t, append(args, fifo)...)
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when the process opens the file
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			stopped := time.Now()
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if took := time.Since(stopped); took > 5*time.Second {
				t.Errorf("ended %v after SIGTERM", took)
			}
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "read configuration "+fifo+": ") {
				t.Errorf("got %v and %q", err, &stderr)
			}
		})
	}
}

// TestSharedFileThatBlocks has a FIFO without data as the SDK's configuration, at
// the start and at a reload.
func TestSharedFileThatBlocks(t *testing.T) {
	t.Parallel()
	blocks := func(name string) {
		writer, err := os.OpenFile(name, os.O_WRONLY, 0) // returns when the process opens the file
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { writer.Close() })
	}
	ends := func(cmd *exec.Cmd, wait func() error) error {
		stopped := time.Now()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err := wait()
		if took := time.Since(stopped); took > 5*time.Second {
			t.Errorf("ended %v after SIGTERM", took)
		}
		return err
	}

	fifo := filepath.Join(t.TempDir(), "config")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := process(t, "--web.listen-address=127.0.0.1:0")
	cmd.Env, cmd.Stderr = append(cmd.Env, "AWS_CONFIG_FILE="+fifo), &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	blocks(fifo)
	if err := ends(cmd, cmd.Wait); err == nil || !strings.Contains(stderr.String(), "read the AWS configuration: ") {
		t.Errorf("got %v and %q", err, &stderr)
	}

	file, shared := filepath.Join(t.TempDir(), "coverage.yaml"), filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("targets: [{}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = process(t, "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	cmd.Env = append(cmd.Env, "AWS_CONFIG_FILE="+shared, "AWS_SHARED_CREDENTIALS_FILE="+shared, "AWS_ENDPOINT_URL=http://127.0.0.1:1",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, listening := bufio.NewScanner(log), false
	for !listening && lines.Scan() {
		listening = strings.Contains(lines.Text(), "msg=listening")
	}
	if err := syscall.Mkfifo(shared, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	blocks(shared)
	if err := ends(cmd, cmd.Wait); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
