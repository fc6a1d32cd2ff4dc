//go:build fauxqs

package events_test

import (
	"bufio"
	"encoding/xml"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestFauxqs uses an SQS and SNS implementation that is not ours, the npm package
// fauxqs. It needs npm and Node.js.
func TestFauxqs(t *testing.T) {
	base := startFauxqs(t)
	client := sqs.NewFromConfig(configOf(t, base))
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(mainQueue)})
	if err != nil {
		t.Fatal(err)
	}
	topic := callSNS(t, base, url.Values{"Action": {"CreateTopic"}, "Name": {"coverage"}})
	callSNS(t, base, url.Values{
		"Action": {"Subscribe"}, "TopicArn": {topic}, "Protocol": {"sqs"},
		"Endpoint": {"arn:aws:sqs:" + region + ":000000000000:" + mainQueue},
	})
	testQueue(t, base, *made.QueueUrl, func(body string) {
		callSNS(t, base, url.Values{"Action": {"Publish"}, "TopicArn": {topic}, "Message": {body}})
	})
}

// startFauxqs installs fauxqs in a temporary directory, runs it on the loopback
// interface until the test ends, and returns its URL.
func startFauxqs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", dir,
		"--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "fauxqs@1.9.2")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, out)
	}
	script := filepath.Join(dir, "serve.mjs")
	// It exits at the end of its input, so also when the test is killed.
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
		t.Fatalf("fauxqs wrote %q: %v", address, err)
	}
	return strings.TrimSpace(address)
}

// callSNS calls the SNS query API and returns the topic ARN of the response, if
// any.
func callSNS(t *testing.T, base string, call url.Values) (topicARN string) {
	t.Helper()
	resp, err := http.PostForm(base+"/", call)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	defer http.DefaultClient.CloseIdleConnections()
	var out struct {
		TopicARN string `xml:"CreateTopicResult>TopicArn"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", call.Get("Action"), resp.Status, err)
	}
	return out.TopicARN
}
