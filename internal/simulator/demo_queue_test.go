package simulator_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// Each change of a status that the demo brings about must come into its queue,
// where its keys lead to.
func TestDemoQueue(t *testing.T) {
	begin := time.Now()
	s, url := serve(t, simulator.DemoWorld(begin), simulator.Options{})
	at, keys := simulator.DemoQueue(), simulator.DemoKeys()
	config := awsConfig(url, at.AccountID)
	config.Region = at.Region
	config.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, "")
	queue := box{t: t, client: sqs.NewFromConfig(config), url: at.URL(url)}

	var accounts []string
	before := map[demoResource]string{}
	s.Update(func(w *simulator.World) {
		before = demoStatuses(w)
		for _, a := range w.Accounts {
			accounts = append(accounts, a.ID)
		}
	})
	changes, events := map[string]int{}, map[string]int{}
	for n := 1; n <= 60; n++ {
		s.Update(func(w *simulator.World) {
			simulator.Step(w, n, begin)
			// The demo's own course changes the status of no EKS cluster.
			w.Account(at.AccountID).EKSClusters[0].Status = []string{"HEALTHY", "UNHEALTHY"}[n%2]
		})
		s.Update(func(w *simulator.World) {
			after := demoStatuses(w)
			for resource, status := range after {
				if before[resource] != status {
					changes[resource.resourceType]++
				}
			}
			before = after
		})
		for visible := 1; visible > 0; visible, _ = s.QueueDepth(at.AccountID, at.Region, at.Name) {
			for _, m := range queue.receive() {
				events[demoEvent(t, *m.Body, accounts)]++
				if err := queue.delete(m); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, resourceType := range []string{"ECS", "EC2", "EKS"} {
		if changes[resourceType] == 0 {
			t.Errorf("nothing of type %s has changed", resourceType)
		}
	}
	if !maps.Equal(events, changes) {
		t.Errorf("events %v of changes %v", events, changes)
	}
	if visible, inFlight := s.QueueDepth(at.AccountID, at.Region, at.Name); visible+inFlight != 0 {
		t.Errorf("%d messages are left", visible+inFlight)
	}
}

type demoResource struct{ resourceType, accountID, region, name string }

// demoStatuses returns the coverage status of every resource.
func demoStatuses(w *simulator.World) map[demoResource]string {
	all := map[demoResource]string{}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			all[demoResource{"ECS", a.ID, c.Region, c.Name}] = c.CoverageStatus()
		}
		for _, i := range a.Instances {
			all[demoResource{"EC2", a.ID, i.Region, i.ID}] = i.CoverageStatus()
		}
		for _, c := range a.EKSClusters {
			all[demoResource{"EKS", a.ID, c.Region, c.Name}] = c.CoverageStatus()
		}
	}
	return all
}

// demoEvent checks a message of the demo's queue and returns its resource type.
func demoEvent(t *testing.T, text string, accounts []string) string {
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
	if !slices.Contains(accounts, event.Detail.AccountID) || !slices.Contains(simulator.DemoTargets()[0].Regions, event.Region) {
		t.Errorf("an event of %s in %s", event.Detail.AccountID, event.Region)
	}
	return event.Detail.ResourceDetails.ResourceType
}
