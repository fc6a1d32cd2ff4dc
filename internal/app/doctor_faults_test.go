package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// fault is one defect of the world, of the clock or of the way to it.
type fault struct {
	world   func(*simulator.World)
	skew    time.Duration                        // of AWS's clock
	session func(*testing.T, *session.Simulator) // changes how AWS is reached
	config  func(string) string
	want    string
}

// faults returns the defects with what doctor finds. The roles of ecs are checked
// even if coverage is not, where that can be told.
func faults() map[string]fault {
	administrator := func(w *simulator.World) *simulator.Account { return w.Account("111122223333") }
	queue := func(f func(*simulator.Queue)) func(*simulator.World) {
		return func(w *simulator.World) { f(administrator(w).Queues[0]) }
	}
	return map[string]fault{
		"clock behind": {skew: 10 * time.Minute, want: "error clock/skew clock_skew\n"},
		"clock ahead":  {skew: -time.Minute, want: "warning clock/skew clock_skew\n"},
		"no detector": {
			world: func(w *simulator.World) { administrator(w).Detectors = nil },
			want:  "error target/ListDetectors no_detector\nskipped ecs/AssumeRole \n",
		},
		"suspended detector": {
			world: func(w *simulator.World) { administrator(w).Detectors[0].Suspended = true },
			want:  "warning target/runtime_monitoring suspended\n",
		},
		"Runtime Monitoring is off": {
			world: func(w *simulator.World) { administrator(w).Detectors[0].RuntimeMonitoringOff = true },
			want:  "warning target/runtime_monitoring runtime_monitoring_off\n",
		},
		"the role of ecs is that of the target": {
			config: func(yaml string) string {
				return strings.Replace(yaml, `{role_arn: "arn:aws:iam::{account_id}:role/ecs", external_id: a-secret-external-id, scope: all}`, "{}", 1)
			},
			want: "skipped ecs/DescribeTaskDefinition \n", // the cluster that GuardDuty lists first has no tasks
		},
		"all Regions": {config: func(yaml string) string { return strings.Replace(yaml, "[us-east-1]", "[all]", 1) }, want: strings.Repeat(
			"error target/ListDetectors no_detector\n", len(awsregion.Default())+len(awsregion.OptIn())-1)},
		"all Regions, denied": {
			world:  func(w *simulator.World) { administrator(w).Role("coverage").Deny = []string{"account:ListRegions"} },
			config: func(yaml string) string { return strings.Replace(yaml, "[us-east-1]", "[all]", 1) },
			want:   "error target/ListRegions denied +account:ListRegions\n",
		},
		"Runtime Monitoring is off in a member": {
			world: func(w *simulator.World) { w.Account(member).Detectors[0].RuntimeMonitoringOff = true },
			want:  "warning organization/runtime_monitoring runtime_monitoring_off\n",
		},
		"not the administrator": {
			world: func(w *simulator.World) {
				w.Account("111122223333").Detectors[0].Members = nil
				w.Account(member).Detectors[0].Members = []string{"111122223333"}
			},
			want: "error organization/ListMembers not_administrator\nskipped ecs/accounts \n",
		},
		"no members": {
			world: func(w *simulator.World) { administrator(w).Detectors[0].Members = nil },
			want:  "warning organization/members no_members\nskipped ecs/accounts \n",
		},
		"a suspended member": {
			world: func(w *simulator.World) {
				administrator(w).Detectors[0].Relationships = map[string]string{member: "Disabled"}
			},
			want: "warning organization/members members_not_enabled\nskipped ecs/accounts \n",
		},
		"Organizations does not know the administrator": {
			world: func(w *simulator.World) {
				w.Organization.Delegated, w.Organization.Accounts = nil, []string{"111122223333", member}
			},
			want: "error organization/ListAccounts denied +organizations:ListAccounts\n",
		},
		"the role is missing": {
			world: func(w *simulator.World) { administrator(w).Roles = administrator(w).Roles[1:] },
			want: "error credentials/AssumeRole denied\nskipped target/detector \nskipped organization/ListAccounts \n" +
				"skipped ecs/AssumeRole \nskipped queue/GetQueueAttributes \n",
		},
		"wrong external ID": {
			world: func(w *simulator.World) { administrator(w).Role("coverage").ExternalID = "another" },
			want: "error credentials/AssumeRole denied\nskipped target/detector \nskipped organization/ListAccounts \n" +
				"skipped ecs/AssumeRole \nskipped queue/GetQueueAttributes \n",
		},
		"the role of ecs is missing in a member": {
			world: func(w *simulator.World) { w.Account(member).Roles = w.Account(member).Roles[:1] },
			want:  "warning ecs/accounts denied\n",
		},
		"the role of ecs is missing in the first account": {
			world: func(w *simulator.World) { administrator(w).Roles = administrator(w).Roles[:1] },
			want:  "error ecs/AssumeRole denied\n",
		},
		"ecs without clusters": {
			world: func(w *simulator.World) { administrator(w).Clusters, w.Account(member).Clusters = nil, nil },
			want: "skipped ecs/DescribeClusters \nskipped ecs/ListTasks \nskipped ecs/DescribeTasks \nskipped ecs/DescribeServices \n" +
				"skipped ecs/DescribeTaskDefinition \nskipped ecs/DescribeContainerInstances \n",
		},
		"queue without policy": {world: queue(func(q *simulator.Queue) { q.Policy = "" }), want: "warning queue/policy no_policy\n"},
		"policy without sender": {
			world: queue(func(q *simulator.Queue) { q.Policy = strings.Replace(sendPolicy, "events", "lambda", 1) }),
			want:  "warning queue/policy no_sender\n",
		},
		"AWS's key": {
			world: queue(func(q *simulator.Queue) { q.KMSKey = "alias/aws/sqs" }), want: "error queue/encryption aws_managed_key\n",
		},
		"no dead-letter queue": {
			world: queue(func(q *simulator.Queue) { q.MaxReceives = 0 }), want: "warning queue/dead_letter_queue no_dead_letter_queue\n",
		},
		"no queue": {
			world: func(w *simulator.World) { administrator(w).Queues = nil }, want: "error queue/GetQueueAttributes no_queue\n",
		},
		"an exclusion has ended": {
			config: func(yaml string) string {
				return yaml + "exclusions: [{name: old, cluster_name: shop, reason: replaced last year, until: 2025-01-31}]\n"
			},
			want: "warning configuration/exclusions ended\n",
		},
		"China": {
			world:  func(w *simulator.World) { w.Partition = "aws-cn" },
			config: func(string) string { return "targets: [{regions: [cn-north-1]}]\n" },
			want:   "warning configuration/partition not_supported\nerror target/ListDetectors no_detector\nskipped organization/members \n",
		},
	}
}

const allSkipped = "skipped credentials/AssumeRole \nskipped target/detector \nskipped organization/ListAccounts \n" +
	"skipped ecs/AssumeRole \nskipped queue/GetQueueAttributes \n"

// connectionFaults are those of the way to AWS and of the ambient credentials.
func connectionFaults() map[string]fault {
	endpoint := func(url string) func(*testing.T, *session.Simulator) {
		return func(_ *testing.T, s *session.Simulator) { s.Endpoint = url }
	}
	return map[string]fault{
		// A name with an empty label is rejected without a query.
		"DNS": {session: endpoint("http://aws..invalid"), want: "skipped clock/skew \nerror endpoints/connect dns\n" +
			"skipped credentials/GetCallerIdentity \n" + allSkipped},
		"connection refused": {session: endpoint("http://127.0.0.1:1"), want: "skipped clock/skew \nerror endpoints/connect connect\n" +
			"skipped credentials/GetCallerIdentity \n" + allSkipped},
		"TLS": {
			session: func(t *testing.T, s *session.Simulator) {
				server := httptest.NewUnstartedServer(nil)
				server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				server.StartTLS()
				t.Cleanup(server.Close)
				s.Endpoint = server.URL
			},
			want: "skipped clock/skew \nerror endpoints/connect tls_authority\nskipped credentials/GetCallerIdentity \n" + allSkipped,
		},
		"TLS to a server without it": {
			session: func(_ *testing.T, s *session.Simulator) {
				s.Endpoint = "https" + strings.TrimPrefix(s.Endpoint, "http")
			},
			want: "skipped clock/skew \nerror endpoints/connect tls\nskipped credentials/GetCallerIdentity \n" + allSkipped,
		},
		"one Region cannot be reached": {
			session: func(_ *testing.T, s *session.Simulator) {
				s.Regions = map[string]string{"eu-west-1": "http://aws..invalid"}
			},
			config: func(yaml string) string { return strings.Replace(yaml, "[us-east-1]", "[us-east-1, eu-west-1]", 1) },
			want:   "error endpoints/connect dns\nskipped target/detector \n",
		},
		"no credentials": {
			session: func(_ *testing.T, s *session.Simulator) {
				s.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{}, errors.New("no provider has any")
				})
			},
			want: "error credentials/credentials denied\n" + allSkipped,
		},
		"expired credentials": {
			session: func(t *testing.T, s *session.Simulator) { s.Credentials = expiredKeys(t, s.Endpoint) },
			want:    "error credentials/GetCallerIdentity expired\n" + allSkipped,
		},
	}
}

// TestDoctorHostileEndpoint: what an endpoint answers does not control the terminal.
func TestDoctorHostileEndpoint(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2J\x1b]0;title\x07\u202e\u0085denied"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" { // STS
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>\u202e\u0085denied</Message></Error></ErrorResponse>")
			return
		}
		body, err := json.Marshal(map[string]string{"__type": "AccessDeniedException", "message": hostile})
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	r, _ := examine(t, "targets: [{regions: [us-east-1]}]\n", ambientKeys(server.URL), DoctorOptions{})
	var text bytes.Buffer
	if err := r.Write(&text, "table"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "denied") {
		t.Errorf("no error of the endpoint:\n%s", text.String())
	}
	for _, c := range text.String() {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("the output has %U", c)
		}
	}
}

// TestDoctorFaults plants one defect at a time.
func TestDoctorFaults(t *testing.T) {
	t.Parallel()
	all := faults()
	for name, f := range connectionFaults() {
		all[name] = f
	}
	for name, f := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := examinedWorld()
			w.Account(member).Roles = append(w.Account(member).Roles, &simulator.Role{Name: "short", Duration: time.Nanosecond})
			if f.world != nil {
				f.world(w)
			}
			clock := func() time.Time { return time.Now().Add(f.skew) }
			server := httptest.NewServer(simulator.New(w, simulator.Options{Now: clock}))
			defer server.Close()
			aws, yaml := ambientKeys(server.URL), examinedConfig
			if f.session != nil {
				f.session(t, aws)
			}
			if f.config != nil {
				yaml = f.config(yaml)
			}
			r, _ := examine(t, yaml, aws, DoctorOptions{})
			if diff := cmp.Diff(f.want, problems(r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
				var text bytes.Buffer
				_ = r.Write(&text, "table")
				t.Log(text.String())
			}
		})
	}
}
