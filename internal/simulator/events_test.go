package simulator_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// eventWorld has a resource of every type in the member's account, and a queue
// with events in the administrator's.
func eventWorld(format simulator.EventFormat, observed bool) *simulator.World {
	w := queueWorld()
	queue := w.Account(administrator).Queues[0]
	queue.Events, queue.Observed = format, observed
	m := w.Account(memberID)
	m.Instances = []*simulator.Instance{{
		Region: region, ID: "i-0", Type: "m6i.large", ClusterARN: "arn:aws:ecs:us-east-1:222233334444:cluster/charlie",
		AgentVersion: "v1.6.1", ManagementType: "MANUAL",
	}}
	m.EKSClusters = []*simulator.EKSCluster{{
		Region: region, Name: "delta", AddonVersion: "v1.6.1-eksbuild.1", AddonStatus: "ACTIVE", ManagementType: "AUTO_MANAGED",
		Covered: 2, Compatible: 3,
	}}
	return w
}

// changeStatuses changes the status of each of the member's resources.
func changeStatuses(w *simulator.World, now time.Time) {
	m := w.Account(memberID)
	cluster, instance, eks := m.Clusters[0], m.Instances[0], m.EKSClusters[0]
	cluster.Issue, cluster.Issues, cluster.UpdatedAt = "", nil, now
	instance.Issue, instance.UpdatedAt = "Agent disconnected", now
	eks.Covered, eks.UpdatedAt = 3, now
}

const (
	documentedECS = `{
		"schemaVersion": "1.0", "resourceAccountId": "222233334444", "currentStatus": "HEALTHY", "previousStatus": "UNHEALTHY",
		"resourceDetails": {"resourceType": "ECS", "ecsClusterDetails": {
			"clusterName": "charlie", "fargateDetails": {"issues": [], "managementType": "AUTO_MANAGED"},
			"containerInstanceDetails": {"coveredContainerInstances": 0, "compatibleContainerInstances": 0}}},
		"issue": "", "lastUpdatedAt": "2026-06-07T08:03:47.897Z"}`
	documentedEC2 = `{
		"schemaVersion": "1.0", "resourceAccountId": "222233334444", "currentStatus": "UNHEALTHY", "previousStatus": "HEALTHY",
		"resourceDetails": {"resourceType": "EC2", "ec2InstanceDetails": {
			"instanceId": "i-0", "instanceType": "m6i.large", "clusterArn": "arn:aws:ecs:us-east-1:222233334444:cluster/charlie",
			"agentDetails": {"version": "v1.6.1"}, "managementType": "MANUAL"}},
		"issue": "Agent disconnected", "lastUpdatedAt": "2026-06-07T08:03:47.897Z"}`
	documentedEKS = `{
		"schemaVersion": "1.0", "resourceAccountId": "222233334444", "currentStatus": "HEALTHY", "previousStatus": "UNHEALTHY",
		"resourceDetails": {"resourceType": "EKS", "eksClusterDetails": {
			"clusterName": "delta", "availableNodes": "3", "desiredNodes": "3", "addonVersion": "v1.6.1-eksbuild.1",
			"managementType": "AUTO_MANAGED"}},
		"issue": "", "lastUpdatedAt": "2026-06-07T08:03:47.897Z"}`
	observedECS = `{
		"accountId": "222233334444", "currentStatus": "Healthy", "previousStatus": "Unhealthy",
		"resourceDetails": {"resourceType": "ECS", "ecsClusterDetails": {
			"clusterName": "charlie", "fargateDetails": {"issues": [], "managementType": "AUTO_MANAGED"},
			"containerInstanceDetails": {"coveredContainerInstances": 0, "compatibleContainerInstances": 0}}},
		"issue": "", "lastUpdatedAt": 1780819427897}`
	observedEC2 = `{
		"accountId": "222233334444", "currentStatus": "Unhealthy", "previousStatus": "Healthy",
		"resourceDetails": {"resourceType": "EC2", "ec2InstanceDetails": {
			"instanceId": "i-0", "instanceType": "m6i.large", "clusterArn": "arn:aws:ecs:us-east-1:222233334444:cluster/charlie",
			"agentDetails": {"version": "v1.6.1"}, "managementType": "MANUAL"}},
		"issue": "Agent disconnected", "lastUpdatedAt": 1780819427897}`
	observedEKS = `{
		"accountId": "222233334444", "currentStatus": "Healthy", "previousStatus": "Unhealthy",
		"resourceDetails": {"resourceType": "EKS", "eksClusterDetails": {
			"clusterName": "delta", "availableNodes": -1, "desiredNodes": -1,
			"addonDetails": {"addonVersion": "v1.6.1-eksbuild.1", "addonStatus": "ACTIVE"}, "managementType": "AUTO_MANAGED"}},
		"issue": "", "lastUpdatedAt": 1780819427897000}`
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// object decodes a JSON object and preserves the text of numbers.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

func TestEvents(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		format   simulator.EventFormat
		observed bool
		details  []string
	}{
		{simulator.Direct, false, []string{documentedECS, documentedEC2, documentedEKS}},
		{simulator.Direct, true, []string{observedECS, observedEC2, observedEKS}},
		{simulator.SNS, true, []string{observedECS, observedEC2, observedEKS}},
		{simulator.NoEvents, true, nil},
	} {
		s, url := serve(t, eventWorld(c.format, c.observed), simulator.Options{Now: func() time.Time { return now }})
		s.Update(func(w *simulator.World) { changeStatuses(w, time.Date(2026, 6, 7, 8, 3, 47, 897_654_321, time.UTC)) })
		got := openQueue(t, url, queueName).receive()
		if len(got) != len(c.details) {
			t.Fatalf("%d messages, want %d", len(got), len(c.details))
		}
		for i, m := range got {
			text := *m.Body
			if c.format == simulator.SNS {
				text = unwrap(t, text, now)
			}
			event := object(t, text)
			if id, _ := event["id"].(string); !uuid.MatchString(id) {
				t.Errorf("an event's ID is %q", id)
			}
			delete(event, "id")
			detail := object(t, c.details[i])
			status, _ := detail["currentStatus"].(string)
			want := map[string]any{
				"version": "0", "detail-type": "GuardDuty Runtime Protection " + status[:1] + strings.ToLower(status[1:]),
				"source": "aws.guardduty", "account": administrator, "time": now.UTC().Format(time.RFC3339), "region": region,
				"resources": []any{}, "detail": detail,
			}
			if diff := cmp.Diff(want, event); diff != "" {
				t.Errorf("format %d, observed %v (-want +got):\n%s", c.format, c.observed, diff)
			}
		}
	}
}

// unwrap checks the envelope of a topic and returns its message.
func unwrap(t *testing.T, text string, now time.Time) string {
	t.Helper()
	envelope := object(t, text)
	message, _ := envelope["Message"].(string)
	if id, _ := envelope["MessageId"].(string); !uuid.MatchString(id) {
		t.Errorf("a notification's ID is %q", id)
	}
	for _, name := range []string{"Message", "MessageId", "Signature", "SigningCertURL", "UnsubscribeURL"} {
		if text, _ := envelope[name].(string); text == "" {
			t.Errorf("the envelope has the %s %v", name, envelope[name])
		}
		delete(envelope, name)
	}
	want := map[string]any{
		"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:111122223333:coverage", "SignatureVersion": "1",
		"Timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	return message
}

// The time in an event is that of the row in ListCoverage.
func TestTimesOfEventsAndRows(t *testing.T) {
	s, url := serve(t, eventWorld(simulator.Direct, true), simulator.Options{})
	s.Update(func(w *simulator.World) { changeStatuses(w, time.Now()) })
	rows, err := guarddutyClient(url, memberID).ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(otherDetector)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{}
	for _, r := range rows.Resources {
		want[string(r.ResourceDetails.ResourceType)] = *r.UpdatedAt
	}
	got := map[string]time.Time{}
	for _, text := range bodiesOf(openQueue(t, url, queueName).receive()) {
		var event struct {
			Detail struct {
				LastUpdatedAt   int64
				ResourceDetails struct{ ResourceType string }
			}
		}
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(event.Detail.LastUpdatedAt)
		if event.Detail.ResourceDetails.ResourceType == "EKS" {
			at = time.UnixMicro(event.Detail.LastUpdatedAt)
		}
		got[event.Detail.ResourceDetails.ResourceType] = at.UTC()
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 3 {
		t.Errorf("times (-rows +events):\n%s", diff)
	}
}
