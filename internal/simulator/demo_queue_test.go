package simulator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"guardduty_coverage_exporter/internal/simulator"
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
	before := map[string]string{}
	s.Update(func(w *simulator.World) {
		before = ecsStatuses(w)
		for _, a := range w.Accounts {
			accounts = append(accounts, a.ID)
		}
	})
	changes, events := 0, 0
	for n := 1; n <= 60; n++ {
		s.Update(func(w *simulator.World) { simulator.Step(w, n, begin) })
		s.Update(func(w *simulator.World) {
			after := ecsStatuses(w)
			for cluster, status := range after {
				if before[cluster] != status {
					changes++
				}
			}
			before = after
		})
		for _, m := range queue.receive() {
			if strings.Contains(demoEvent(t, *m.Body, accounts), "ECS") {
				events++
			}
			if err := queue.delete(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if changes == 0 || events != changes {
		t.Errorf("%d events of %d changes of ECS clusters", events, changes)
	}
	if visible, inFlight := s.QueueDepth(at.AccountID, at.Region, at.Name); visible+inFlight != 0 {
		t.Errorf("%d messages are left", visible+inFlight)
	}
}

func ecsStatuses(w *simulator.World) map[string]string {
	all := map[string]string{}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			all[a.ID+c.Region+c.Name] = c.CoverageStatus()
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
