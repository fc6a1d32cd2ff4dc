package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
)

const (
	queueTemplate = "eventbridge/queue.yaml"
	topicTemplate = "eventbridge/topic.yaml"
)

// properties returns the properties of each resource of a type, by the name of the resource. A function is replaced by
// its argument: !GetAtt Queue.Arn by Queue.Arn.
func properties(t *testing.T, name, resourceType string) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for resource, node := range readYAML[stack](t, name).Resources {
		var r struct {
			Type       string         `yaml:"Type"`
			Condition  string         `yaml:"Condition"`
			Properties map[string]any `yaml:"Properties"`
		}
		if err := node.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Type == resourceType {
			found[resource] = r.Properties
		}
	}
	return found
}

// only is a policy with one statement, as in the templates.
func only(statement map[string]any) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{statement}}
}

func sourceARN(arn string) map[string]any {
	return map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": arn}}
}

// The templates create only these resources, and the policies restrict the sender and its source.
func TestQueueTemplate(t *testing.T) {
	want := map[string]map[string]any{"QueuePolicy": {
		"Queues": []any{"Queue"},
		"PolicyDocument": only(map[string]any{
			"Sid": "SentByTheRule", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"},
			"Action": "sqs:SendMessage", "Resource": "Queue.Arn", "Condition": sourceARN("Rule.Arn"),
		}),
	}}
	if diff := cmp.Diff(want, properties(t, queueTemplate, "AWS::SQS::QueuePolicy")); diff != "" {
		t.Errorf("queue policy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(queuesNamed("", "${Name}", "Name"), properties(t, queueTemplate, "AWS::SQS::Queue")); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{map[string]any{"Id": "queue", "Arn": "Queue.Arn"}}, rule(t, queueTemplate)["Targets"]); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if resources := readYAML[stack](t, queueTemplate).Resources; len(resources) != 4 {
		t.Errorf("the template has %d resources, want 4", len(resources))
	}
}

func TestTopicTemplate(t *testing.T) {
	queues, policies, subscriptions := map[string]map[string]any{}, map[string]map[string]any{}, map[string]map[string]any{}
	for _, n := range []string{"1", "2", "3"} {
		maps.Copy(queues, queuesNamed(n, "${Name}-"+n, "${Name}-"+n))
		policies["QueuePolicy"+n] = map[string]any{
			"Queues": []any{"Queue" + n},
			"PolicyDocument": only(map[string]any{
				"Sid": "SentByTheTopic", "Effect": "Allow", "Principal": map[string]any{"Service": "sns.amazonaws.com"},
				"Action": "sqs:SendMessage", "Resource": "Queue" + n + ".Arn", "Condition": sourceARN("Topic"),
			}),
		}
		subscriptions["Subscription"+n] = map[string]any{
			"TopicArn": "Topic", "Protocol": "sqs", "Endpoint": "Queue" + n + ".Arn", "RawMessageDelivery": true,
		}
	}
	// EventBridge sends no context to SNS that a condition could use.
	topic := map[string]map[string]any{"TopicPolicy": {
		"Topics": []any{"Topic"},
		"PolicyDocument": only(map[string]any{
			"Sid": "PublishedByEventBridge", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"},
			"Action": "sns:Publish", "Resource": "Topic",
		}),
	}}
	for resourceType, want := range map[string]map[string]map[string]any{
		"AWS::SQS::Queue": queues, "AWS::SQS::QueuePolicy": policies, "AWS::SNS::Subscription": subscriptions,
		"AWS::SNS::TopicPolicy": topic, "AWS::SNS::Topic": {"Topic": {"TopicName": "Name"}},
	} {
		if diff := cmp.Diff(want, properties(t, topicTemplate, resourceType)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", resourceType, diff)
		}
	}
	if diff := cmp.Diff([]any{map[string]any{"Id": "topic", "Arn": "Topic"}}, rule(t, topicTemplate)["Targets"]); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if resources := readYAML[stack](t, topicTemplate).Resources; len(resources) != 15 {
		t.Errorf("the template has %d resources, want 15", len(resources))
	}
}

// queuesNamed returns the properties of a replica's queue and of its dead-letter queue; full is the expression of the name.
func queuesNamed(suffix, name, full string) map[string]map[string]any {
	return map[string]map[string]any{
		"Queue" + suffix: {
			"QueueName": full, "SqsManagedSseEnabled": true, "MessageRetentionPeriod": 86400,
			"RedrivePolicy": map[string]any{"deadLetterTargetArn": "DeadLetters" + suffix + ".Arn", "maxReceiveCount": 10},
		},
		"DeadLetters" + suffix: {
			"QueueName": name + "-dead", "SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1209600,
		},
	}
}

// The number of queues and of their related resources is the number of replicas.
func TestReplicasOfTheTopicTemplate(t *testing.T) {
	file := readYAML[stack](t, topicTemplate)
	if diff := cmp.Diff([]string{"1", "2", "3"}, file.Parameters["Replicas"].AllowedValues); diff != "" {
		t.Errorf("replicas (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"AtLeastTwo": "!Not [!Equals [Replicas 1]]", "Three": "!Equals [Replicas 3]"} {
		node := file.Conditions[name]
		if got := expression(&node); got != want {
			t.Errorf("the condition %s is %s, want %s", name, got, want)
		}
	}
	for _, parts := range []map[string]yaml.Node{file.Resources, file.Outputs} {
		for name, part := range parts {
			want := map[string]string{"2": "AtLeastTwo", "3": "Three"}[name[len(name)-1:]]
			if got := condition(part); got != want {
				t.Errorf("%s has the condition %q, want %q", name, got, want)
			}
		}
	}
}

// expression formats a function in a condition with its arguments.
func expression(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode {
		return node.Value
	}
	var arguments []string
	for _, argument := range node.Content {
		arguments = append(arguments, expression(argument))
	}
	return fmt.Sprintf("%s %v", node.Tag, arguments)
}

func rule(t *testing.T, name string) map[string]any {
	t.Helper()
	rules := properties(t, name, "AWS::Events::Rule")
	if len(rules) != 1 || rules["Rule"] == nil {
		t.Fatalf("%s has %d rules", name, len(rules))
	}
	return rules["Rule"]
}

// eventPattern returns the values that the rule in the template requires for each key of an event.
func eventPattern(t *testing.T, name string) map[string][]string {
	t.Helper()
	var resource struct {
		Properties struct {
			EventPattern map[string][]string `yaml:"EventPattern"`
		} `yaml:"Properties"`
	}
	node := readYAML[stack](t, name).Resources["Rule"]
	if err := node.Decode(&resource); err != nil {
		t.Fatal(err)
	}
	return resource.Properties.EventPattern
}

// matches reports whether an event has one of the values of the pattern for each of its keys. The templates do not use
// the other kinds of patterns that EventBridge has.
func matches(t *testing.T, pattern map[string][]string, event string) bool {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(event), &fields); err != nil {
		t.Fatal(err)
	}
	for key, values := range pattern {
		if value, ok := fields[key].(string); !ok || !slices.Contains(values, value) {
			return false
		}
	}
	return true
}

// The rules match exactly the GuardDuty events that the exporter accepts as coverage events.
func TestEventPatterns(t *testing.T) {
	for _, template := range []string{queueTemplate, topicTemplate} {
		pattern := eventPattern(t, template)
		if len(pattern) != 2 {
			t.Errorf("%s: the pattern has %d keys, want source and detail-type", template, len(pattern))
		}
		for name, event := range sampleEvents() {
			_, err := events.Decode([]byte(event))
			if err != nil && !errors.Is(err, events.ErrForeign) {
				t.Errorf("%s: %v", name, err)
			}
			if passes := matches(t, pattern, event); passes != (err == nil) {
				t.Errorf("%s: the rule of %s matches %s: %t", name, template, event, passes)
			}
		}
	}
}

// sampleEvents returns coverage events from the user guide and from real accounts, and other GuardDuty events.
func sampleEvents() map[string]string {
	event := func(detailType, detail string) string {
		return `{"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "` + detailType + `",
			"source": "aws.guardduty", "account": "111122223333", "time": "2026-11-20T10:00:00Z", "region": "us-east-1",
			"resources": [], "detail": ` + detail + `}`
	}
	const (
		documented = `{"schemaVersion": "1.0", "resourceAccountId": "444455556666", "currentStatus": "Unhealthy", "previousStatus": "Healthy",
			"resourceDetails": {"resourceType": "ECS", "ecsClusterDetails": {"clusterName": "shop", "fargateDetails": {"issues": [], "managementType": ""},
			"containerInstanceDetails": {"coveredContainerInstances": 0, "compatibleContainerInstances": 0}}}, "issue": "", "lastUpdatedAt": "2026-11-20T09:54:00Z"}`
		observed = `{"accountId": "444455556666", "currentStatus": "Healthy", "previousStatus": "Unhealthy",
			"resourceDetails": {"resourceType": "EC2", "ec2InstanceDetails": {"instanceId": "i-0123456789abcdef0", "instanceType": "t3.large",
			"clusterArn": "", "agentDetails": {"version": "v1.6.1"}, "managementType": "AUTO_MANAGED"}}, "issue": "", "lastUpdatedAt": 1795168440000}`
	)
	return map[string]string{
		"unhealthy": event("GuardDuty Runtime Protection Unhealthy", documented),
		"healthy":   event("GuardDuty Runtime Protection Healthy", observed),
		"finding":   event("GuardDuty Finding", `{"schemaVersion": "2.0", "accountId": "444455556666", "type": "Execution:Runtime/NewBinaryExecuted"}`),
		"malware":   event("GuardDuty Malware Protection Object Scan Result", `{}`),
		"call":      event("AWS API Call via CloudTrail", `{"eventSource": "guardduty.amazonaws.com"}`),
	}
}

// The names that the templates allow are valid queue names with their suffixes, and the default is that of the documents.
func TestNamesOfQueues(t *testing.T) {
	for template, suffix := range map[string]string{queueTemplate: "-dead", topicTemplate: "-3-dead"} {
		name := readYAML[stack](t, template).Parameters["Name"]
		pattern := regexp.MustCompile(name.AllowedPattern)
		for _, n := range []string{name.Default, strings.Repeat("a", 57), strings.Repeat("b", 60), "a.fifo", "a b"} {
			url := "https://sqs.us-east-1.amazonaws.com/111122223333/" + n + suffix
			_, err := config.Parse("config.yaml", []byte("events: [{queue_url: '"+url+"'}]"))
			if pattern.MatchString(n) && (err != nil || len(n+suffix) > 64) { // rules have 64 at most
				t.Errorf("%s allows %s, which is not valid: %v", template, n, err)
			}
		}
		if !pattern.MatchString(name.Default) || !strings.HasPrefix(name.Default, "guardduty-coverage-events") {
			t.Errorf("%s has the default name %q", template, name.Default)
		}
	}
}
