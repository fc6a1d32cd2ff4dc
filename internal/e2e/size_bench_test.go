package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const megabyte = 1e6

// BenchmarkBinary reports the size of the stripped binary.
func BenchmarkBinary(b *testing.B) {
	path := buildStripped(b)
	for b.Loop() {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/megabyte, "MB")
	}
}

// BenchmarkStartToListening reports the time from the start of the process to the
// first accepted connection.
func BenchmarkStartToListening(b *testing.B) {
	path, endpoint := buildStripped(b), newFleet(100).serve(b)
	for b.Loop() {
		address := freeAddress(b)
		begun := time.Now()
		stop := run(b, environment(endpoint), path, "--web.listen-address="+address, "--log.level=error")
		for {
			conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", address)
			if err == nil {
				b.ReportMetric(float64(time.Since(begun).Microseconds())/1000, "ms-to-listening")
				conn.Close()
				break
			}
			if time.Since(begun) > 10*time.Second {
				b.Fatal(err)
			}
		}
		stop()
	}
}

// BenchmarkResidentDemo reports the peak memory of the demo.
func BenchmarkResidentDemo(b *testing.B) {
	path := buildStripped(b)
	for b.Loop() {
		address := freeAddress(b)
		cmd := exec.CommandContext(b.Context(), path, "demo", "--web.listen-address="+address, "--log.level=error")
		b.ReportMetric(watch(b, cmd, address, 15*time.Second, func([]byte) bool { return true }), "MB-resident")
	}
}

// BenchmarkResident reports the peak memory of the process while it refreshes a
// fleet with 8 series per cluster three times and is scraped every second.
func BenchmarkResident(b *testing.B) {
	path := buildStripped(b)
	for _, clusters := range []int{50_000, 500_000} {
		b.Run(fmt.Sprint(clusters), func(b *testing.B) {
			f := newFleet(clusters)
			endpoint := f.serve(b)
			config := filepath.Join(b.TempDir(), "config.yaml")
			text := "refresh: {interval: 1m, timeout: 50s, max_staleness: 1h}\naws: {requests_per_second: 1000}\ntargets: [{regions: [us-east-1]}]\n"
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				address := freeAddress(b)
				cmd := exec.CommandContext(b.Context(), path, "--web.listen-address="+address, "--config.file="+config, "--log.level=error")
				cmd.Env = environment(endpoint)
				f.counted.Store(0)
				shown := regexp.MustCompile(`(?m)^guardduty_coverage_resources\{.*coverage_status="UNHEALTHY".*\} (\S+)$`)
				peak := watch(b, cmd, address, 3*time.Minute+10*time.Second, func(page []byte) bool {
					m := shown.FindSubmatch(page)
					series := bytes.Count(page, []byte("\nguardduty_ecs_cluster_"))
					return len(m) > 1 && string(m[1]) == "100" && series == 9*clusters
				})
				if n := f.counted.Load(); n < 6 {
					b.Fatalf("%d statistics, want the six of three refreshes", n)
				}
				b.ReportMetric(peak, "MB-peak")
				b.ReportMetric(peak*megabyte/float64(clusters), "B/cluster")
			}
		})
	}
}

// watch runs the exporter for d, scrapes it every second, and returns its peak
// memory in megabytes. complete checks the last page.
func watch(b *testing.B, cmd *exec.Cmd, address string, d time.Duration, complete func(page []byte) bool) float64 {
	b.Helper()
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it is stopped by a signal
	}()
	var page []byte
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for begun := time.Now(); time.Since(begun) < d; <-ticker.C {
		page = scrape(b.Context(), address)
	}
	if !complete(page) {
		b.Fatalf("the last page is not complete: %.2000s", page)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	kilobytes, err := strconv.ParseFloat(string(regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes * 1024 / megabyte
}

// scrape returns the page, or nil on an error.
func scrape(ctx context.Context, address string) []byte {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return nil
	}
	return page
}

// fleet serves the requests of a target from prepared pages, so that it uses
// little CPU.
type fleet struct {
	statistics []byte
	pages      [][]byte
	counted    atomic.Int64 // requests for statistics
}

// newFleet returns a fleet in which every cluster has one or two issues.
func newFleet(clusters int) *fleet { return newMixedFleet(clusters, clusters) }

// newMixedFleet returns a fleet of which the first clusters have one or two issues, and
// the others are healthy.
func newMixedFleet(clusters, unhealthy int) *fleet {
	f := &fleet{statistics: fmt.Appendf(nil, `{"coverageStatistics":{"countByCoverageStatus":{"HEALTHY":%d,"UNHEALTHY":%d}}}`, clusters-unhealthy, unhealthy)}
	for first := 0; first < clusters; first += 50 {
		page := []byte(`{"resources":[`)
		for i := first; i < min(first+50, clusters); i++ {
			issues := fmt.Sprintf(`"Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'service-%d:7'"`, i)
			if i%2 == 0 {
				issues += fmt.Sprintf(`,"Agent not reporting for tasks in TaskDefinition - 'service-%d:8'"`, i)
			}
			status, covered := "UNHEALTHY", 3
			if i >= unhealthy {
				issues, status, covered = "", "HEALTHY", 4
			}
			if i > first {
				page = append(page, ',')
			}
			page = fmt.Appendf(page, `{"accountId":"%012d","coverageStatus":"%s","detectorId":"12abc34d567e8fa901bc2d34e56789f0","issue":"",`+
				`"resourceId":"arn:aws:ecs:us-east-1:%012d:cluster/production-%06d","updatedAt":1717401173.897,"resourceDetails":{"resourceType":"ECS",`+
				`"ecsClusterDetails":{"clusterName":"production-%06d","containerInstanceDetails":{"compatibleContainerInstances":4,"coveredContainerInstances":%d},`+
				`"fargateDetails":{"issues":[%s],"managementType":"AUTO_MANAGED"}}}}`, i/100, status, i/100, i, i, covered, issues)
		}
		page = append(page, ']')
		if first+50 < clusters {
			page = fmt.Appendf(page, `,"nextToken":"%d"`, first/50+1)
		}
		f.pages = append(f.pages, append(page, '}'))
	}
	return f
}

func (f *fleet) serve(b *testing.B) (endpoint string) {
	b.Helper()
	server := httptest.NewServer(f)
	b.Cleanup(server.Close)
	return server.URL
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	response := []byte(`{"detectorIds":["12abc34d567e8fa901bc2d34e56789f0"]}`)
	switch {
	case bytes.Contains(body, []byte("GetCallerIdentity")):
		response = []byte(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
			`<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case strings.HasSuffix(r.URL.Path, "/statistics"):
		f.counted.Add(1)
		response = f.statistics
	case strings.HasSuffix(r.URL.Path, "/coverage"):
		var in struct{ NextToken string }
		if err := json.Unmarshal(body, &in); err != nil {
			return
		}
		n, _ := strconv.Atoi(in.NextToken) // 0 without a token
		response = f.pages[n]
	}
	_, _ = w.Write(response) // the client may have disconnected
}

func environment(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=AKIATESTTESTTESTTEST", "AWS_SECRET_ACCESS_KEY=the-secret-access-key-of-the-tests-000000",
	}
}

// run starts a program and returns a function that stops it.
func run(b *testing.B, env []string, command ...string) (stop func()) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it is stopped by a signal
	}
}

func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// buildStripped builds the exporter as `make build` does, but without a version.
func buildStripped(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "guardduty_coverage_exporter")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build the exporter: %v\n%s", err, output)
	}
	return path
}
