package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// Only changes of a status are events.
func TestPublishedEvents(t *testing.T) {
	const put = `{"account_id":"` + memberID + `","region":"us-east-1","cluster_name":"charlie"%s}`
	for name, c := range map[string]struct {
		change func(*simulator.World)
		put    string
		want   []string // names with previous and current status
	}{
		"nothing": {change: func(*simulator.World) {}},
		"the same in other words": {change: func(w *simulator.World) {
			c := w.Account(memberID).Clusters[0]
			c.Status, c.Issue, c.UpdatedAt = "UNHEALTHY", "Others", time.Now()
		}},
		"another word": {
			change: func(w *simulator.World) { w.Account(memberID).Clusters[0].Status = "PENDING" },
			want:   []string{"Unhealthy: charlie UNHEALTHY PENDING"},
		},
		"removed": {change: func(w *simulator.World) { w.Account(memberID).RemoveCluster(region, "charlie") }},
		"new": {
			change: func(w *simulator.World) {
				a := w.Account(administrator)
				a.Clusters = append(a.Clusters, &simulator.Cluster{Region: region, Name: "new"})
			},
			want: []string{"Healthy: new  HEALTHY"},
		},
		"without a detector": {change: func(w *simulator.World) { w.Account(administrator).Cluster("eu-west-1", "elsewhere").Issue = "Others" }},
		"with a suspended detector": {change: func(w *simulator.World) {
			w.Account(memberID).Detectors[0].Suspended, w.Account(memberID).Clusters[0].Status = true, "HEALTHY"
		}},
		"two detectors of a Region": {
			change: func(w *simulator.World) {
				m := w.Account(memberID)
				m.Detectors = append(m.Detectors, &simulator.Detector{Region: region})
				m.Clusters[0].Status = "HEALTHY"
			},
			want: []string{"Healthy: charlie UNHEALTHY HEALTHY"},
		},
		"two accounts": {
			change: func(w *simulator.World) {
				w.Account(memberID).Clusters[0].Status = "HEALTHY"
				w.Account(administrator).Cluster(region, "bravo").Covered = 3
			},
			want: []string{"Healthy: bravo UNHEALTHY HEALTHY", "Healthy: charlie UNHEALTHY HEALTHY"},
		},
		"put, and healthy":     {put: fmt.Sprintf(put, ""), want: []string{"Healthy: charlie UNHEALTHY HEALTHY"}},
		"put, still unhealthy": {put: fmt.Sprintf(put, `,"issue":"Others"`)},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := serve(t, eventWorld(simulator.Direct, false), simulator.Options{})
			if c.change != nil {
				s.Update(c.change)
			} else {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/simulator/clusters", strings.NewReader(c.put))
				if err != nil {
					t.Fatal(err)
				}
				send(t, r)
			}
			var got []string
			for _, text := range bodiesOf(openQueue(t, url, queueName).receive()) {
				got = append(got, summary(t, text))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			checkDepth(t, s, "open", 0, 0)
		})
	}
}

// summary returns an event of an ECS cluster as one line.
func summary(t *testing.T, text string) string {
	t.Helper()
	var event struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			CurrentStatus, PreviousStatus string
			ResourceDetails               struct{ ECSClusterDetails struct{ ClusterName string } }
		}
	}
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		t.Fatal(err)
	}
	d := event.Detail
	return strings.TrimPrefix(event.DetailType, "GuardDuty Runtime Protection ") + ": " +
		strings.Join([]string{d.ResourceDetails.ECSClusterDetails.ClusterName, d.PreviousStatus, d.CurrentStatus}, " ")
}

// All queues receive the same event.
func TestSeveralSubscribers(t *testing.T) {
	w := eventWorld(simulator.Direct, false)
	w.Account(administrator).Queue(region, "open").Events = simulator.SNS
	now := time.Now()
	s, url := serve(t, w, simulator.Options{Now: func() time.Time { return now }})
	s.Update(func(w *simulator.World) { w.Account(memberID).Clusters[0].Status = "HEALTHY" })
	one, other := openQueue(t, url, queueName).receive(), openQueue(t, url, "open").receive()
	if len(one) != 1 || len(other) != 1 {
		t.Fatalf("%d and %d messages", len(one), len(other))
	}
	direct := object(t, *one[0].Body)
	envelope := object(t, *other[0].Body)
	message, _ := envelope["Message"].(string)
	if diff := cmp.Diff(direct, object(t, message)); diff != "" {
		t.Errorf("events differ:\n%s", diff)
	}
}

func TestSubscriptionConfirmation(t *testing.T) {
	s, url := serve(t, queueWorld(), simulator.Options{})
	if _, err := s.SendSubscriptionConfirmation(administrator, region, "none"); err == nil {
		t.Error("sent to a missing queue")
	}
	if _, err := s.SendSubscriptionConfirmation(administrator, region, queueName); err != nil {
		t.Fatal(err)
	}
	message := object(t, *openQueue(t, url, queueName).receive()[0].Body)
	if message["Type"] != "SubscriptionConfirmation" || message["Token"] == "" || message["UnsubscribeURL"] != nil ||
		!strings.Contains(fmt.Sprint(message["SubscribeURL"]), "Action=ConfirmSubscription") {
		t.Errorf("message is %v", message)
	}
}
