package iampolicy_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

const (
	own    = "444455556666" // the account that the exporter runs in
	member = "222233334444" // the account under both administrators
)

// permitted is the set of actions that each principal, a role's ARN or Exporter, may use or has used.
type permitted map[string]map[string]bool

func (p permitted) add(principal, action string) {
	if p[principal] == nil {
		p[principal] = map[string]bool{}
	}
	p[principal][action] = true
}

// TestMain keeps the shared configuration files of the SDK out of the tests.
func TestMain(m *testing.M) {
	for _, variable := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if err := os.Setenv(variable, os.DevNull); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestPoliciesAreWhatTheExporterCalls compares the policies with the requests of a running exporter.
func TestPoliciesAreWhatTheExporterCalls(t *testing.T) {
	all := configurations()
	maps.Copy(all, ecsConfigurations())
	delete(all, "ecs-two-roles") // GuardDuty is not enabled in all of its Regions
	for name, text := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := parse(t, text)
			cfg.AWS.RequestsPerSecond = 1000
			for i, target := range cfg.Targets {
				if target.Regions == nil { // the simulator's environment has none
					cfg.Targets[i].Regions = []string{"us-east-1"}
				}
			}
			want := permitted{}
			for _, principal := range iampolicy.Principals(cfg) {
				for _, s := range policyFor(t, cfg, principal).Statement {
					for _, action := range s.Action {
						want.add(principal, action)
					}
				}
			}
			if diff := cmp.Diff(want, run(t, cfg, want)); diff != "" {
				t.Errorf("allowed (-) and called (+):\n%s", diff)
			}
		})
	}
}

// run runs an exporter until it is ready and has made every wanted call, at most ten seconds, and returns its calls.
func run(t *testing.T, cfg *config.Config, want permitted) permitted {
	t.Helper()
	server := simulator.New(world(), simulator.Options{})
	for _, q := range cfg.Events {
		for _, body := range messages() {
			if _, err := server.Send(q.AccountID(), q.Region, q.Name(), body); err != nil {
				t.Fatal(err)
			}
		}
	}
	aws := httptest.NewServer(server)
	defer aws.Close()
	ctx, stop := context.WithCancel(t.Context())
	listening, result := make(chan *web.Server, 1), make(chan error, 1)
	no, none := false, ""
	go func() {
		result <- app.Run(ctx, app.Options{
			Load: func() (*config.Config, error) { return cfg, nil },
			Web: &toolkit.FlagConfig{
				WebListenAddresses: &[]string{"127.0.0.1:0"}, WebSystemdSocket: &no, WebConfigFile: &none,
			},
			TelemetryPath: "/metrics",
			Logger:        slog.New(slog.DiscardHandler),
			Simulator: &session.Simulator{
				Endpoint:    aws.URL,
				Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "example", ""),
			},
			Listening: func(s *web.Server) { listening <- s },
		})
	}()
	select {
	case err := <-result:
		t.Fatalf("Run: %v", err)
	case s := <-listening:
		ready := "http://" + s.Addresses()[0].String() + "/-/ready"
		deadline := time.After(10 * time.Second)
		for tick := time.Tick(5 * time.Millisecond); !isReady(t, ready) || !cmp.Equal(want, called(cfg, server)); {
			select {
			case <-tick:
				continue
			case <-deadline:
			}
			break
		}
	}
	stop()
	if err := <-result; err != nil {
		t.Errorf("Run: %v", err)
	}
	return called(cfg, server)
}

// messages are one that is deleted at once because it is not about coverage, and for each account that a target reads one
// that is released because GuardDuty never lists its cluster.
func messages() []string {
	all := []string{`{"detail-type": "GuardDuty Finding", "source": "aws.guardduty", "detail": {}}`}
	for _, account := range []string{own, member} {
		all = append(all, `{"detail-type": "GuardDuty Runtime Protection Unhealthy", "source": "aws.guardduty", "region": "us-east-1",
			"detail": {"accountId": "`+account+`", "currentStatus": "Unhealthy", "resourceDetails": {
			"resourceType": "ECS", "ecsClusterDetails": {"clusterName": "nowhere"}}}}`)
	}
	return all
}

func isReady(t *testing.T, url string) bool {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// called returns the actions of the calls so far. GetCallerIdentity needs no permission.
func called(cfg *config.Config, server *simulator.Server) permitted {
	used := permitted{}
	for _, call := range server.Calls() {
		if call.Operation == "GetCallerIdentity" {
			continue
		}
		principal := iampolicy.Exporter
		if call.Role != "" {
			principal = principalOf(cfg, call)
		}
		operation := call.Operation
		if call.Service == "sqs" {
			operation = strings.TrimSuffix(operation, "Batch") // needs no action of its own
		}
		used.add(principal, call.Service+":"+operation)
	}
	return used
}

// principalOf returns the role of a call, or ecs.role_arn if that is its name in every account.
func principalOf(cfg *config.Config, call simulator.Call) string {
	role := "arn:aws:iam::" + call.AccountID + ":role/" + call.Role
	if slices.Contains(iampolicy.Principals(cfg), role) {
		return role
	}
	for _, t := range cfg.Targets {
		if t.ECS != nil && t.ECS.RoleIn("aws", call.AccountID) == role {
			return t.ECS.RoleARN
		}
	}
	return role
}

// world has two administrators, the exporter's own account among them, of one member, and the queues of the
// configurations. Each account has an unhealthy cluster with a task on Fargate and one on an EC2 instance.
func world() *simulator.World {
	const administrator = "111122223333"
	roles := []*simulator.Role{{Name: "guardduty-coverage"}, {Name: "guardduty-coverage-events"}, {Name: "guardduty-coverage-ecs"}}
	queue := func(name string) *simulator.Queue { return &simulator.Queue{Region: "us-east-1", Name: name} }
	w := &simulator.World{
		Accounts: []*simulator.Account{
			{
				ID:   own,
				Keys: simulator.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "example"},
				Detectors: []*simulator.Detector{
					{Region: "us-east-1", ID: "0123456789abcdef0123456789abcdef", Members: []string{member}},
				},
				Queues: []*simulator.Queue{queue("events")},
			},
			{ID: administrator, Roles: roles, Detectors: []*simulator.Detector{{Region: "us-east-1", Members: []string{member}}}},
			{
				ID: member, Roles: roles, Detectors: []*simulator.Detector{{Region: "us-east-1", ID: "b"}},
				Queues: []*simulator.Queue{queue("events-1"), queue("events-2"), queue("events-3")},
			},
		},
		Organization: &simulator.Organization{
			ManagementAccount: own, Delegated: []string{administrator}, Accounts: []string{member},
		},
	}
	for _, a := range w.Accounts {
		a.Roles = append(a.Roles, &simulator.Role{Name: "ecs-" + a.ID})
		a.Clusters = []*simulator.Cluster{{
			Region: "us-east-1", Name: "shop", Status: "UNHEALTHY",
			Services: []*simulator.Service{{Name: "web", TaskDefinition: "web:1"}},
			Tasks:    []*simulator.Task{{Service: "web"}, {TaskDefinition: "web:1", LaunchType: "EC2", Instance: "i-0123456789abcdef0"}},
		}}
		a.TaskDefinitions = []*simulator.TaskDefinition{{Region: "us-east-1", Family: "web", Revision: 1}}
	}
	return w
}
