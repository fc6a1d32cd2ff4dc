package demo

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// awsConfig returns a configuration of the SDK with the demo's access key.
func awsConfig(url, region string) aws.Config {
	key := accessKey()
	return aws.Config{
		Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
}

// The queue receives an event for each change of a status.
func TestEventQueue(t *testing.T) {
	begin, at := time.Now(), eventQueue()
	s := simulator.New(newWorld(begin), simulator.Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, url := sqs.NewFromConfig(awsConfig(server.URL, at.Region)), at.URL(server.URL)

	var accounts []string
	before := map[resourceKey]string{}
	s.Update(func(w *simulator.World) {
		before = statusesOf(w)
		for _, a := range w.Accounts {
			accounts = append(accounts, a.ID)
		}
	})
	changes, events := map[string]int{}, map[string]int{}
	for n := 1; n <= 60; n++ {
		s.Update(func(w *simulator.World) {
			advance(w, n, begin)
			// No scheduled change affects the status of an EKS cluster.
			w.Account(at.AccountID).EKSClusters[0].Status = []string{"HEALTHY", "UNHEALTHY"}[n%2]
		})
		s.Update(func(w *simulator.World) {
			after := statusesOf(w)
			for resource, status := range after {
				if before[resource] != status {
					changes[resource.resourceType]++
				}
			}
			before = after
		})
		for visible := 1; visible > 0; visible, _ = s.QueueDepth(at.AccountID, at.Region, at.Name) {
			out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range out.Messages {
				events[checkEvent(t, *m.Body, accounts)]++
				if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, resourceType := range []string{"ECS", "EC2", "EKS"} {
		if changes[resourceType] == 0 {
			t.Errorf("no status of type %s changed", resourceType)
		}
	}
	if !maps.Equal(events, changes) {
		t.Errorf("events %v for changes %v", events, changes)
	}
	if visible, inFlight := s.QueueDepth(at.AccountID, at.Region, at.Name); visible+inFlight != 0 {
		t.Errorf("%d messages are left", visible+inFlight)
	}
}

type resourceKey struct{ resourceType, accountID, region, name string }

// statusesOf returns the coverage status of every resource.
func statusesOf(w *simulator.World) map[resourceKey]string {
	all := map[resourceKey]string{}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			all[resourceKey{"ECS", a.ID, c.Region, c.Name}] = c.CoverageStatus()
		}
		for _, i := range a.Instances {
			all[resourceKey{"EC2", a.ID, i.Region, i.ID}] = i.CoverageStatus()
		}
		for _, c := range a.EKSClusters {
			all[resourceKey{"EKS", a.ID, c.Region, c.Name}] = c.CoverageStatus()
		}
	}
	return all
}

// checkEvent checks a message of the event queue and returns its resource type.
func checkEvent(t *testing.T, text string, accounts []string) string {
	t.Helper()
	var envelope struct{ Message string }
	if err := json.Unmarshal([]byte(text), &envelope); err != nil {
		t.Fatal(err)
	}
	var event struct {
		Region string
		Detail struct {
			AccountID       string
			ResourceDetails struct{ ResourceType string }
		}
	}
	if err := json.Unmarshal([]byte(envelope.Message), &event); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(accounts, event.Detail.AccountID) || !slices.Contains(regions(), event.Region) {
		t.Errorf("event of account %s in %s", event.Detail.AccountID, event.Region)
	}
	return event.Detail.ResourceDetails.ResourceType
}
