package alerts

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the examples in the runbook")

// slackMessage is what Alertmanager posts to Slack.
type slackMessage struct {
	Attachments []struct {
		Title     string `json:"title"`
		TitleLink string `json:"title_link"`
		Text      string `json:"text"`
		Fallback  string `json:"fallback"`
		Color     string `json:"color"`
	} `json:"attachments"`
}

// email is an email of Alertmanager.
type email struct{ subject, text, html string }

// TestNotifications sends alerts, with the annotations that the rules' tests expect, to
// a real Alertmanager with the example configuration and compares its Slack
// message and its email with those in the runbook.
func TestNotifications(t *testing.T) {
	messages, emails := make(chan slackMessage, 10), make(chan email, 10)
	config := notifyingConfig(t, slackServer(t, messages), smtpServer(t, emails))
	at := startAlertmanager(t, config)
	cluster := expectedAlert(t, "guardduty-coverage-ecs.rules_test.yaml", "GuardDutyCoverageClusterUnhealthy", "cluster_name", "orders")
	off := expectedAlert(t, "guardduty-coverage-history.rules_test.yaml", "GuardDutyCoverageNoDetector", "target", "sandbox")
	post(t, at, []posted{cluster})
	mail := receive(t, emails)
	compare(t, "email", "Subject: "+mail.subject+"\n\n"+mail.text)
	for _, part := range append([]string{"<a href=\"" + strings.ReplaceAll(cluster.Annotations["dashboard_url"], "&", "&amp;") + "\""}, "<title>[FIRING] "+cluster.Annotations["summary"], cluster.Annotations["since"], cluster.Annotations["owner"]) {
		if !strings.Contains(mail.html, part) {
			t.Errorf("the HTML part lacks %s:\n%s", part, mail.html)
		}
	}
	if path := os.Getenv("EMAIL_HTML"); path != "" { // to look at
		if err := os.WriteFile(path, []byte(mail.html), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	post(t, at, []posted{off})
	message := receive(t, messages)
	if len(message.Attachments) != 1 {
		t.Fatalf("message: %+v", message)
	}
	got := message.Attachments[0]
	if want := "[FIRING] " + off.Annotations["summary"]; got.Title != want || got.Fallback != want || got.TitleLink != off.Annotations["runbook_url"] || got.Color != "danger" {
		t.Errorf("message: %+v", got)
	}
	compare(t, "slack", got.Title+"\n"+got.Text)
}

// TestSlackTemplates renders messages with the text of others, many alerts and resolved ones.
func TestSlackTemplates(t *testing.T) {
	cluster := expectedAlert(t, "guardduty-coverage-ecs.rules_test.yaml", "GuardDutyCoverageClusterUnhealthy", "cluster_name", "orders")
	hostile := maps.Clone(cluster.Annotations)
	hostile["owner"], hostile["aws_text"] = "R&D <!channel>", "see <https://example.org|here>"
	text := render(t, "guardduty.slack.text", "firing", hostile, hostile, hostile, hostile, hostile, hostile)
	for _, part := range []string{"> see &lt;https://example.org|here&gt;", "(owner: R&amp;D &lt;!channel&gt;)", "The first 5 of 6 alerts. All: http://alertmanager.example.org"} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
	if n := strings.Count(text, "|Runbook>"); n != 5 {
		t.Errorf("%d alerts are shown:\n%s", n, text)
	}
	if got, want := render(t, "guardduty.slack.text", "resolved", cluster.Annotations), "Resolved: "+cluster.Annotations["summary"]; got != want {
		t.Errorf("resolved: %q, want %q", got, want)
	}
	if got, want := render(t, "guardduty.title", "resolved", cluster.Annotations), "[RESOLVED] "+cluster.Annotations["summary"]; got != want {
		t.Errorf("title: %q, want %q", got, want)
	}
	if got, want := render(t, "guardduty.title", "firing", hostile, hostile), "[FIRING 2] GuardDuty coverage ClusterUnhealthy 222233334444"; got != want {
		t.Errorf("title: %q, want %q", got, want)
	}
	minimal := map[string]string{}
	for _, name := range []string{"summary", "description", "since", "acts", "runbook_url", "dashboard_url"} {
		minimal[name] = "x"
	}
	for _, name := range []string{"guardduty.slack.text", "guardduty.email.text", "guardduty.email.html"} {
		if text := render(t, name, "firing", minimal); strings.Contains(text, "no value") || strings.Contains(text, "Owner") || strings.Contains(text, "Fix") {
			t.Errorf("%s without optional annotations:\n%s", name, text)
		}
	}
}

// render renders a template for alerts with the annotations.
func render(t *testing.T, name, status string, annotations ...map[string]string) string {
	t.Helper()
	type alertData struct {
		Status              string            `json:"status"`
		Labels, Annotations map[string]string `json:",omitempty"`
	}
	data := struct {
		Status, ExternalURL string
		GroupLabels         map[string]string
		Alerts              []alertData
	}{status, "http://alertmanager.example.org", map[string]string{"alertname": "GuardDutyCoverageClusterUnhealthy", "account_id": "222233334444"}, nil}
	for _, a := range annotations {
		data.Alerts = append(data.Alerts, alertData{Status: status, Annotations: a})
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(file, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	read(t, templateFile) // so that go test does not take a result from its cache when the file has changed
	out := run(t, "amtool", "template", "render", "--template.glob="+templateFile, "--template.data="+file, `--template.text={{ template "`+name+`" . }}`)
	return strings.TrimSuffix(out, "\n")
}

// expectedAlert returns the first alert of the name and with the label that the
// rules' test expects.
func expectedAlert(t *testing.T, file, name, label, value string) posted {
	t.Helper()
	var tests struct {
		Tests []struct {
			Alerts []struct {
				Name     string `yaml:"alertname"`
				Expected []struct {
					Labels      map[string]string `yaml:"exp_labels"`
					Annotations map[string]string `yaml:"exp_annotations"`
				} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	decode(t, file, &tests)
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			if a.Name == name && len(a.Expected) > 0 && a.Expected[0].Labels[label] == value {
				return posted{with(a.Expected[0].Labels, "alertname", name), a.Expected[0].Annotations}
			}
		}
	}
	t.Fatalf("%s: no %s", file, name)
	return posted{}
}

// notifyingConfig writes the example configuration with these servers and without
// waiting, beside its templates.
func notifyingConfig(t *testing.T, slack, smtp string) string {
	t.Helper()
	dir := t.TempDir()
	config := string(read(t, routingFile))
	for _, change := range [][2]string{{"http://127.0.0.1:9099/slack", slack}, {"127.0.0.1:9025", smtp}} {
		if strings.Count(config, change[0]) != 1 {
			t.Fatalf("%s: want %s once", routingFile, change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	config = regexp.MustCompile(`group_wait: \d+s`).ReplaceAllString(config, "group_wait: 100ms")
	for name, content := range map[string]string{routingFile: config, templateFile: string(read(t, templateFile))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, routingFile)
}

func slackServer(t *testing.T, messages chan<- slackMessage) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message slackMessage
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("message: %v", err)
		}
		messages <- message
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// smtpServer accepts emails on a loopback address and returns it.
func smtpServer(t *testing.T, emails chan<- email) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go func() {
				defer conn.Close()
				if body := acceptMail(conn); body != "" {
					emails <- parseMail(t, body)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// acceptMail speaks as much SMTP as is needed to receive one email.
func acceptMail(conn net.Conn) (body string) {
	text := textproto.NewConn(conn)
	_ = text.PrintfLine("220 test")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return body
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			_ = text.PrintfLine("354 go ahead")
			content, err := io.ReadAll(text.DotReader())
			if err != nil {
				return ""
			}
			body = string(content)
			_ = text.PrintfLine("250 ok")
		case "QUIT":
			_ = text.PrintfLine("221 bye")
			return body
		default:
			_ = text.PrintfLine("250 ok")
		}
	}
}

func parseMail(t *testing.T, body string) (e email) {
	message, err := mail.ReadMessage(bufio.NewReader(strings.NewReader(body)))
	if err != nil {
		t.Errorf("email: %v", err)
		return e
	}
	if e.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		t.Errorf("subject: %v", err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Errorf("email: %v", err)
		return e
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return e
		}
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Errorf("email: %v", err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			e.html = string(content)
		} else {
			e.text = strings.ReplaceAll(string(content), "\r\n", "\n")
		}
	}
}

func receive[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("timeout waiting for a notification")
	}
	return got
}

// compare compares the text with the block of the runbook after the marker of its kind.
func compare(t *testing.T, kind, got string) {
	t.Helper()
	got = strings.TrimRight(got, "\n") + "\n"
	runbook := string(read(t, runbookFile))
	before, rest, found := strings.Cut(runbook, "<!-- "+kind+" -->\n```text\n")
	want, after, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatalf("%s has no example of %s", runbookFile, kind)
	}
	if *update {
		if err := os.WriteFile(runbookFile, []byte(before+"<!-- "+kind+" -->\n```text\n"+got+"```\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s in %s (-want +got):\n%s", kind, runbookFile, diff)
	}
}
