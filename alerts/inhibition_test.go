package alerts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type alert map[string]string

// TestInhibition sends alerts to a real Alertmanager with the example
// configuration and checks which of them are inhibited.
func TestInhibition(t *testing.T) {
	read(t, routingFile) // so that go test does not take a result from its cache when the file has changed
	at := startAlertmanager(t, routingFile)
	const prefix = "GuardDutyCoverage"
	member := alert{"account_id": "222233334444", "region": "eu-west-1"}
	tests := []struct {
		name      string
		alert     alert
		inhibited bool
	}{
		{"TargetDown", alert{"target": "organization", "account_id": "111122223333", "region": "eu-west-1"}, true},
		{"DataStale", alert{"target": "organization", "account_id": "111122223333", "region": "eu-west-1"}, false},
		{"TargetDown", alert{"target": "standalone", "account_id": "999988887777", "region": "us-east-1"}, false},
		{"TargetDown", alert{"target": "refused", "region": "sa-east-1"}, false},
		// The administrator's target inhibits all accounts of its Region, a standalone target its own account and Region.
		{"ClusterUnhealthy", with(member, "cluster_name", "administered"), true},
		{"AccountVanished", with(member, "resource_type", "ECS"), true},
		{"ClusterUnhealthy", alert{"account_id": "999988887777", "region": "us-east-1", "cluster_name": "standalone"}, true},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-east-1", "cluster_name": "stranger"}, false},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "sa-east-1", "cluster_name": "beside-refused"}, false},
		// A drop inhibits its clusters, a shared issue type the clusters that have it, a cluster its instances.
		{"Dropped", alert{"account_id": "444455556666", "region": "ap-southeast-2", "resource_type": "ECS"}, false},
		{"BelowThreshold", alert{"account_id": "444455556666", "region": "ap-southeast-2", "resource_type": "ECS"}, true},
		{"ClusterUnhealthy", alert{"account_id": "444455556666", "region": "ap-southeast-2", "cluster_name": "dropped"}, true},
		{"SharedIssueType", alert{"issue_type": "vpc_endpoint"}, false},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-2", "cluster_name": "a", "issue_type": "vpc_endpoint"}, true},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-2", "cluster_name": "a", "issue_type": "agent_exited"}, false},
		{"ContainerInstancesUncovered", alert{"account_id": "333344445555", "region": "us-west-2", "cluster_name": "a"}, true},
		{"ContainerInstancesUncovered", alert{"account_id": "333344445555", "region": "us-west-2", "cluster_name": "b"}, false},
		// A drop inhibits only its own resource type; BelowThreshold inhibits alerts about single instances.
		{"BelowThreshold", alert{"account_id": "444455556666", "region": "ap-southeast-2", "resource_type": "EKS"}, false},
		{"EKSClusterUnhealthy", alert{"account_id": "444455556666", "region": "ap-southeast-2", "cluster_name": "k8s", "resource_type": "EKS"}, false},
		{"Dropped", alert{"account_id": "444455556666", "region": "eu-central-1", "resource_type": "EKS"}, true}, // by FleetDropped
		{"EKSClusterUnhealthy", alert{"account_id": "444455556666", "region": "eu-central-1", "cluster_name": "k8s", "resource_type": "EKS"}, true},
		{"ClusterUnhealthy", alert{"account_id": "444455556666", "region": "eu-central-1", "cluster_name": "ecs"}, false},
		{"BelowThreshold", alert{"account_id": "444455556666", "region": "eu-central-1", "resource_type": "EC2"}, false},
		{"InstanceUnhealthy", alert{"account_id": "444455556666", "region": "eu-central-1", "instance_id": "i-0below", "resource_type": "EC2"}, true},
		{"InstanceUnhealthy", alert{"account_id": "333344445555", "region": "eu-central-1", "instance_id": "i-0alone", "resource_type": "EC2"}, false},
		{"FleetDropped", alert{"resource_type": "EKS"}, false},
		// Alerts about disabled monitoring are not inhibited by a failing target, and inhibit their consequences.
		{"RuntimeMonitoringOff", with(member, "feature", "RUNTIME_MONITORING"), false},
		{"DetectorSuspended", alert{"account_id": "666677778888", "region": "eu-central-1"}, false},
		{"BelowThreshold", alert{"account_id": "666677778888", "region": "eu-central-1", "resource_type": "ECS"}, true},
		{"MemberNotReporting", alert{"account_id": "666677778888", "region": "eu-central-1"}, true},
		{"MemberNotReporting", alert{"account_id": "777788889999", "region": "eu-central-1"}, false},
		{"MemberLeft", alert{"account_id": "777788889999", "region": "eu-central-1"}, false},
		{"AccountVanished", alert{"account_id": "777788889999", "region": "eu-central-1", "resource_type": "ECS"}, true},
		{"AccountVanished", alert{"account_id": "888899990000", "region": "eu-central-1", "resource_type": "ECS"}, false},
		// Services of ECS: the cluster's issues that the tasks without an agent explain.
		{"ServiceUncovered", alert{"account_id": "333344445555", "region": "us-west-1", "cluster_name": "c", "service_name": "api"}, false},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-1", "cluster_name": "c", "issue_type": "unidentified"}, true},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-1", "cluster_name": "c", "issue_type": "agent_not_reporting"}, false},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-1", "cluster_name": "c"}, false},
		{"ClusterUnhealthy", alert{"account_id": "333344445555", "region": "us-west-1", "cluster_name": "d", "issue_type": "unidentified"}, false},
		{"ServiceUncovered", alert{"account_id": "444455556666", "region": "ap-southeast-2", "cluster_name": "dropped", "service_name": "api"}, true},
		{"ServiceUncovered", alert{"account_id": "666677778888", "region": "eu-central-1", "cluster_name": "suspended", "service_name": "api"}, true},
		{"ServiceUncovered", with(with(member, "cluster_name", "administered"), "service_name", "api"), true},                               // by RuntimeMonitoringOff
		{"ServiceUncovered", alert{"account_id": "333344445555", "region": "eu-west-1", "cluster_name": "c", "service_name": "api"}, false}, // read from ECS
		{"ClusterNotListed", alert{"account_id": "333344445555", "region": "eu-west-1", "cluster_name": "c"}, true},                         // the target is down
		{"ClusterNotListed", alert{"account_id": "888899990000", "region": "us-west-1", "cluster_name": "c"}, false},
		{"MemberNotReporting", alert{"account_id": "888899990000", "region": "us-west-1"}, true},
		{"ECSUnreadable", alert{"target": "organization", "account_id": "222233334444", "region": "eu-west-1"}, true},
		{"ECSUnreadable", alert{"target": "organization", "account_id": "222233334444", "region": "us-west-1"}, false},
		// These inhibit nothing.
		{"TargetVanished", alert{"target": "organization", "region": "eu-south-1"}, false},
		{"ClusterUnhealthy", alert{"account_id": "222233334444", "region": "eu-south-1", "cluster_name": "vanished"}, false},
		{"AccountNamesDown", alert{"target": "organization", "account_id": "111122223333"}, false},
		{"CapabilityDenied", alert{"target": "organization", "account_id": "111122223333", "region": "eu-west-1", "capability": "members"}, false},
		{"ReloadFailed", alert{}, false},
		{"EventQueueDown", alert{"queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/events"}, false},
		{"EventsMalformed", alert{}, false},
	}
	var alerts []posted
	var want []string
	for _, test := range tests {
		a := with(test.alert, "alertname", prefix+test.name)
		alerts = append(alerts, posted{Labels: a})
		if test.inhibited {
			want = append(want, fmt.Sprint(a))
		}
	}
	slices.Sort(want)
	post(t, at, alerts)
	if diff := untilEqual(t, at, want); diff != "" {
		t.Errorf("inhibited alerts (-want +got):\n%s", diff)
	}

	// ExporterAbsent inhibits all others.
	want = nil
	for _, a := range alerts {
		want = append(want, fmt.Sprint(a.Labels))
	}
	slices.Sort(want)
	post(t, at, []posted{{Labels: alert{"alertname": prefix + "ExporterAbsent"}}})
	if diff := untilEqual(t, at, want); diff != "" {
		t.Errorf("inhibited alerts without an exporter (-want +got):\n%s", diff)
	}
}

func with(a alert, name, value string) alert {
	b := alert{name: value}
	for k, v := range a {
		b[k] = v
	}
	return b
}

// startAlertmanager returns the URL of an Alertmanager on a port of its own.
func startAlertmanager(t *testing.T, config string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), find(t, "prometheus-alertmanager", "alertmanager"), "--config.file="+config, "--storage.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { // the context has ended, and the process with it
		<-ended
		_ = command.Wait()
	})
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		listening := regexp.MustCompile(`[Ll]istening on.* address=(\S+)`)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
	}()
	select {
	case a := <-address:
		return "http://" + a
	case <-ended:
		t.Fatal("Alertmanager exited before listening")
	case <-time.After(30 * time.Second):
		t.Fatal("timeout waiting for Alertmanager")
	}
	return ""
}

type posted struct {
	Labels      alert `json:"labels"`
	Annotations alert `json:"annotations,omitempty"`
}

func post(t *testing.T, at string, alerts []posted) {
	t.Helper()
	encoded, err := json.Marshal(alerts)
	if err != nil {
		t.Fatal(err)
	}
	request(t, http.MethodPost, at, encoded)
}

// untilEqual waits until the inhibited alerts are as expected, and returns the
// remaining difference.
func untilEqual(t *testing.T, at string, want []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		diff := cmp.Diff(want, inhibited(t, at))
		if diff == "" {
			return ""
		}
		select {
		case <-ctx.Done():
			return diff
		case <-retry.C:
		}
	}
}

func inhibited(t *testing.T, at string) []string {
	t.Helper()
	var alerts []struct {
		Labels alert `json:"labels"`
		Status struct {
			InhibitedBy []string `json:"inhibitedBy"`
		} `json:"status"`
	}
	if err := json.Unmarshal(request(t, http.MethodGet, at, nil), &alerts); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range alerts {
		if len(a.Status.InhibitedBy) > 0 {
			names = append(names, fmt.Sprint(a.Labels))
		}
	}
	slices.Sort(names)
	return names
}

func request(t *testing.T, method, at string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	respBody, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s alerts: %s %v %s", method, resp.Status, err, respBody)
	}
	return respBody
}
