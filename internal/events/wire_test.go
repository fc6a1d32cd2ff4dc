package events_test

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
	"github.com/prometheus/client_golang/prometheus"
)

// TestSimulatorOnSockets does over TCP and in real time what the other tests do
// in bubbles.
func TestSimulatorOnSockets(t *testing.T) {
	server := httptest.NewServer(simulator.New(&simulator.World{Accounts: []*simulator.Account{{
		ID: account, Keys: simulator.Keys{AccessKeyID: keyID, SecretAccessKey: secret},
		Queues: []*simulator.Queue{{Region: region, Name: usual}},
	}}}, simulator.Options{}))
	t.Cleanup(server.Close)
	throughTheWire(t, server.URL, queue.Address{AccountID: account, Region: region, Name: usual}.URL(server.URL), nil)
}

// TestFauxqs speaks with a queue that was written by others: the npm package
// fauxqs, whose SNS also makes the envelope.
func TestFauxqs(t *testing.T) {
	if testing.Short() {
		t.Skip("fauxqs has to be installed")
	}
	base := startFauxqs(t)
	client := sqs.NewFromConfig(configOf(t, base))
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(usual)})
	if err != nil {
		t.Fatal(err)
	}
	topic := callSNS(t, base, url.Values{"Action": {"CreateTopic"}, "Name": {"coverage"}})
	callSNS(t, base, url.Values{
		"Action": {"Subscribe"}, "TopicArn": {topic}, "Protocol": {"sqs"},
		"Endpoint": {"arn:aws:sqs:" + region + ":000000000000:" + usual},
	})
	throughTheWire(t, base, *made.QueueUrl, func(body string) {
		callSNS(t, base, url.Values{"Action": {"Publish"}, "TopicArn": {topic}, "Message": {body}})
	})
}

// startFauxqs installs fauxqs below a temporary directory, has it listen on the
// loopback interface until the test ends, and returns its address.
func startFauxqs(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("there is no npm in PATH")
	}
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), npm, "install", "--prefix", dir,
		"--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "fauxqs@1.9.2")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm: %v\n%s", err, out)
		}
		t.Skipf("fauxqs cannot be installed: %v\n%.500s", err, out)
	}
	script := filepath.Join(dir, "serve.mjs")
	// It ends with its input, so also when the test is killed.
	const serve = `import { buildApp } from "fauxqs";
console.log(await buildApp({ logger: false }).listen({ port: 0, host: "127.0.0.1" }));
process.stdin.on("end", () => process.exit()).resume();
`
	if err := os.WriteFile(script, []byte(serve), 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", script)
	node.Dir, node.Stderr = dir, os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = node.Wait() // it may have been killed already
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("fauxqs says %q: %v", address, err)
	}
	return strings.TrimSpace(address)
}

// callSNS makes a call of SNS's Query API and returns the topic's ARN, if the
// answer has one.
func callSNS(t *testing.T, base string, call url.Values) (topicARN string) {
	t.Helper()
	resp, err := http.PostForm(base+"/", call)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	defer http.DefaultClient.CloseIdleConnections()
	var answer struct {
		TopicARN string `xml:"CreateTopicResult>TopicArn"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", call.Get("Action"), resp.Status, err)
	}
	return answer.TopicARN
}

func configOf(t *testing.T, base string) aws.Config {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: region, BaseEndpoint: &base, HTTPClient: &http.Client{Transport: transport, Timeout: 40 * time.Second},
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	}
}

// throughTheWire sends to an empty queue what there is of messages, and checks
// what comes of them. publish, if not nil, sends by way of SNS.
func throughTheWire(t *testing.T, base, queueURL string, publish func(body string)) {
	t.Helper()
	cfg := configOf(t, base)
	client := sqs.NewFromConfig(cfg)
	send := func(body string) {
		t.Helper()
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	if publish == nil {
		publish = func(body string) { send(viaSNS(body)) }
	}

	var mu sync.Mutex
	looks := map[string]int{}
	metrics := prometheus.NewPedanticRegistry()
	ctx, stop := context.WithCancel(t.Context())
	consumer := events.New(events.Options{
		Apply: func(_ context.Context, c coverage.Event) (coverage.Outcome, error) {
			mu.Lock()
			defer mu.Unlock()
			looks[c.Name]++
			if c.Name == "behind" && looks[c.Name] == 1 {
				return coverage.Behind, nil
			}
			return coverage.Applied, nil
		},
		Metrics: events.NewMetrics(metrics), Logger: slog.New(slog.DiscardHandler),
	})
	defer consumer.Wait()
	defer stop()
	consumer.Set(ctx, []events.Queue{{URL: queueURL, Config: cfg}})

	want := map[string]int{"behind": 2, "by SNS": 1}
	send(event("behind"))
	publish(event("by SNS"))
	send(`{"detail-type":"GuardDuty Finding","detail":{}}`)
	send("not an event")
	for i := range 30 {
		name := fmt.Sprintf("cluster %d & <b>“é”</b>", i)
		want[name] = 1
		send(event(name))
	}
	eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(looks) == len(want) && looks["behind"] == 2
	})
	eventually(t, func() bool {
		names := []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		}
		out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: names})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes[string(names[0])] == "0" && out.Attributes[string(names[1])] == "1" // what is no event
	})
	mu.Lock()
	equal(t, "looks", want, looks)
	mu.Unlock()
	var applied []float64
	for _, f := range gather(t, metrics) {
		if slices.Contains([]string{"guardduty_exporter_events_applied_total", "guardduty_event_queue_up"}, f.GetName()) {
			applied = append(applied, f.GetMetric()[0].GetCounter().GetValue()+f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	equal(t, "up and applied", []float64{1, 32}, applied)
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); !done(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("not within 20 seconds")
		}
	}
}
