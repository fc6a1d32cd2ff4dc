package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestEstimateMatchesTheRequests compares the estimate of check-config with the
// exporter's own request counters.
func TestEstimateMatchesTheRequests(t *testing.T) {
	t.Parallel()
	const perRegion = 120
	w := &simulator.World{Accounts: []*simulator.Account{{ID: home, Keys: keys}}}
	regions := []string{"us-east-1", "eu-west-1", "ap-southeast-2"}
	for _, region := range regions {
		w.Accounts[0].Detectors = append(w.Accounts[0].Detectors, &simulator.Detector{Region: region})
		for i := range perRegion {
			w.Accounts[0].Clusters = append(w.Accounts[0].Clusters, &simulator.Cluster{
				Region: region, Name: fmt.Sprintf("cluster-%03d", i), UpdatedAt: then,
			})
		}
	}
	yaml := "refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}\naws: {requests_per_second: 100}\n" +
		"targets: [{regions: [" + strings.Join(regions, ", ") + "], detector: true}]\n"
	cfg, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, w, yaml)
	e.until("every target is refreshed", func() bool {
		return strings.Count(e.metrics(), "\nguardduty_target_last_success_timestamp_seconds{") == len(regions)
	})
	families, err := textParser().TextToMetricFamilies(strings.NewReader(e.metrics()))
	if err != nil {
		t.Fatal(err)
	}
	requested := map[string]int{}
	for _, m := range families["guardduty_exporter_aws_requests_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "operation" {
				requested[l.GetValue()] += int(m.GetCounter().GetValue())
			}
		}
	}
	sum := requested["ListCoverage"] + requested["GetCoverageStatistics"] + requested["GetDetector"]
	if want := capacity.Estimate(cfg, perRegion*len(regions)).Calls; sum != want || requested["ListDetectors"] != len(regions) {
		t.Errorf("requested %v, want %d in a refresh and ListDetectors in the first one", requested, want)
	}
}
