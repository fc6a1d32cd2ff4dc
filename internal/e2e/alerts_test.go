package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	docs    = "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/"
	runbook = docs + "alerts.md#"
)

// expectation is the notification that a scenario expects.
type expectation struct {
	receiver    string
	labels      map[string]string // all of them
	summary     string
	description []string          // parts of it
	annotations map[string]string // parts of others
	fix         string            // of the annotation fix_url, below docs
}

// check compares a notification with the expectation.
func (e expectation) check(t *testing.T, n notified) {
	t.Helper()
	if n.Receiver != e.receiver {
		t.Errorf("%s: receiver %s, want %s", e.labels["alertname"], n.Receiver, e.receiver)
	}
	if diff := cmp.Diff(e.labels, n.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got := n.Annotations["summary"]; got != e.summary {
		t.Errorf("summary: got %q, want %q", got, e.summary)
	}
	for _, part := range e.description {
		if got := n.Annotations["description"]; !strings.Contains(got, part) {
			t.Errorf("the description lacks %q: %s", part, got)
		}
	}
	for name, part := range e.annotations {
		if got := n.Annotations[name]; !strings.Contains(got, part) {
			t.Errorf("%s lacks %q: %s", name, part, got)
		}
	}
	if _, err := time.Parse("2006-01-02 15:04 UTC", n.Annotations["since"]); err != nil {
		t.Errorf("since: %v", err)
	}
	for name, text := range n.Annotations {
		if text == "" || strings.Contains(text, "error expanding") || strings.Contains(text, "no value") {
			t.Errorf("annotation %s is %q", name, text)
		}
	}
	if got := strings.TrimPrefix(n.Annotations["fix_url"], docs); got != e.fix {
		t.Errorf("fix_url: got %s, want %s", got, e.fix)
	}
	if got, want := n.Annotations["runbook_url"], runbook+strings.ToLower(e.labels["alertname"]); got != want {
		t.Errorf("runbook_url: got %s, want %s", got, want)
	}
}

// TestAlerts runs the scenarios in parallel, each in its own system.
func TestAlerts(t *testing.T) {
	t.Parallel()
	if os.Getenv("CI") != "true" {
		t.Skip("takes 45 s; make e2e runs it")
	}
	p := programs{prometheus: find(t, "prometheus"), alertmanager: find(t, "prometheus-alertmanager", "alertmanager")}
	p.exporter = build(t)
	t.Run("clusters", func(t *testing.T) {
		t.Parallel()
		testClusters(t, startSystem(t, p))
	})
	t.Run("exporter", func(t *testing.T) {
		t.Parallel()
		testExporter(t, startSystem(t, p))
	})
}

// breakage is a cluster before and after it loses coverage, and the only alert that
// must fire.
type breakage struct {
	healthy, broken cluster
	expectation
}

// breakages returns clusters that the demo itself does not change at first.
func breakages() []breakage {
	storefront := cluster{
		AccountID: "333344445555", Region: "eu-west-1", ClusterName: "storefront",
		ManagementType: "AUTO_MANAGED", Covered: 17, Compatible: 17,
	}
	silent := storefront
	silent.Issues = []string{"Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - 'storefront:7'. Refer documentation"}

	runners := cluster{
		AccountID: "111122223333", Region: "eu-west-1", ClusterName: "ci-runners",
		ManagementType: "DISABLED", Covered: 5, Compatible: 5,
	}
	uncovered := runners
	uncovered.Covered = 2

	settlement := cluster{
		AccountID: "222233334444", Region: "us-east-1", ClusterName: "settlement",
		ManagementType: "DISABLED", Covered: 9, Compatible: 9,
	}
	unnoticed := settlement
	unnoticed.Covered, unnoticed.CoverageStatus = 8, "HEALTHY"

	labels := func(c cluster, alert string) map[string]string {
		return map[string]string{
			"alertname": alert, "severity": "warning",
			"account_id": c.AccountID, "region": c.Region, "cluster_name": c.ClusterName,
		}
	}
	notReporting := labels(storefront, "GuardDutyCoverageClusterUnhealthy")
	notReporting["issue_type"] = "agent_not_reporting"
	return []breakage{
		{storefront, silent, expectation{
			receiver:    "tickets",
			labels:      notReporting,
			summary:     "ECS cluster storefront is not covered by GuardDuty, issue type agent_not_reporting",
			description: []string{"storefront", "333344445555", "eu-west-1", "storefront:7", "(shop)"},
			annotations: map[string]string{
				"owner": "shop", "acts": "network", "aws_text": "Agent not reporting",
				"dashboard_url": "/d/guardduty-coverage-cluster?var-account_id=333344445555&var-region=eu-west-1&var-cluster_name=storefront",
			},
			fix: "issues.md#agent_not_reporting",
		}},
		{runners, uncovered, expectation{ // inhibits GuardDutyCoverageContainerInstancesUncovered
			receiver:    "tickets",
			labels:      labels(runners, "GuardDutyCoverageClusterUnhealthy"),
			summary:     "ECS cluster ci-runners is not covered by GuardDuty",
			description: []string{"ci-runners", "111122223333", "eu-west-1", "container instances"},
			fix:         "issues.md#without_issue",
		}},
		{settlement, unnoticed, expectation{
			receiver:    "tickets-payments",
			labels:      labels(settlement, "GuardDutyCoverageContainerInstancesUncovered"),
			summary:     "Container instances of ECS cluster settlement have no working GuardDuty agent",
			description: []string{"1 container instance", "settlement", "222233334444", "us-east-1"},
			annotations: map[string]string{"acts": "owner of the instance"},
			fix:         "causes.md#ec2_instance",
		}},
	}
}

// uncoveredService is a service that has never had an agent, in a cluster with the
// issues unidentified and agent_not_reporting.
func uncoveredService() expectation {
	return expectation{
		receiver: "tickets-payments",
		labels: map[string]string{
			"alertname": "GuardDutyCoverageServiceUncovered", "severity": "warning",
			"account_id": "222233334444", "region": "us-east-1", "cluster_name": "refunds", "service_name": "refunds-jobs",
		},
		summary:     "Tasks of refunds-jobs in ECS cluster refunds run without the GuardDuty agent",
		description: []string{"2 task(s)", "222233334444 (payments)", "us-east-1"},
		annotations: map[string]string{"cause": "image_pull_denied (certainty: ", "acts": "service owner", "owner": "payments"},
		fix:         "causes.md#image_pull_denied",
	}
}

// testClusters breaks clusters and repairs them.
func testClusters(t *testing.T, s *system) {
	for _, c := range breakages() {
		s.put(t, c.broken)
	}
	for _, c := range breakages() {
		s.untilNotified(t, "firing", c.labels)
		c.check(t, s.webhook.last(c.labels))
	}
	// This alert fires but is inhibited.
	inhibited := maps.Clone(breakages()[1].labels)
	inhibited["alertname"] = "GuardDutyCoverageContainerInstancesUncovered"
	until(t, time.Minute, "the alert about container instances of ci-runners fires", func() bool {
		return contains(s.active(t, "firing"), inhibited)
	})
	service := uncoveredService()
	s.untilNotified(t, "firing", service.labels)
	service.check(t, s.webhook.last(service.labels))
	for _, c := range breakages() {
		s.put(t, c.healthy)
	}
	for _, c := range breakages() {
		s.untilNotified(t, "resolved", c.labels)
	}
	for _, c := range breakages() {
		own := map[string]string{"account_id": c.healthy.AccountID, "region": c.healthy.Region, "cluster_name": c.healthy.ClusterName}
		for _, n := range s.webhook.firing(0) {
			if n.has(own) && !maps.Equal(n.Labels, c.labels) {
				t.Errorf("unexpected second alert: %v", n.Labels)
			}
		}
	}
}

// untilNotified waits until the last notification of an alert has the status.
func (s *system) untilNotified(t *testing.T, status string, labels map[string]string) {
	t.Helper()
	until(t, time.Minute, labels["alertname"]+" is notified as "+status, func() bool {
		return s.webhook.last(labels).Status == status
	})
}

// outage is how long the exporter is down, unscaled: longer than the gaps that the
// rules fill and than the "for" of most alerts.
const outage = 20 * time.Minute

// testExporter kills the exporter and starts it again after the outage. Only alerts
// that fired before may fire during and after it.
func testExporter(t *testing.T, s *system) {
	absent := expectation{
		receiver: "pager",
		labels:   map[string]string{"alertname": "GuardDutyCoverageExporterAbsent", "severity": "critical"},
		summary:  "No GuardDuty coverage exporter is scraped",
	}
	// A cluster that is permanently unhealthy.
	ledger := map[string]string{
		"alertname": "GuardDutyCoverageClusterUnhealthy", "severity": "warning", "issue_type": "vpc_endpoint",
		"account_id": "222233334444", "region": "eu-west-1", "cluster_name": "ledger",
	}

	s.untilNotified(t, "firing", ledger)
	known := s.active(t, "pending", "firing")
	if contains(known, absent.labels) {
		t.Error("ExporterAbsent fires before the exporter is killed")
	}
	known = append(known, absent.labels)
	notified, killed := len(s.webhook.all()), time.Now()
	s.demo.kill(t)

	s.untilNotified(t, "firing", absent.labels)
	absent.check(t, s.webhook.last(absent.labels))
	until(t, 10*time.Second, "the message to Slack", func() bool {
		return slices.ContainsFunc(s.webhook.messages(), func(m string) bool {
			return strings.HasPrefix(m, "[FIRING] "+absent.summary+"\n") && strings.Contains(m, "|Runbook>")
		})
	})
	announced := len(s.webhook.all())
	until(t, time.Minute, "the outage has lasted long enough", func() bool {
		for _, n := range s.webhook.all()[announced:] {
			t.Fatalf("notified during the outage: %s %v", n.Status, n.Labels)
		}
		return time.Since(killed) > outage/scale
	})
	checkKnown(t, "during the outage", known, s.active(t, "firing"))
	if contains(s.active(t, "pending", "firing"), ledger) {
		t.Error("the outage was too short: the rules still keep the alert")
	}

	s.startDemo(t)
	s.untilNotified(t, "resolved", absent.labels)
	until(t, time.Minute, "the alert about ledger fires again", func() bool {
		return contains(s.active(t, "firing"), ledger)
	})
	checkKnown(t, "after the restart", known, s.active(t, "firing"))
	for _, n := range s.webhook.firing(notified) {
		checkKnown(t, "notified to "+n.Receiver, known, []map[string]string{n.Labels})
	}
}

// checkKnown fails the test for each firing alert that is not known.
func checkKnown(t *testing.T, when string, known, firing []map[string]string) {
	t.Helper()
	for _, labels := range firing {
		if !contains(known, labels) {
			t.Errorf("unexpected alert %s: %v", when, labels)
		}
	}
}
