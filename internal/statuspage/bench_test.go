//go:build unix

package statuspage_test

import (
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/statuspage"
)

// BenchmarkPage answers requests about 50,000 clusters of 250 accounts in 4 Regions,
// 5 % of them unhealthy, from the merge of the reports to the compressed response.
// cpu-ms is the processor time of an answer, which does not depend on what else the
// machine does, and kept-MB what the heap has grown by after all of them.
func BenchmarkPage(b *testing.B) {
	s := fleet(b, 250, 20, "ap-southeast-2", "eu-west-1", "us-east-1", "us-west-2")
	for name, h := range map[string]http.Handler{
		"html": statuspage.Page(s, statuspage.PageOptions{TelemetryPath: "/metrics"}), "json": statuspage.StatusJSON(s),
		"clusters": statuspage.ClustersJSON(s),
	} {
		b.Run(name, func(b *testing.B) {
			before, size, used := heap(), 0, processorTime(b)
			for b.Loop() {
				size = get(b, h, "", "Accept-Encoding", "gzip").Body.Len()
			}
			b.ReportMetric(float64((processorTime(b)-used).Microseconds())/1e3/float64(b.N), "cpu-ms/page")
			b.ReportMetric(float64(size)/1e3, "kB")
			b.ReportMetric((heap()-before)/1e6, "kept-MB")
		})
	}
}

// heap returns the bytes that are in use.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// processorTime returns the processor time of the process.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
