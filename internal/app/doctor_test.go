package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// Of the tests of doctor. The exporter's identity is that of the delegated
// administrator, which has one member that is read and the queue.
const (
	examinedConfig = `
aws: {requests_per_second: 1000}
targets:
  - name: all
    role_arn: arn:aws:iam::111122223333:role/coverage
    external_id: a-secret-external-id
    regions: [us-east-1]
    resource_types: [ECS, EC2, EKS]
    detector: true
    members: true
    account_names: true
    ecs: {role_arn: "arn:aws:iam::{account_id}:role/ecs", external_id: a-secret-external-id, scope: all}
events:
  - queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/events
    role_arn: arn:aws:iam::111122223333:role/coverage
    external_id: a-secret-external-id
`
	sendPolicy = `{"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}]}`
)

func examinedWorld() *simulator.World {
	const administrator = "111122223333"
	w := &simulator.World{
		Organization: &simulator.Organization{ManagementAccount: "123456789012", Delegated: []string{administrator}, Accounts: []string{member}},
	}
	for _, id := range []string{administrator, member} {
		w.Accounts = append(w.Accounts, &simulator.Account{
			ID:        id,
			Roles:     []*simulator.Role{{Name: "coverage", ExternalID: "a-secret-external-id"}, {Name: "ecs", ExternalID: "a-secret-external-id"}},
			Detectors: []*simulator.Detector{{Region: "us-east-1"}},
			Clusters: []*simulator.Cluster{
				{
					Region: "us-east-1", Name: "shop", Status: "HEALTHY", UpdatedAt: time.Now(), Tags: map[string]string{"team": "shop"},
					Services: []*simulator.Service{{Name: "web", TaskDefinition: "web:1"}}, Tasks: []*simulator.Task{{Service: "web"}},
				},
				{Region: "us-east-1", Name: "private-" + id, Status: "HEALTHY"},
			},
			TaskDefinitions: []*simulator.TaskDefinition{{Region: "us-east-1", Family: "web", Revision: 1}},
		})
	}
	w.Accounts = append(w.Accounts, &simulator.Account{ID: "123456789012"})
	w.Accounts[0].Keys = keys
	w.Accounts[0].Detectors[0].Members = []string{member}
	w.Accounts[0].Queues = []*simulator.Queue{
		{Region: "us-east-1", Name: "events", Policy: sendPolicy, DeadLetter: "dead", MaxReceives: 10}, {Region: "us-east-1", Name: "dead"},
	}
	return w
}

// examine checks a configuration against a server. It returns the result and the
// announced number of requests.
func examine(t *testing.T, yaml string, aws *session.Simulator, o DoctorOptions) (*doctor.Result, int) {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	announced := 0
	var log bytes.Buffer
	o.Config, o.Simulator, o.Logger = cfg, aws, slog.New(slog.NewTextHandler(&log, nil))
	o.Announce = func(n int) { announced = n }
	if o.Web == nil {
		o.Web = &toolkit.FlagConfig{WebConfigFile: new(string)}
	}
	r, err := Doctor(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, format := range doctor.Formats() {
		if err := r.Write(&text, format); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"a-secret-external-id", keys.SecretAccessKey, "p4ssw0rd"} {
		if strings.Contains(text.String()+log.String(), secret) {
			t.Errorf("the output or log has the secret %s:\n%s%s", secret, text.String(), log.String())
		}
	}
	return r, announced
}

func ambientKeys(endpoint string) *session.Simulator {
	return &session.Simulator{
		Endpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
}

// problems returns the checks that are neither ok nor the skipped web configuration,
// one on each line, with the action of the statement to add.
func problems(r *doctor.Result) string {
	var b strings.Builder
	for _, c := range r.Checks {
		if c.Status == doctor.OK || c.Category == doctor.Web && c.Status == doctor.Skipped {
			continue
		}
		fmt.Fprintf(&b, "%s %s/%s %s", c.Status, c.Category, c.Check, c.Code)
		if c.Policy != nil {
			fmt.Fprintf(&b, " +%s", c.Policy.Statement.Action[0])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	aws := simulator.New(examinedWorld(), simulator.Options{})
	server := httptest.NewServer(aws)
	defer server.Close()
	r, announced := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{Deep: true})
	if got := problems(r); got != "" {
		t.Errorf("got\n%s", got)
	}
	for _, category := range doctor.Categories() {
		if !slices.ContainsFunc(r.Checks, func(c doctor.Check) bool { return c.Category == category }) {
			t.Errorf("no check of %s", category)
		}
	}
	if calls := len(aws.Calls()); calls != r.Requests || calls > announced || calls < 30 {
		t.Errorf("%d requests, reported %d, announced at most %d", calls, r.Requests, announced)
	}
	checkReadOnly(t, aws)
}

// checkReadOnly compares the calls with the policies of the configuration.
func checkReadOnly(t *testing.T, aws *simulator.Server) {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(examinedConfig))
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"sts:GetCallerIdentity", "sqs:GetQueueAttributes"} // which needs no permission; see docs/doctor.md
	for _, principal := range iampolicy.Principals(cfg) {
		policy, err := iampolicy.For(cfg, principal)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			allowed = append(allowed, s.Action...)
		}
	}
	reads := regexp.MustCompile(`^(Get|List|Describe)[A-Z]|^AssumeRole$`)
	contacts := 0
	for _, c := range aws.Calls() {
		switch {
		case c.Service == "" && c.Error == "MissingAuthenticationTokenException", c.Operation == "" && c.AccountID == "":
			contacts++ // without credentials
		case !slices.Contains(allowed, c.Service+":"+c.Operation) || !reads.MatchString(c.Operation):
			t.Errorf("doctor called %s:%s", c.Service, c.Operation)
		}
	}
	if contacts != 1 {
		t.Errorf("%d requests without credentials to one endpoint", contacts)
	}
}

// TestDoctorPlan: for a configuration without members, ecs and retries, the number
// of requests is known exactly.
func TestDoctorPlan(t *testing.T) {
	t.Parallel()
	aws := simulator.New(examinedWorld(), simulator.Options{})
	server := httptest.NewServer(aws)
	defer server.Close()
	_, announced := examine(t, "targets: [{regions: [us-east-1], detector: true}]\n", ambientKeys(server.URL), DoctorOptions{})
	// Two more are announced: GuardDuty and STS have one endpoint here, and the account
	// is known after the first GetCallerIdentity.
	if calls := len(aws.Calls()); calls != announced-2 {
		t.Errorf("%d requests, announced %d", calls, announced)
	}
}

// TestDoctorDenied denies each action that the configuration needs, one at a time.
func TestDoctorDenied(t *testing.T) {
	t.Parallel()
	cfg, err := config.Parse("test.yaml", []byte(examinedConfig))
	if err != nil {
		t.Fatal(err)
	}
	notCalled := []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
	denied := 0
	for role, principal := range map[string]string{"coverage": "arn:aws:iam::111122223333:role/coverage", "ecs": iampolicy.ECS} {
		policy, err := iampolicy.For(cfg, principal)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			for _, action := range s.Action {
				if slices.Contains(notCalled, action) {
					continue
				}
				denied++
				t.Run(action, func(t *testing.T) {
					t.Parallel()
					w := examinedWorld()
					for _, a := range w.Accounts[:2] {
						a.Role(role).Deny = []string{action}
					}
					checkDenied(t, w, action)
				})
			}
		}
	}
	if denied < 14 {
		t.Errorf("%d actions were denied", denied)
	}
	t.Run("sqs:GetQueueAttributes", func(t *testing.T) {
		t.Parallel()
		w := examinedWorld()
		w.Account("111122223333").Role("coverage").Deny = []string{"sqs:GetQueueAttributes"}
		checkDenied(t, w, "sqs:GetQueueAttributes")
	})
}

// checkDenied checks that the denied action, and nothing but it, is to be allowed.
func checkDenied(t *testing.T, w *simulator.World, action string) {
	t.Helper()
	server := httptest.NewServer(simulator.New(w, simulator.Options{}))
	defer server.Close()
	r, _ := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{})
	found := false
	for _, c := range r.Checks {
		if c.Policy != nil {
			found = true
			if c.Code != "denied" || !slices.Equal(c.Policy.Statement.Action, []string{action}) || len(c.Policy.Statement.Resource) == 0 {
				t.Errorf("the check %+v asks for %+v", c, *c.Policy)
			}
		}
		if c.Status == doctor.Error && c.Code != "denied" {
			t.Errorf("an error of its own: %+v", c)
		}
	}
	if !found {
		t.Errorf("nothing is to be allowed:\n%s", problems(r))
	}
}

// expiredKeys returns credentials of a session that has ended.
func expiredKeys(t *testing.T, endpoint string) aws.CredentialsProvider {
	t.Helper()
	factory, err := session.Open(t.Context(), session.Options{
		Simulator: ambientKeys(endpoint), Logger: discard(), RequestsPerSecond: 100, Metrics: session.NewMetrics(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := factory.Session(session.Role{ARN: "arn:aws:iam::222233334444:role/short", AccountID: member, SessionName: "test"}, "us-east-1")
	c, err := s.Config("").Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
}

func TestDoctorWebConfiguration(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(simulator.New(examinedWorld(), simulator.Options{}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "web.yaml")
	for content, want := range map[string]string{
		"basic_auth_users: {prometheus: p4ssw0rd}\n":                         "error web/file invalid\n",
		"tls_server_config: {cert_file: none.pem, key_file: none.pem}\n":     "error web/file invalid\n",
		"http_server_config: {headers: {X-Content-Type-Options: nosniff}}\n": "",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _ := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{Web: &toolkit.FlagConfig{WebConfigFile: &file}})
		if got := problems(r); got != want {
			t.Errorf("%s: got %s, want %s", content, got, want)
		}
	}
}

// TestDoctorReport checks that the report has nothing of the accounts.
func TestDoctorReport(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	w.Account(member).Roles = nil
	w.Account("111122223333").Role("coverage").Deny = []string{"guardduty:GetDetector"}
	server := httptest.NewServer(simulator.New(w, simulator.Options{}))
	defer server.Close()
	r, _ := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{Deep: true})
	if !r.Failed() && r.Count(doctor.Warning) == 0 {
		t.Fatal("the world has no fault")
	}
	var report bytes.Buffer
	if err := r.Report().Write(&report); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&report, "short"); err != nil {
		t.Fatal(err)
	}
	private := regexp.MustCompile(`\d{12}|[0-9a-f]{32}|shop|private|role/|arn:aws|us-east-1|127\.0\.0\.1|test\.yaml|target all`)
	if found := private.FindString(report.String()); found != "" {
		t.Errorf("the report has %q:\n%s", found, report.String())
	}
}

func TestDoctorStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer server.Close()
	cfg, err := config.Parse("test.yaml", []byte(examinedConfig))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Doctor(ctx, DoctorOptions{
		Config: cfg, Logger: discard(), Simulator: ambientKeys(server.URL), Web: &toolkit.FlagConfig{WebConfigFile: new(string)},
	})
	if diff := cmp.Diff("context canceled", fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}
