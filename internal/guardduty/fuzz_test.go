package guardduty

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// operation is an operation of the API, identified by its method and the end of its path, and a valid response.
type operation struct{ name, method, path, answer string }

func operations() []operation {
	return []operation{
		{"ListDetectors", "GET", "/detector", `{"detectorIds": ["12abc34d567e8fa901bc2d34e56789f0"]}`},
		{"GetDetector", "GET", "/detector/12abc34d567e8fa901bc2d34e56789f0", `{"status": "ENABLED", "serviceRole": "a", "features": [
			{"name": "RUNTIME_MONITORING", "status": "ENABLED", "updatedAt": 1.7e9, "additionalConfiguration": [{"name": "ECS_FARGATE_AGENT_MANAGEMENT", "status": "DISABLED"}]}]}`},
		{"ListMembers", "GET", "/member", `{"members": [{"accountId": "222233334444", "masterId": "111122223333", "email": "a@example.com",
			"relationshipStatus": "Enabled", "updatedAt": "2026-11-01T12:30:00Z"}]}`},
		{"GetMemberDetectors", "POST", "/member/detector/get", `{"members": [{"accountId": "222233334444",
			"features": [{"name": "RUNTIME_MONITORING", "status": "ENABLED"}]}], "unprocessedAccounts": []}`},
		{"GetCoverageStatistics", "POST", "/coverage/statistics", `{"coverageStatistics": {"countByCoverageStatus": {"HEALTHY": 1}}}`},
		{"ListCoverage", "POST", "/coverage", `{"resources": [
			{"accountId": "111122223333", "coverageStatus": "UNHEALTHY", "issue": "", "updatedAt": 1.7e9, "resourceDetails": {"resourceType": "ECS",
				"ecsClusterDetails": {"clusterName": "web", "fargateDetails": {"issues": ["Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:3'"], "managementType": "AUTO_MANAGED"},
				"containerInstanceDetails": {"coveredContainerInstances": 1, "compatibleContainerInstances": 2}}}},
			{"accountId": "111122223333", "coverageStatus": "HEALTHY", "resourceDetails": {"resourceType": "EC2",
				"ec2InstanceDetails": {"instanceId": "i-0123456789abcdef0", "clusterArn": "arn:aws:ecs:us-east-1:111122223333:cluster/web", "agentDetails": {"version": "1.7.0"}}}},
			{"accountId": "222233334444", "coverageStatus": "UNHEALTHY", "issue": "Addon Creation Failed", "resourceDetails": {"resourceType": "EKS",
				"eksClusterDetails": {"clusterName": "k8s", "coveredNodes": 1, "compatibleNodes": 3, "addonDetails": {"addonVersion": "v1", "addonStatus": "ACTIVE"}}}}]}`},
	}
}

// answers is an HTTP client that returns the odd response to one operation and valid ones to the others.
type answers struct {
	odd    string // the operation
	status int
	body   []byte
}

func (a answers) Do(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody, Request: r}
	for _, o := range operations() {
		if r.Method != o.method || !strings.HasSuffix(r.URL.Path, o.path) {
			continue
		}
		answer.StatusCode, answer.Body = 200, io.NopCloser(strings.NewReader(o.answer))
		if o.name == a.odd {
			answer.StatusCode, answer.Body = a.status, io.NopCloser(bytes.NewReader(a.body))
		}
		break
	}
	return answer, nil
}

// FuzzRead gives an arbitrary response to one operation. Read returns a known state, or a snapshot whose metrics have valid
// labels.
func FuzzRead(f *testing.F) {
	last := len(operations()) - 1
	for i, o := range operations() {
		f.Add(byte(i), 200, []byte(o.answer))
		f.Add(byte(i), 400, []byte(`{"__type": "BadRequestException", "message": "not owned by the current account"}`))
	}
	for _, body := range []string{
		"", "{", "null", "[]", "<html>", `{"resources": null}`, `{"resources": []}`, `{"resources": [{}]}`, `{"resources": [], "nextToken": "again"}`,
		`{"resources": [{"accountId": 1}]}`, `{"resources": [{"updatedAt": "yesterday"}]}`, `{"resources": [{"updatedAt": 1e300}]}`,
		`{"resources": [{"accountId": "1\u0000\u202e2", "coverageStatus": "SICK\n", "issue": "<b>\ud800 ` + strings.Repeat("é", 300) + `", "resourceDetails": {
			"ecsClusterDetails": {"clusterName": "we\u200bb", "fargateDetails": {"issues": ["a", "a", "TaskDefinition - '\u0007x'"], "managementType": "ODD\u0085"}},
			"ec2InstanceDetails": {"instanceId": "i-\"\\", "instanceType": "m\t", "clusterArn": "arn:aws:ecs:x:y:cluster/\u0000"},
			"eksClusterDetails": {"clusterName": "k", "addonDetails": {"addonStatus": "` + strings.Repeat("x", 300) + `"}}}}]}`,
		strings.Repeat(`{"resources":[`, 200),
	} {
		f.Add(byte(last), 200, []byte(body))
	}
	f.Add(byte(last), 429, []byte("slow down"))
	f.Add(byte(last), 503, []byte("<html>"))
	f.Fuzz(func(t *testing.T, which byte, status int, body []byte) {
		odd := operations()[int(which)%len(operations())]
		// net/http does not return other statuses, or not with a body.
		status = 200 + int(uint(status)%400)
		c := NewClient(Options{
			Region: region, Types: []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS}, Detector: true, Members: true,
			AccountID: func(context.Context) (string, error) { return account, nil },
			Config: func(string) aws.Config {
				return aws.Config{
					BaseEndpoint: aws.String("http://guardduty.invalid"), Region: region, HTTPClient: answers{odd.name, status, body},
					Credentials: credentials.NewStaticCredentialsProvider("AKIATESTTESTTESTTEST", "secret", ""),
					Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
				}
			},
			Logger: slog.New(slog.DiscardHandler),
		})
		_, snapshot, err := c.Read(t.Context(), nil)
		state := awserr.State(region, err)
		if err == nil && snapshot == nil || snapshot != nil && err != nil && state != coverage.InvalidResponse || !slices.Contains(coverage.States(), state) {
			t.Fatalf("a snapshot: %v, in the state %q: %v", snapshot != nil, state, err)
		}
		if err != nil {
			var none *coverage.Snapshot
			snapshot = none.WithOptional(snapshot)
		}
		checkPage(t, coverage.Report{Target: coverage.TargetID{Name: "a", Region: region}, State: state, LastSuccess: time.Unix(1, 0), Snapshot: snapshot})
	})
}

// checkPage renders the metrics of a report and checks every label value.
func checkPage(t *testing.T, report coverage.Report) {
	t.Helper()
	in := collector.Input{
		View: coverage.Merge([]coverage.Report{report}), Issues: collector.IssueOptions{Text: true, MaxPerCluster: 1000},
	}
	for _, f := range collector.Families() {
		seen := map[string]bool{}
		f.Each(in, func(_ float64, labelValues ...string) {
			for _, v := range labelValues {
				if len(v) > coverage.MaxTextBytes || !utf8.ValidString(v) || strings.ContainsAny(v, "\x00\n\r\t\u0085\u200b\u202e") {
					t.Errorf("%s has the label value %q", f.Name, v)
				}
			}
			if series := fmt.Sprintf("%q", labelValues); seen[series] {
				t.Errorf("%s has two samples of %s", f.Name, series)
			} else {
				seen[series] = true
			}
		})
	}
}
