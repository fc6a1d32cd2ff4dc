package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// BenchmarkDetail reports what the series of 50,000 clusters, of which one in a
// hundred is unhealthy, cost a real Prometheus with each value of detail.
func BenchmarkDetail(b *testing.B) {
	const clusters = 50_000
	path, endpoint := buildStripped(b), newMixedFleet(clusters, clusters/100).serve(b)
	for _, detail := range []string{"all", "unhealthy"} {
		b.Run(detail, func(b *testing.B) {
			for b.Loop() {
				measureDetail(b, path, endpoint, detail)
			}
		})
	}
}

// measureDetail runs the exporter and a Prometheus that scrapes it twelve times.
func measureDetail(b *testing.B, path, endpoint, detail string) {
	b.Helper()
	const scrapes, interval = 12, 5 * time.Second
	exporter, prometheus, dir := freeAddress(b), freeAddress(b), b.TempDir()
	config := writeConfig(b, dir, "config.yaml", "aws: {requests_per_second: 1000}\ntargets: [{regions: [us-east-1]}]\ndetail: "+detail+"\n")
	defer run(b, environment(endpoint), path, "--web.listen-address="+exporter, "--config.file="+config, "--log.level=error")()
	ready := func() bool { return page(b.Context(), "http://"+exporter+"/-/ready") != "" }
	untilTrue(b, "the exporter is ready", time.Minute, ready)
	scrape := writeConfig(b, dir, "prometheus.yaml", fmt.Sprintf(
		"global: {scrape_interval: %s, scrape_timeout: %s}\nscrape_configs: [{job_name: exporter, static_configs: [{targets: ['%s']}]}]\n", interval, interval, exporter))
	defer run(b, os.Environ(), "prometheus", "--config.file="+scrape, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+prometheus, "--log.level=error")()
	query := func(expr string) float64 { return query(b, prometheus, expr) }
	untilTrue(b, "Prometheus has scraped often enough", 5*time.Minute, func() bool { return query("count_over_time(up[10m])") >= scrapes })

	b.ReportMetric(query("scrape_samples_scraped"), "samples/scrape")
	b.ReportMetric(1000*query("avg_over_time(scrape_duration_seconds[10m])"), "ms/scrape")
	_ = page(b.Context(), "http://"+prometheus+"/debug/pprof/heap?gc=1")
	heap := regexp.MustCompile(`(?m)^go_memstats_heap_alloc_bytes (\S+)$`).FindStringSubmatch(page(b.Context(), "http://"+prometheus+"/metrics"))
	if len(heap) == 0 {
		b.Fatal("Prometheus has no metrics of its memory")
	}
	bytes, err := strconv.ParseFloat(heap[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(bytes/megabyte, "MB-heap")
	b.ReportMetric(float64(len(page(b.Context(), "http://"+exporter+"/metrics")))/megabyte, "MB-page")
}

func writeConfig(b *testing.B, dir, name, text string) (path string) {
	b.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

func untilTrue(b *testing.B, what string, limit time.Duration, condition func() bool) {
	b.Helper()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for begun := time.Now(); !condition(); <-ticker.C {
		if time.Since(begun) > limit {
			b.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// query returns the value of a query with one result, or 0.
func query(b *testing.B, address, expr string) float64 {
	b.Helper()
	var response struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	text := page(b.Context(), "http://"+address+"/api/v1/query?query="+url.QueryEscape(expr))
	if json.Unmarshal([]byte(text), &response) != nil || len(response.Data.Result) != 1 {
		return 0 // it has not started, or not scraped
	}
	value, err := strconv.ParseFloat(fmt.Sprint(response.Data.Result[0].Value[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// page returns a page, or "" on an error.
func page(ctx context.Context, address string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(content)
}
