package e2e

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const runbook = "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/alerts.md#"

// expectation is an alert that a scenario asks for.
type expectation struct {
	receiver    string
	labels      map[string]string // all of them
	summary     string
	description []string // parts of it
}

// check holds a notification against the expectation.
func (e expectation) check(t *testing.T, n notified) {
	t.Helper()
	if n.Receiver != e.receiver {
		t.Errorf("%s arrives at %s, not at %s", e.labels["alertname"], n.Receiver, e.receiver)
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
	if got, want := n.Annotations["runbook_url"], runbook+strings.ToLower(e.labels["alertname"]); got != want {
		t.Errorf("runbook_url: got %s, want %s", got, want)
	}
}

// TestAlerts runs each scenario in a system of its own, all at the same time.
func TestAlerts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs for more than a minute")
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

// sickness is a cluster, what is wrong with it, and the one alert that comes of
// that.
type sickness struct {
	healthy, sick cluster
	expectation
}

// sicknesses are of clusters that the demo's own course leaves alone for a while.
func sicknesses() []sickness {
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
	return []sickness{
		{storefront, silent, expectation{
			receiver:    "tickets",
			labels:      notReporting,
			summary:     "ECS cluster storefront is not covered by GuardDuty, issue type agent_not_reporting",
			description: []string{"storefront", "333344445555", "eu-west-1", "storefront:7"},
		}},
		{runners, uncovered, expectation{ // inhibits the alert that container instances are uncovered
			receiver:    "tickets",
			labels:      labels(runners, "GuardDutyCoverageClusterUnhealthy"),
			summary:     "ECS cluster ci-runners is not covered by GuardDuty",
			description: []string{"ci-runners", "111122223333", "eu-west-1", "container instances"},
		}},
		{settlement, unnoticed, expectation{
			receiver:    "tickets-payments",
			labels:      labels(settlement, "GuardDutyCoverageContainerInstancesUncovered"),
			summary:     "Container instances of ECS cluster settlement have no working GuardDuty agent",
			description: []string{"1 container instance", "settlement", "222233334444", "us-east-1"},
		}},
	}
}

// testClusters breaks clusters and heals them.
func testClusters(t *testing.T, s *system) {
	for _, c := range sicknesses() {
		s.put(t, c.sick)
	}
	for _, c := range sicknesses() {
		s.untilSaid(t, "firing", c.labels)
		c.check(t, s.webhook.last(c.labels))
	}
	// Prometheus has it, but no receiver hears of it.
	inhibited := maps.Clone(sicknesses()[1].labels)
	inhibited["alertname"] = "GuardDutyCoverageContainerInstancesUncovered"
	until(t, time.Minute, "the uncovered container instances of ci-runners are an alert too", func() bool {
		return contains(s.active(t, "firing"), inhibited)
	})
	for _, c := range sicknesses() {
		s.put(t, c.healthy)
	}
	for _, c := range sicknesses() {
		s.untilSaid(t, "resolved", c.labels)
	}
	for _, c := range sicknesses() {
		own := map[string]string{"account_id": c.healthy.AccountID, "region": c.healthy.Region, "cluster_name": c.healthy.ClusterName}
		for _, n := range s.webhook.firing(0) {
			if n.has(own) && !maps.Equal(n.Labels, c.labels) {
				t.Errorf("a second alert for one cause: %v", n.Labels)
			}
		}
	}
}

// untilSaid waits until the last notification about an alert has the status.
func (s *system) untilSaid(t *testing.T, status string, labels map[string]string) {
	t.Helper()
	until(t, time.Minute, labels["alertname"]+" is notified as "+status, func() bool {
		return s.webhook.last(labels).Status == status
	})
}

// outage is how long the exporter is away, before it is scaled: longer than the
// rules bridge and than most alerts wait.
const outage = 20 * time.Minute

// testExporter kills the exporter and starts it again after the outage. What was
// wrong before is wrong after it; nothing else may fire.
func testExporter(t *testing.T, s *system) {
	absent := expectation{
		receiver: "pager",
		labels:   map[string]string{"alertname": "GuardDutyCoverageExporterAbsent", "severity": "critical"},
		summary:  "No GuardDuty coverage exporter is scraped",
	}
	// A cluster that is ill for good.
	ledger := map[string]string{
		"alertname": "GuardDutyCoverageClusterUnhealthy", "severity": "warning", "issue_type": "vpc_endpoint",
		"account_id": "222233334444", "region": "eu-west-1", "cluster_name": "ledger",
	}

	s.untilSaid(t, "firing", ledger)
	known := s.active(t, "pending", "firing")
	if contains(known, absent.labels) {
		t.Error("the exporter is absent before it is killed")
	}
	known = append(known, absent.labels)
	said, killed := len(s.webhook.all()), time.Now()
	s.demo.kill(t)

	s.untilSaid(t, "firing", absent.labels)
	absent.check(t, s.webhook.last(absent.labels))
	announced := len(s.webhook.all())
	until(t, time.Minute, "the outage has lasted long enough", func() bool {
		for _, n := range s.webhook.all()[announced:] {
			t.Fatalf("notified though the exporter is known to be absent: %s %v", n.Status, n.Labels)
		}
		return time.Since(killed) > outage/scale
	})
	checkKnown(t, "during the outage", known, s.active(t, "firing"))
	if contains(s.active(t, "pending", "firing"), ledger) {
		t.Error("the outage was shorter than what the rules bridge")
	}

	s.startDemo(t)
	s.untilSaid(t, "resolved", absent.labels)
	until(t, time.Minute, "the clusters have been ill for long enough again", func() bool {
		return contains(s.active(t, "firing"), ledger)
	})
	checkKnown(t, "after the restart", known, s.active(t, "firing"))
	for _, n := range s.webhook.firing(said) {
		checkKnown(t, "at "+n.Receiver, known, []map[string]string{n.Labels})
	}
}

// checkKnown asks that of each alert it is known that it may be firing.
func checkKnown(t *testing.T, when string, known, firing []map[string]string) {
	t.Helper()
	for _, labels := range firing {
		if !contains(known, labels) {
			t.Errorf("set off %s: %v", when, labels)
		}
	}
}
