package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programs has the paths of the programs of a system.
type programs struct {
	exporter, prometheus, alertmanager string
}

// system is the exporter's demo, a Prometheus that scrapes it, an Alertmanager, and
// a webhook that receives its notifications.
type system struct {
	programs
	exporterAddress  string
	simulatorAddress string
	prometheusURL    string
	webhook          *webhook
	demo             *process
}

// startSystem runs a system until the end of the test.
func startSystem(t *testing.T, p programs) *system {
	t.Helper()
	addresses := freeAddresses(t, 4)
	s := &system{
		programs: p, exporterAddress: addresses[0], simulatorAddress: addresses[1],
		prometheusURL: "http://" + addresses[2], webhook: listen(t),
	}
	alertmanagerURL, dir := "http://"+addresses[3], t.TempDir()
	routing := filepath.Join(dir, "alertmanager.yml")
	writeRouting(t, routing, s.webhook.url)
	scrapes := writeScrapes(t, dir, s.exporterAddress, addresses[3])

	s.startDemo(t)
	alertmanager := start(
		t, "alertmanager", p.alertmanager, "--config.file="+routing, "--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+addresses[3], "--cluster.listen-address=",
	)
	prometheus := start(
		t, "prometheus", p.prometheus, "--config.file="+scrapes, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"),
		"--web.listen-address="+addresses[2],
		"--query.lookback-delta="+scaleDuration("5m"), // its default, scaled
	)
	alertmanager.untilReady(t, alertmanagerURL+"/-/ready")
	prometheus.untilReady(t, s.prometheusURL+"/-/ready")

	// Prometheus starts to scrape some seconds after its start, which are minutes for the scaled rules: load them later.
	until(t, 20*time.Second, "Prometheus has scraped the exporter", func() bool {
		status, body := get(t, s.prometheusURL+"/api/v1/query?query=guardduty_exporter_build_info")
		return status == http.StatusOK && strings.Contains(string(body), s.exporterAddress)
	})
	writeRules(t, dir)
	if err := prometheus.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	return s
}

// startDemo runs the exporter's demo from its initial state and waits for data.
func (s *system) startDemo(t *testing.T) {
	t.Helper()
	s.demo = start(
		t, "exporter", s.exporter, "demo",
		"--web.listen-address="+s.exporterAddress, "--simulator.listen-address="+s.simulatorAddress,
	)
	s.demo.untilReady(t, "http://"+s.exporterAddress+"/-/ready")
}

// cluster is the body of a request to the simulator's admin API.
type cluster struct {
	AccountID      string   `json:"account_id"`
	Region         string   `json:"region"`
	ClusterName    string   `json:"cluster_name"`
	CoverageStatus string   `json:"coverage_status,omitempty"` // empty: follows from the rest
	ManagementType string   `json:"management_type"`
	Covered        int      `json:"covered"`
	Compatible     int      `json:"compatible"`
	Issues         []string `json:"issues,omitempty"`
}

// put replaces a cluster in the simulator.
func (s *system) put(t *testing.T, c cluster) {
	t.Helper()
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + s.simulatorAddress + "/simulator/clusters"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("PUT %s: %s", url, response.Status)
	}
}

// active returns the labels of the alerts in Prometheus that are in one of the
// states: pending, firing.
func (s *system) active(t *testing.T, states ...string) (found []map[string]string) {
	t.Helper()
	var response struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	status, body := get(t, s.prometheusURL+"/api/v1/alerts")
	if status != http.StatusOK {
		t.Fatalf("Prometheus: status %d: %s", status, body)
	}
	if err := json.Unmarshal(body, &response); err != nil {
		t.Fatal(err)
	}
	for _, alert := range response.Data.Alerts {
		if slices.Contains(states, alert.State) {
			found = append(found, alert.Labels)
		}
	}
	return found
}

// contains reports whether the label sets include labels.
func contains(sets []map[string]string, labels map[string]string) bool {
	return slices.ContainsFunc(sets, func(set map[string]string) bool { return maps.Equal(set, labels) })
}
