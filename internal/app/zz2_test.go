package app

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestZZMany(t *testing.T) {
	w := zzWorld(1000)
	aws := simulator.New(w, simulator.Options{})
	hang := false
	aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		if hang && c.Service == "ecs" {
			<-r.Context().Done()
			return true
		}
		return false
	})
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	e := startWith(t, aws, strings.Replace(fmt.Sprintf(zzConfig, "all", "team", "guardduty-coverage-ecs"), "max_staleness: 5s", "max_staleness: 1h", 1))
	start := time.Now()
	for time.Since(start) < 100*time.Second {
		time.Sleep(2 * time.Second)
		t0 := time.Now()
		p := e.metrics()
		up := strings.Count(p, "guardduty_ecs_account_up{")
		t.Log(time.Since(start).Round(time.Second), "scrape", time.Since(t0).Round(time.Millisecond), len(p)/1024, "kB up", up, "goroutines", runtime.NumGoroutine())
		if up >= 1004 {
			break
		}
	}
	aws.ResetCalls()
	runtime.GC()
	runtime.ReadMemStats(&m1)
	t.Log("heap MB", (m1.HeapAlloc-m0.HeapAlloc)>>20)
	hang = true
	time.Sleep(3 * time.Second)
	s := time.Now()
	e.stop()
	t.Log("stop", time.Since(s))
}
