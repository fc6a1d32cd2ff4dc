package events_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

const (
	account = "111122223333"
	region  = "us-east-1"
)

// documented is an event of the schema in the GuardDuty user guide, as of November
// 2026.
const documented = `{"version":"0","id":"c7a1","detail-type":"GuardDuty Runtime Protection Unhealthy","source":"aws.guardduty",
"account":"444455556666","time":"2026-08-03T07:58:16Z","region":"us-east-1","resources":[],"detail":{"schemaVersion":"1.0",
"resourceAccountId":"111122223333","currentStatus":"UNHEALTHY","previousStatus":"HEALTHY","resourceDetails":{"resourceType":"ECS",
"ecsClusterDetails":{"clusterName":"shop","fargateDetails":{"issues":["Agent exited : ExitCode: 1"],"managementType":"AUTO_MANAGED"},
"containerInstanceDetails":{"coveredContainerInstances":1,"compatibleContainerInstances":2}}},"issue":"",
"lastUpdatedAt":"2026-08-03T07:52:53.897Z"}}`

// observed returns an event in the form that users have published, with these
// details, currentStatus and lastUpdatedAt.
func observed(resourceType, details, status, lastUpdatedAt string) string {
	return fmt.Sprintf(`{"version":"0","id":"c7a1","detail-type":"GuardDuty Runtime Protection %s","source":"aws.guardduty",`+
		`"account":"444455556666","time":"2026-08-03T07:58:16Z","region":"us-east-1","resources":[],"detail":{"accountId":"111122223333",`+
		`"resourceDetails":{"resourceType":"%s",%s},"previousStatus":"Healthy","currentStatus":"%[1]s","issue":"","lastUpdatedAt":%[4]s}}`,
		status, resourceType, details, lastUpdatedAt)
}

const (
	ofECS = `"ecsClusterDetails":{"clusterName":"shop","fargateDetails":{"issues":[],"managementType":"AUTO_MANAGED"},` +
		`"containerInstanceDetails":{"coveredContainerInstances":0,"compatibleContainerInstances":0}}`
	ofEC2 = `"ec2InstanceDetails":{"instanceId":"i-0123456789abcdef0","instanceType":"t3.medium",` +
		`"clusterArn":"arn:aws:eks:us-east-1:111122223333:cluster/shop","agentDetails":{"version":"v1.6.1"},"managementType":"MANUAL"}`
	ofEKS = `"eksClusterDetails":{"clusterName":"shop","availableNodes":-1,"desiredNodes":-1,` +
		`"addonDetails":{"addonVersion":"v1.6.1-eksbuild.1","addonStatus":"DELETED"}}`
	ofEKSDocumented = `"eksClusterDetails":{"clusterName":"shop","availableNodes":"1","desiredNodes":"2","addonVersion":"v1.6.1"}`
)

// viaSNS wraps an event in an SNS envelope.
func viaSNS(message string) string {
	text, err := json.Marshal(map[string]any{
		"Type": "Notification", "MessageId": "fb4b", "TopicArn": "arn:aws:sns:us-east-1:111122223333:coverage", "Subject": nil,
		"Message": message, "Timestamp": "2026-08-03T07:58:18.667Z", "SignatureVersion": "1", "Signature": "EXAMPLE",
		"SigningCertURL": "https://sns.us-east-1.amazonaws.com/a.pem", "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/",
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func key(resourceType coverage.ResourceType, name string) coverage.Key {
	return coverage.Key{Type: resourceType, AccountID: account, Region: region, Name: name}
}

func TestDecode(t *testing.T) {
	published := time.Date(2026, 8, 3, 7, 58, 16, 0, time.UTC)
	updated := time.Date(2026, 8, 3, 7, 52, 53, 897e6, time.UTC)
	ecs := key(coverage.ECS, "shop")
	for name, c := range map[string]struct {
		body string
		want coverage.Event
	}{
		"documented":                {documented, coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"ECS":                       {observed("ECS", ofECS, "Healthy", "1785743573897"), coverage.Event{Key: ecs, Status: coverage.Healthy, UpdatedAt: updated}},
		"EC2":                       {observed("EC2", ofEC2, "Unhealthy", "1785743573897"), coverage.Event{Key: key(coverage.EC2, "i-0123456789abcdef0"), Status: coverage.Unhealthy, UpdatedAt: updated}},
		"EKS":                       {observed("EKS", ofEKS, "Unhealthy", "1785743573897000"), coverage.Event{Key: key(coverage.EKS, "shop"), Status: coverage.Unhealthy, UpdatedAt: updated}},
		"EKS, documented":           {observed("EKS", ofEKSDocumented, "Unhealthy", "null"), coverage.Event{Key: key(coverage.EKS, "shop"), Status: coverage.Unhealthy}},
		"details of other types":    {observed("EKS", ofECS+","+ofEC2+`,"eksClusterDetails":{"clusterName":"blog"}`, "Healthy", "0"), coverage.Event{Key: key(coverage.EKS, "blog"), Status: coverage.Healthy}},
		"resource type in lower":    {observed("ecs", ofECS, "Healthy", "null"), coverage.Event{Key: ecs, Status: coverage.Healthy}},
		"both accounts":             {strings.Replace(documented, `"schemaVersion":"1.0"`, `"accountId":"777788889999"`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"empty documented account":  {strings.Replace(observed("ECS", ofECS, "Healthy", "null"), `"accountId"`, `"resourceAccountId":"","accountId"`, 1), coverage.Event{Key: ecs, Status: coverage.Healthy}},
		"no current status":         {strings.Replace(observed("ECS", ofECS, "Healthy", "null"), `"currentStatus"`, `"s"`, 1), coverage.Event{Key: ecs, Status: coverage.Healthy}},
		"unknown current status":    {strings.Replace(documented, `"currentStatus":"UNHEALTHY"`, `"currentStatus":"POORLY"`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"status against the type":   {strings.Replace(documented, `"currentStatus":"UNHEALTHY"`, `"currentStatus":"HEALTHY"`, 1), coverage.Event{Key: ecs, Status: coverage.Healthy, UpdatedAt: updated}},
		"duplicate keys: the last":  {strings.Replace(documented, `"clusterName":"shop"`, `"clusterName":"blog","clusterName":"shop"`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"counts of another kind":    {strings.Replace(documented, `"coveredContainerInstances":1`, `"coveredContainerInstances":[{}]`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"unknown fields":            {strings.Replace(documented, `"issue":""`, `"issue":{"a":[1]},"new":{}`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"a Region of the future":    {strings.Replace(documented, `"region":"us-east-1"`, `"region":"eusc-de-east-1"`, 1), coverage.Event{Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: "eusc-de-east-1", Name: "shop"}, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"another source":            {strings.Replace(documented, `"aws.guardduty"`, `"a.test"`, 1), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"the longest name":          {strings.Replace(documented, `"shop"`, `"`+strings.Repeat("a", 255)+`"`, 1), coverage.Event{Key: key(coverage.ECS, strings.Repeat("a", 255)), Status: coverage.Unhealthy, UpdatedAt: updated}},
		"1 MiB":                     {padded(documented, 1<<20), coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
		"white space and line ends": {"\r\n\t " + documented + "\n", coverage.Event{Key: ecs, Status: coverage.Unhealthy, UpdatedAt: updated}},
	} {
		want := events.Notification{ID: "c7a1", Published: published, Event: c.want}
		for form, body := range map[string]string{"direct": c.body, "SNS": viaSNS(c.body)} {
			t.Run(name+"/"+form, func(t *testing.T) {
				got, err := events.Decode([]byte(body))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// padded pads an event to size bytes with a long issue.
func padded(event string, size int) string {
	return strings.Replace(event, `"issue":""`, `"issue":"`+strings.Repeat("x", size-len(event))+`"`, 1)
}

func TestDecodeWithoutIDAndTime(t *testing.T) {
	body := strings.NewReplacer(`"id":"c7a1",`, ``, `"time":"2026-08-03T07:58:16Z"`, `"time":"at noon"`).Replace(documented)
	got, err := events.Decode([]byte(body))
	if err != nil || got.ID != "" || !got.Published.IsZero() || got.Event.Name != "shop" {
		t.Errorf("%+v, %v: an event needs neither", got, err)
	}
}

func TestDecodeLastUpdatedAt(t *testing.T) {
	second := time.Date(2026, 8, 3, 7, 52, 53, 0, time.UTC)
	for raw, want := range map[string]time.Time{
		`1785743573`:                  second,
		`1785743573.0`:                second,
		`1.785743573E9`:               second,
		`1785743573000`:               second,
		`1.785743573E12`:              second,
		`1785743573000000`:            second,
		`1785743573000000000`:         second,
		`"1785743573"`:                second,
		`"1785743573000"`:             second,
		`1785743573.5`:                second.Add(time.Second / 2),
		`1785743573500000`:            second.Add(time.Second / 2),
		`"2026-08-03T07:52:53Z"`:      second,
		`"2026-08-03T07:52:53.000Z"`:  second,
		`"2026-08-03T09:52:53+02:00"`: second,
		`"2026-08-03T09:52:53+0200"`:  second,
		`"2026-08-03T07:52:53"`:       second,
		`99999999`:                    {},
		`100000000`:                   time.Unix(1e8, 0),
		`99999999999`:                 time.Unix(99999999999, 0),
		`100000000000`:                time.UnixMilli(1e11), // milliseconds, in the year 1973
		`99999999999000`:              time.Unix(99999999999, 0),
		`100000000000000`:             time.UnixMicro(1e14),
		`100000000000000000`:          time.Unix(0, 1e17),
		`1e20`:                        {},
		`1e400`:                       {},
		`0`:                           {},
		`-1`:                          {},
		`-1785743573`:                 {},
		`null`:                        {},
		`""`:                          {},
		`"timestamp"`:                 {},
		`"NaN"`:                       {},
		`"Inf"`:                       {},
		`true`:                        {},
		`[1785743573]`:                {},
		`{"epochSecond":1785743573}`:  {},
	} {
		got, err := events.Decode([]byte(observed("ECS", ofECS, "Healthy", raw)))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if updated := got.Event.UpdatedAt; !updated.Equal(want) {
			t.Errorf("%s: %v, want %v", raw, updated, want)
		}
	}
}

// TestDecodeWholeSeconds checks that rounding moves no time into another second,
// because times are compared by the second.
func TestDecodeWholeSeconds(t *testing.T) {
	for second := int64(1785743573); second < 1785743573+1000; second++ {
		for _, raw := range []string{fmt.Sprintf("%d000", second), fmt.Sprintf("%d000000", second), fmt.Sprintf("%d999", second)} {
			got, err := events.Decode([]byte(observed("ECS", ofECS, "Healthy", raw)))
			if err != nil || got.Event.UpdatedAt.Unix() != second {
				t.Fatalf("%s: %v, %v", raw, got.Event.UpdatedAt, err)
			}
		}
	}
}

func TestDecodeForeign(t *testing.T) {
	for name, body := range map[string]string{
		"finding":            `{"id":"1","detail-type":"GuardDuty Finding","source":"aws.guardduty","region":"us-east-1","detail":{"schemaVersion":"2.0","accountId":"111122223333","service":{"count":1}}}`,
		"CloudTrail":         `{"id":"1","detail-type":"AWS API Call via CloudTrail","source":"aws.guardduty","detail":{"eventName":"DeleteDetector"}}`,
		"malware protection": `{"id":"1","detail-type":"GuardDuty Malware Protection Object Scan Result","detail":{}}`,
		"without a detail":   `{"detail-type":"Scheduled Event"}`,
		"detail of any type": `{"detail-type":"myDetailType","detail":"text"}`,
		"other letters":      strings.Replace(documented, "Protection Unhealthy", "Protection UNHEALTHY", 1),
		"later addition":     strings.Replace(documented, "Protection Unhealthy", "Protection Degraded", 1),
	} {
		for form, body := range map[string]string{"direct": body, "SNS": viaSNS(body)} {
			t.Run(name+"/"+form, func(t *testing.T) {
				if got, err := events.Decode([]byte(body)); !errors.Is(err, events.ErrForeign) || got != (events.Notification{}) {
					t.Errorf("%+v, %v, want ErrForeign", got, err)
				}
			})
		}
	}
}
