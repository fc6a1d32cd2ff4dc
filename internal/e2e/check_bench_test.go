package e2e

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// BenchmarkCheck reports the time and the peak memory of the command check with
// 50,000 clusters, of which 5 % are unhealthy, at 100 requests per second. It fails
// above maxCheckTime and maxCheckMemory.
func BenchmarkCheck(b *testing.B) {
	const clusters, maxCheckTime, maxCheckMemory = 50_000, 30.0, 100.0 // seconds, MB
	account := &simulator.Account{
		ID: "111122223333", Keys: simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"},
		Detectors: []*simulator.Detector{{Region: "us-east-1"}},
	}
	for i := range clusters {
		c := &simulator.Cluster{
			Region: "us-east-1", Name: fmt.Sprintf("production-%06d", i), ManagementType: "AUTO_MANAGED", Covered: 4, Compatible: 4, UpdatedAt: time.Unix(1.7e9, 0),
		}
		if i%20 == 0 {
			c.Issues = []string{fmt.Sprintf("Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'service-%d:7'", i)}
		}
		account.Clusters = append(account.Clusters, c)
	}
	server := httptest.NewServer(simulator.New(&simulator.World{Accounts: []*simulator.Account{account}}, simulator.Options{}))
	b.Cleanup(server.Close)
	config := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("refresh: {interval: 5m, timeout: 1m}\naws: {requests_per_second: 100}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	path := buildStripped(b)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), path, "check", "--config.file="+config, "--log.level=error", "--warning=95", "--output=table")
		cmd.Env, cmd.Stderr = environment(server.URL), os.Stderr
		begun := time.Now()
		out, err := cmd.Output()
		if err != nil || !bytes.Contains(out, []byte("47500/50000  95%")) {
			b.Fatalf("%v: %.500s", err, out)
		}
		seconds := time.Since(begun).Seconds()
		b.ReportMetric(seconds, "s")
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			b.Fatal("no resource usage")
		}
		memory := float64(usage.Maxrss) * 1024 / megabyte
		b.ReportMetric(memory, "MB-peak")
		if seconds > maxCheckTime || memory > maxCheckMemory {
			b.Errorf("%.1f s and %.0f MB, more than %g s or %g MB", seconds, memory, maxCheckTime, maxCheckMemory)
		}
	}
}
