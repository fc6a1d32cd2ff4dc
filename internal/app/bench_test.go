package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// BenchmarkFirstRefreshOf200Targets measures the first refresh of 200 targets,
// each a role in its own account with one page of clusters, against a simulator
// with a latency of 100 ms. It reports the time as a fraction of an interval of
// one minute.
func BenchmarkFirstRefreshOf200Targets(b *testing.B) {
	const interval = time.Minute
	w := homeWorld()
	var config strings.Builder
	config.WriteString("refresh: {interval: 1m, timeout: 50s, max_staleness: 5m}\ntargets:\n")
	for i := range 200 {
		id := fmt.Sprintf("4%011d", i)
		account := &simulator.Account{
			ID: id, Roles: []*simulator.Role{{Name: "coverage"}}, Detectors: []*simulator.Detector{{Region: "us-east-1"}},
		}
		for j := range 50 {
			account.Clusters = append(account.Clusters, healthy(fmt.Sprintf("cluster-%d", j)))
		}
		w.Accounts = append(w.Accounts, account)
		fmt.Fprintf(&config, "  - {role_arn: 'arn:aws:iam::%s:role/coverage', regions: [us-east-1]}\n", id)
	}
	var took time.Duration
	for b.Loop() {
		started := time.Now()
		e := startWith(b, simulator.New(w, simulator.Options{Latency: 100 * time.Millisecond}), config.String())
		e.untilWithin(2*interval, "200 targets are up", func() bool { return e.allUp(200) })
		took += time.Since(started)
		if err := e.stop(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(took.Seconds()/float64(b.N)/interval.Seconds(), "intervals")
}

func (e *exporter) allUp(n int) bool {
	page := e.metrics()
	return strings.Count(page, "\nguardduty_target_up{") == n &&
		strings.Count(page, "\nguardduty_target_last_success_timestamp_seconds{") == n
}
