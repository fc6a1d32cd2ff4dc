package deploy_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// eventful returns a world with one account, one resource of each type and a queue for each form of events.
func eventful() *simulator.World {
	return &simulator.World{Accounts: []*simulator.Account{{
		ID:          member,
		Keys:        simulator.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "example"},
		Detectors:   []*simulator.Detector{{Region: "us-east-1"}},
		Clusters:    []*simulator.Cluster{{Region: "us-east-1", Name: "orders"}},
		Instances:   []*simulator.Instance{{Region: "us-east-1", ID: "i-0123456789abcdef0"}},
		EKSClusters: []*simulator.EKSCluster{{Region: "us-east-1", Name: "payments"}},
		Queues: []*simulator.Queue{
			{Region: "us-east-1", Name: "documented", Events: simulator.Direct},
			{Region: "us-east-1", Name: "observed", Events: simulator.Direct, Observed: true},
		},
	}}}
}

// turn sets the coverage status of all resources in the world.
func turn(server *simulator.Server, status string) {
	server.Update(func(w *simulator.World) {
		a, now := w.Account(member), time.Now()
		a.Clusters[0].Status, a.Clusters[0].UpdatedAt = status, now
		a.Instances[0].Status, a.Instances[0].UpdatedAt = status, now
		a.EKSClusters[0].Status, a.EKSClusters[0].UpdatedAt = status, now
	})
}

// The rules match the events that the simulator sends.
func TestEventPatternsOfTheSimulator(t *testing.T) {
	server := simulator.New(eventful(), simulator.Options{})
	endpoint := httptest.NewServer(server)
	defer endpoint.Close()
	client := sqs.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "example", ""),
	})
	turn(server, "UNHEALTHY")
	turn(server, "HEALTHY")
	for _, queue := range []string{"documented", "observed"} {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl:            aws.String(endpoint.URL + "/" + member + "/" + queue),
			MaxNumberOfMessages: 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) != 6 {
			t.Errorf("%s: %d events, want one of each of three resources for each of two changes", queue, len(out.Messages))
		}
		for _, template := range []string{queueTemplate, topicTemplate} {
			pattern := eventPattern(t, template)
			for _, m := range out.Messages {
				if !matches(t, pattern, *m.Body) {
					t.Errorf("the rule of %s does not match %s", template, *m.Body)
				}
			}
		}
	}
}

// A change of a cluster is on /metrics within two seconds and costs one call. Load on the machine may delay two of the
// three changes.
func TestChangeIsShownWithinTwoSeconds(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	server := simulator.New(eventful(), simulator.Options{})
	endpoint := httptest.NewServer(server)
	t.Cleanup(endpoint.Close) // after the exporter's end
	url := startExporter(t, endpoint.URL, "targets: [{regions: [us-east-1]}]\n"+
		"events: [{queue_url: 'https://sqs.us-east-1.amazonaws.com/"+member+"/documented'}]\n")
	const healthy = `guardduty_ecs_cluster_healthy{account_id="` + member + `",cluster_name="orders",region="us-east-1"} `
	waitForLine(t, url, healthy+"1")
	waitForLine(t, url, `guardduty_event_queue_up{queue="https://sqs.us-east-1.amazonaws.com/`+member+`/documented"} 1`)

	fastest := time.Hour
	for _, c := range []struct{ status, value string }{{"UNHEALTHY", "0"}, {"HEALTHY", "1"}, {"UNHEALTHY", "0"}} {
		server.ResetCalls()
		started := time.Now()
		turn(server, c.status)
		waitForLine(t, url, healthy+c.value)
		took := time.Since(started)
		t.Logf("shown after %s", took.Round(time.Millisecond))
		fastest = min(fastest, took)
		for _, call := range server.Calls() {
			if call.Service == "guardduty" && call.Operation != "ListCoverage" {
				t.Errorf("%s was called too", call.Operation)
			}
		}
		if n := count(server.Calls(), "ListCoverage"); n != 1 {
			t.Errorf("%d calls of ListCoverage for one change", n)
		}
	}
	if fastest > 2*time.Second {
		t.Errorf("the fastest of three changes was shown after %s", fastest)
	}
}

func count(calls []simulator.Call, operation string) int {
	n := 0
	for _, call := range calls {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// startExporter runs an exporter until the test ends, and returns the URL of its metrics.
func startExporter(t *testing.T, endpoint, configuration string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	listening, result := make(chan *web.Server, 1), make(chan error, 1)
	no, none := false, ""
	go func() {
		result <- app.Run(ctx, app.Options{
			Load: func() (*config.Config, error) { return config.Parse("config.yaml", []byte(configuration)) },
			Web: &toolkit.FlagConfig{
				WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: &no, WebConfigFile: &none,
			},
			TelemetryPath: "/metrics",
			Logger:        slog.New(slog.DiscardHandler),
			Simulator: &session.Simulator{
				Endpoint:    endpoint,
				Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "example", ""),
			},
			Listening: func(s *web.Server) { listening <- s },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-result; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case err := <-result:
		result <- err
		t.Fatalf("Run: %v", err)
		return ""
	case s := <-listening:
		return "http://" + s.Addresses()[0].String() + "/metrics"
	}
}

// waitForLine waits at most ten seconds until the page contains the line.
func waitForLine(t *testing.T, url, line string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); ; {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(page), "\n"+line+"\n") {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("the page does not contain %s", line)
		}
	}
}
