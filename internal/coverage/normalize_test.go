package coverage_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// volatile returns generators of the parts of texts that differ from one refresh
// to the next.
func volatile(r *rand.Rand) map[string]func() string {
	letters := func(alphabet string, n int) func() string {
		return func() string {
			b := make([]byte, n)
			for i := range b {
				b[i] = alphabet[r.IntN(len(alphabet))]
			}
			return string(b)
		}
	}
	const hex = "0123456789abcdef"
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	number := func(limit int) func() string { return func() string { return fmt.Sprint(r.IntN(limit)) } }
	join := func(separator string, parts ...func() string) func() string {
		return func() string {
			var all []string
			for _, p := range parts {
				all = append(all, p())
			}
			return strings.Join(all, separator)
		}
	}
	fixed := func(s string) func() string { return func() string { return s } }
	list := func(item func() string, separator string, more bool) func() string {
		return func() string {
			var all []string
			for range 1 + r.IntN(4) {
				all = append(all, "'"+item()+"'")
			}
			s := strings.Join(all, separator)
			if more && r.IntN(2) == 0 {
				s += fmt.Sprintf(" and %d more", 1+r.IntN(500))
			}
			return s
		}
	}
	id, uuid := letters(hex, 32), join("-", letters(hex, 8), letters(hex, 4), letters(hex, 4), letters(hex, 4), letters(hex, 12))
	ip := join(".", number(256), number(256), number(256), number(256))
	ipv6 := join("", fixed("2600:1f18:"), letters(hex, 4), fixed(":"), letters(hex, 4), fixed("::"), letters(hex, 2))
	two := func(n int) func() string { return func() string { return fmt.Sprintf("%02d", r.IntN(n)) } }
	date := func(layout string) func() string {
		return func() string { return time.Unix(r.Int64N(1<<31), 0).UTC().Format(layout) }
	}
	ephemeral := func() string { return fmt.Sprint(32_768 + r.IntN(28_000)) }
	return map[string]func() string{
		"Impacted task ID(s): {}":                    list(id, ", ", true),
		"Impacted task ID(s): {} stopped":            list(uuid, ",", true),
		"task {} stopped":                            id,
		"Request ID: {}; retry":                      uuid,
		"(Service: S3, Status Code:403, HostID: {})": join("", letters(base64, 60), fixed("=")),
		"extended id {}, try again":                  join("", fixed("aA1"), letters(base64, 64), fixed("=")),
		"dial tcp {}:443: i/o timeout":               ip,
		"dial tcp [{}]:443: connect: refused":        ipv6,
		"read tcp {}->52.1.1.1:443: reset":           join(":", ip, ephemeral),
		"listen {}: in use":                          join(":", ip, ephemeral),
		"lookup host on {}:53: no such host":         ip,
		"image sha256:{} not found":                  letters(hex, 64),
		"container {} exited":                        letters(hex, 64),
		"network interface {} in use":                join("", fixed("eni-"), letters(hex, 17)),
		"old interface {} in use":                    join("", fixed("eni-"), letters(hex, 8)),
		"instance {} not ready":                      join("", fixed("i-"), letters(hex, 17)),
		"no address in {}":                           join("", fixed("subnet-"), letters(hex, 17)),
		"endpoint {} is pending":                     join("", fixed("vpce-"), letters(hex, 17)),
		"since {}":                                   join("", fixed("2026-"), two(12), fixed("-"), two(28), fixed("T"), two(24), fixed(":"), two(60), fixed(":"), two(60), fixed("Z")),
		"at {} UTC":                                  join("", two(24), fixed(":"), two(60), fixed(":"), two(60), fixed("."), number(1000)),
		"after {}s":                                  join(".", number(100), number(100)),
		"waited {}":                                  join("", number(60), fixed("m"), number(60), fixed("s")),
		"has been retried {} time(s)":                number(100),
		"{} nodes are available":                     join("/", number(9), number(99)),
		"arn:aws:sts::111122223333:assumed-role/exec/{} is not authorized": id,
		"arn:aws:ecs:eu-west-1:111122223333:task/web/{} stopped":           id,
		"pod agent-{} is pending":                                          join("", fixed("7d9f"), letters(hex, 5), fixed("-x2"), letters("bcdfgh", 3)),
		"pod {} is pending":                                                join("", fixed("aws-guardduty-agent-"), letters("bcdfghjklmnpqrstvwxz2456789", 5)),
		"ended {}":                                                         date(time.RFC1123),
		"begun {}, retry":                                                  date(time.ANSIC),
		"log of [{}]":                                                      date("02/Jan/2006:15:04:05 -0700"),
		"memory {} MiB":                                                    number(4096),
	}
}

// TestIssueIsOneSeries varies the volatile parts of texts. They have one
// normalized text, so that the issue is one series from refresh to refresh.
func TestIssueIsOneSeries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	frames := []string{
		"{}", "Agent exited: Reason: {} for tasks in TaskDefinition - 'web-2:3'",
		"Agent exited: ExitCode: 137 with reason: '{}' for tasks in TaskDefinition - 'web:3'",
		"Agent not provisioned: {}. Refer documentation", "VPC Endpoint Creation Failed: {} for vpc-0123456789abcdef0 (Service: EC2, Status Code:400)",
	}
	for template, generate := range volatile(r) {
		for _, frame := range frames {
			text := strings.ReplaceAll(frame, "{}", template)
			want := coverage.Classify(strings.ReplaceAll(text, "{}", generate()))
			for range 50 {
				raw := strings.ReplaceAll(text, "{}", generate())
				got := coverage.Classify(raw)
				if got != want {
					t.Errorf("%q is %q (%s), want %q (%s)", raw, got.Text(), got.Type(), want.Text(), want.Type())
					break
				}
				if again := coverage.Classify(got.Text()).Text(); again != got.Text() {
					t.Errorf("%q becomes %q, and that %q", raw, got.Text(), again)
					break
				}
			}
		}
	}
}

// TestNormalizeIssueKeepsActionableParts has words with digits that are the same in
// each refresh and that an operator needs.
func TestNormalizeIssueKeepsActionableParts(t *testing.T) {
	for _, raw := range []string{
		"for tasks in TaskDefinition - 'web-2:31'",
		"TaskDefinition - 'web:3', TaskDefinition - 'api2:1'",
		"Service 'web2' requires a new deployment. Impacted service name(s): 'web2', 'api3','b4'",
		"ExitCode: 137", "exit code 1", "Status Code:400", "StatusCode: 403",
		"attributes set to true for vpc-0123456789abcdef0", "vpc-1.",
		"Owner account ID 111122223333 for shared VPC", "arn:aws:iam::111122223333:role/exec",
		"lookup guardduty-data.eu-west-1.amazonaws.com: no such host",
		"Head https://593207742271.dkr.ecr.us-east-1.amazonaws.com/v2/aws-guardduty-agent-fargate: EOF",
		"proxy.example.com:3128: refused", "allow port 443;",
		"EC2, S3, x86_64, ARM64, K8sResourceNotFound, IPv6, scheduling.k8s.io",
		"us-gov-west-1 and ap-southeast-7",
		"the agent doesn't run",
	} {
		if got := coverage.Classify(raw).Text(); got != raw {
			t.Errorf("%q is %q", raw, got)
		}
	}
	for raw, want := range map[string]string{
		"a port 51234 of": "a port … of",
		"vpce-0a1b-x2.guardduty-data.us-east-1.vpce.amazonaws.com": "….guardduty-data.us-east-1.vpce.amazonaws.com",
		"ec2-52-1-2-3.compute-1.amazonaws.com":                     "….….amazonaws.com",
		"111122223333 bytes":                                       "… bytes",
		"us-east-1a is full":                                       "… is full",
		"stopped task abs3c9":                                      "stopped task …",
		"error code 4711":                                          "error code …",
		"vpc-xyz1 and vpc-":                                        "… and vpc-",
		"'a1', 'b2' and 3 more tasks":                              "'…' tasks",
		"Service 'web2' failed with '12345', '6'":                  "Service 'web2' failed with '…'",
		"a1 (and 3 more) tasks":                                    "… tasks",
		strings.Repeat("x", 250) + " 1 2 3":                        strings.Repeat("x", 200),
	} {
		if got := coverage.Classify(raw).Text(); got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
}

// TestClassifyInvalidUTF8: the SDK returns valid UTF-8 only, but other callers may not.
func TestClassifyInvalidUTF8(t *testing.T) {
	if got := coverage.Classify(strings.Repeat("\x80", 5000)); got.Type() != coverage.Unclassified {
		t.Errorf("%+v", got)
	}
}

// TestClassifyOnlyTheBeginning has a task definition within and beyond
// 512 bytes.
func TestClassifyOnlyTheBeginning(t *testing.T) {
	for length, want := range map[int]string{400: "web:3", 600: ""} {
		text := "Agent exited: " + strings.Repeat("a ", length/2) + "TaskDefinition - 'web:3' stopped"
		if got := coverage.Classify(text).TaskDefinition(); got != want {
			t.Errorf("after %d bytes: task definition %q, want %q", length, got, want)
		}
	}
}

// TestLongListIsOneSeries has lists of a few and of many impacted tasks.
func TestLongListIsOneSeries(t *testing.T) {
	list := func(n int) string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("'%032x'", i*7919+1))
		}
		return strings.Join(ids, ", ")
	}
	for _, text := range []string{
		"Tasks %s requires a new deployment",
		"Agent not reporting for tasks: %s in TaskDefinition - 'web:3'",
	} {
		want := coverage.Classify(fmt.Sprintf(text, list(2)))
		if want.Type() == coverage.Unclassified {
			t.Errorf("%q is unclassified", text)
		}
		for _, n := range []int{26, 27, 28, 29, 300} {
			if got := coverage.Classify(fmt.Sprintf(text, list(n))); got != want {
				t.Errorf("%d tasks: %q (%s), want %q (%s)", n, got.Text(), got.Type(), want.Text(), want.Type())
			}
		}
	}
}

// TestNormalizeKeepsStatus has issues that differ only in a status.
func TestNormalizeKeepsStatus(t *testing.T) {
	for _, text := range []string{"exit status %d", "endpoint returned HTTP %d", "Status Code: %d", "ExitCode: %d"} {
		if one, other := fmt.Sprintf(text, 1), fmt.Sprintf(text, 403); coverage.Classify(one).Text() != one || coverage.Classify(other).Text() != other {
			t.Errorf("%q, %q", coverage.Classify(one).Text(), coverage.Classify(other).Text())
		}
	}
}

// TestIssuesAreReused checks that a known issue is reused only for its own text.
func TestIssuesAreReused(t *testing.T) {
	long := strings.Repeat("long text ", 30)
	texts := []string{
		"Unidentified issue", "Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:3'", "Agent exited: " + long + "TaskDefinition - 'a:1'",
		"Agent exited: " + long + "TaskDefinition - 'b:1'", "VPC Endpoint Creation Failed", " \t", "\u200b",
	}
	row := coverage.Row{Key: coverage.Key{Type: coverage.ECS, Name: "web"}, Issues: texts}
	known := coverage.New(row)
	if len(known.Issues) != 5 {
		t.Errorf("%d issues, want 5: blank texts are none", len(known.Issues))
	}
	for _, some := range [][]string{texts, texts[:2], texts[2:4], {texts[1], "Agent exited: ExitCode: 2 for tasks in TaskDefinition - 'web:3'"}, nil} {
		row.Issues = some
		got, want := coverage.NewFrom(&known, row), coverage.New(row)
		if fmt.Sprint(got.Issues) != fmt.Sprint(want.Issues) {
			t.Errorf("%q: %v, want %v", some, got.Issues, want.Issues)
		}
	}
}

func TestIssueFields(t *testing.T) {
	full := strings.Repeat("x", coverage.MaxTextBytes)
	for _, tc := range []struct {
		issueType            coverage.IssueType
		taskDefinition, text string
	}{
		{coverage.AgentExited, "", ""},
		{coverage.VPCEndpoint, "", "VPC Endpoint Creation Failed"},
		{coverage.AgentExited, "web:7", "Agent exited for 'web:7'"},
		{coverage.AgentExited, "web:7", "Agent exited"},
		{coverage.AgentExited, "web:7", ""},
		{coverage.AgentExited, strings.Repeat("y", coverage.MaxTextBytes), full},
		{coverage.Unclassified, full, full},
	} {
		i := coverage.NewIssue(tc.issueType, tc.taskDefinition, tc.text)
		if i.Type() != tc.issueType || i.TaskDefinition() != tc.taskDefinition || i.Text() != tc.text {
			t.Errorf("%+v is %s, %q, %q", tc, i.Type(), i.TaskDefinition(), i.Text())
		}
		if w := i.WithoutText(); w.Text() != "" || w.TaskDefinition() != tc.taskDefinition || w.Type() != tc.issueType {
			t.Errorf("%+v without its text is %+v", tc, w)
		}
	}
	if got := coverage.NewIssue("no such type", "", "").Type(); got != coverage.Unclassified {
		t.Errorf("an unknown type is %s", got)
	}
	for _, issueType := range coverage.IssueTypes() {
		if got := coverage.NewIssue(issueType, "", "").Type(); got != issueType {
			t.Errorf("%s is %s", issueType, got)
		}
	}
}

// TestNormalizeAdjacentParts: two replaced parts without a separator between
// them, before " more".
func TestNormalizeAdjacentParts(t *testing.T) {
	id := strings.Repeat("Aa1", 14)
	for text, want := range map[string]string{
		"x " + id + ".5 more":    "x …",
		"x " + id + "@5 more":    "x …",
		"(" + id + ".7 more)":    "(…)",
		"x '" + id + "' 5 more":  "x '…'",
		"x '" + id + "', 5 more": "x '…'",
	} {
		if got := coverage.Classify(text).Text(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
