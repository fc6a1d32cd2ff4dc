package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// diagnoseWorld reads a world once. It returns the log too.
func diagnoseWorld(t *testing.T, aws *simulator.Server, yaml string, s Selection) (*diagnose.Result, string) {
	t.Helper()
	result, log, err := tryDiagnose(t, aws, yaml, s)
	if err != nil {
		t.Fatal(err)
	}
	return result, log
}

func tryDiagnose(t *testing.T, aws *simulator.Server, yaml string, s Selection) (*diagnose.Result, string, error) {
	t.Helper()
	return diagnoseWith(t, aws, yaml, DiagnoseOptions{Selection: s})
}

// diagnoseWith sets what is missing in the options.
func diagnoseWith(t *testing.T, aws *simulator.Server, yaml string, o DiagnoseOptions) (*diagnose.Result, string, error) {
	t.Helper()
	server := httptest.NewServer(aws)
	defer server.Close()
	cfg, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o.Config, o.Logger = cfg, slog.New(slog.NewTextHandler(&log, nil))
	o.Simulator = &session.Simulator{
		Endpoint:    server.URL,
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
	result, err := Diagnose(t.Context(), o)
	return result, log.String(), err
}

// found returns the result in lines: clusters with their status, services and
// causes, and what is unreadable.
func found(r *diagnose.Result) string {
	var b strings.Builder
	for _, c := range r.Clusters {
		fmt.Fprintf(&b, "%s %s %s\n", c.AccountID, c.ClusterName, c.CoverageStatus)
		for _, f := range c.Findings {
			fmt.Fprintf(&b, "  %s: %s %s\n", f.ServiceName, f.Cause, f.Certainty)
		}
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(&b, "%s %s %s %s\n", u.Target, u.Kind, u.AccountID, u.State)
	}
	return b.String()
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	got, log := diagnoseWorld(t, simulator.New(ecsWorld(), simulator.Options{}), withECS, Selection{})
	if diff := cmp.Diff(`222233334444 ledger UNHEALTHY
  : unknown unknown
222233334444 payments UNHEALTHY
  : task_gone strong
222233334444 shop UNHEALTHY
  family:report: no_execution_role proof
  orders: deployment_older_than_monitoring strong
222233334444 unlisted 
  : unknown unknown
444455556666 ledger UNHEALTHY
  : denied unknown
  : denied unknown
default ecs 444455556666 
`, found(got)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log)
	}
	if strings.Contains(log, "an-external-id") {
		t.Errorf("the log has a secret:\n%s", log)
	}
}

// TestDiagnoseSelection reads no more than what is selected.
func TestDiagnoseSelection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		s     Selection
		want  string
		roles int // that are assumed
	}{
		"account": {
			Selection{AccountIDs: []string{"444455556666"}},
			"444455556666 ledger UNHEALTHY\n  : denied unknown\n  : denied unknown\ndefault ecs 444455556666 \n", 1,
		},
		"cluster": {
			Selection{AccountIDs: []string{member}, Clusters: []string{"shop"}},
			"222233334444 shop UNHEALTHY\n  family:report: no_execution_role proof\n  orders: deployment_older_than_monitoring strong\n", 1,
		},
		"unlisted cluster": {
			Selection{AccountIDs: []string{member}, Clusters: []string{"unlisted"}}, "222233334444 unlisted \n  : unknown unknown\n", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := simulator.New(ecsWorld(), simulator.Options{})
			got, log := diagnoseWorld(t, aws, withECS, tc.s)
			if diff := cmp.Diff(tc.want, found(got)); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, log)
			}
			if roles := countCalls(aws, "AssumeRole"); roles != tc.roles {
				t.Errorf("%d roles were assumed, want %d", roles, tc.roles)
			}
		})
	}
}

// TestDiagnoseListsClusters: without scope: all, clusters that GuardDuty does not list
// are found too, and healthy ones are not read; a filter that may hide a cluster
// leaves it open whether GuardDuty lists it, so ECS is not asked.
func TestDiagnoseListsClusters(t *testing.T) {
	t.Parallel()
	const shop = "222233334444 shop UNHEALTHY\n  family:report: no_execution_role proof\n  orders: deployment_older_than_monitoring strong\n"
	accounts := []string{member}
	for name, tc := range map[string]struct {
		yaml, want   string
		clusters     []string
		lists, reads int // of clusters, and of the tasks of one
	}{
		"scope unhealthy":         {"scope: unhealthy", shop + "222233334444 unlisted \n  : unknown unknown\n", []string{"shop", "unlisted", "checkout"}, 1, 2},
		"scope all":               {"scope: all", shop + "222233334444 unlisted \n  : unknown unknown\n", []string{"shop", "unlisted", "checkout"}, 1, 3},
		"with a filter":           {"scope: unhealthy\n    filter: {ecs_cluster_name: {equals: [shop]}}", shop, []string{"shop"}, 0, 1},
		"with a filter of status": {"scope: unhealthy\n    filter: {coverage_status: {equals: [UNHEALTHY]}}", shop, []string{"shop"}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := simulator.New(ecsWorld(), simulator.Options{})
			got, log := diagnoseWorld(t, aws, unscoped+"      "+tc.yaml+"\n", Selection{AccountIDs: accounts, Clusters: tc.clusters})
			if diff := cmp.Diff(tc.want, found(got)); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, log)
			}
			if lists, reads := countCalls(aws, "ListClusters"), countCalls(aws, "ListTasks"); lists != tc.lists || reads != tc.reads {
				t.Errorf("clusters were listed %d times and tasks %d times, want %d and %d", lists, reads, tc.lists, tc.reads)
			}
		})
	}
}

// unscoped ends with the block ecs.
const unscoped = ambient + `    members: true
    detector: true
    ecs:
      role_arn: arn:{partition}:iam::{account_id}:role/guardduty-coverage-ecs
      external_id: an-external-id-of-ecs
`

func countCalls(aws *simulator.Server, operation string) int {
	n := 0
	for _, call := range aws.Calls() {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// TestDiagnoseDeniedListing: if AWS does not let the clusters be listed, those that
// GuardDuty does not list are unknown, so not everything was read.
func TestDiagnoseDeniedListing(t *testing.T) {
	t.Parallel()
	w := ecsWorld()
	w.Account(member).Role("guardduty-coverage-ecs").Deny = []string{"ecs:ListClusters"}
	got, log := diagnoseWorld(t, simulator.New(w, simulator.Options{}), unscoped, Selection{AccountIDs: []string{member}, Clusters: []string{"payments"}})
	if diff := cmp.Diff("222233334444 payments UNHEALTHY\n  : task_gone strong\ndefault ecs 222233334444 \n", found(got)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log)
	}
	if !strings.Contains(log, "ListClusters") {
		t.Errorf("the log does not name the action:\n%s", log)
	}
}

// TestDiagnoseReadsSelectedRegions: of regions: [all], the other Regions are neither
// read nor named as not readable, and account names are not read.
func TestDiagnoseReadsSelectedRegions(t *testing.T) {
	t.Parallel()
	aws := simulator.New(ecsWorld(), simulator.Options{})
	yaml := strings.Replace(unscoped, "[us-east-1]", "[all]", 1) + "    account_names: true\n"
	got, log := diagnoseWorld(t, aws, yaml, Selection{AccountIDs: []string{home}, Regions: []string{"us-east-1"}})
	if found(got) != "" {
		t.Errorf("got %s\n%s", found(got), log)
	}
	for _, call := range aws.Calls() {
		if call.Service == "guardduty" && call.Region != "us-east-1" || call.Service == "organizations" {
			t.Errorf("unnecessary call: %+v", call)
		}
	}
	if _, _, err := tryDiagnose(t, aws, yaml, Selection{Regions: []string{"us-esat-1"}}); err == nil || err.Error() != `no target shows --region="us-esat-1"` {
		t.Errorf("of a Region that does not exist: %v", err)
	}
}

// TestDiagnoseWithoutClusters: a target without ECS clusters has none that GuardDuty
// fails to list.
func TestDiagnoseWithoutClusters(t *testing.T) {
	t.Parallel()
	aws := simulator.New(ecsWorld(), simulator.Options{})
	got, log := diagnoseWorld(t, aws, ambient+"    resource_types: [EKS]\n", Selection{})
	if n := countCalls(aws, "ListClusters"); found(got) != "" || n > 0 {
		t.Errorf("clusters were listed %d times; got %s\n%s", n, found(got), log)
	}
}

// TestDiagnoseDeletedCluster: GuardDuty reports a cluster for a while after its end.
func TestDiagnoseDeletedCluster(t *testing.T) {
	t.Parallel()
	w := ecsWorld()
	w.Account(member).Cluster("us-east-1", "shop").Deleted = true
	got, log := diagnoseWorld(t, simulator.New(w, simulator.Options{}), withECS, Selection{AccountIDs: []string{member}, Clusters: []string{"shop"}})
	if diff := cmp.Diff("222233334444 shop UNHEALTHY\n  : task_gone strong\n", found(got)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log)
	}
}

// TestDiagnoseUnknownSelection: what no target shows is not taken for covered,
// unless it may be in what could not be read.
func TestDiagnoseUnknownSelection(t *testing.T) {
	t.Parallel()
	accounts := []string{member}
	for want, s := range map[string]Selection{
		`no target shows --cluster="shopp"`:        {AccountIDs: accounts, Clusters: []string{"shop", "shopp"}},
		`no target shows --account="22223333444"`:  {AccountIDs: []string{"22223333444"}, Regions: []string{"us-east-1"}},
		`no target shows --region="us-esat-1"`:     {Regions: []string{"us-esat-1"}},
		`no target shows --account="444455556666"`: {AccountIDs: []string{"444455556666"}, Regions: []string{"us-east-1"}},
	} {
		w := ecsWorld()
		w.Accounts = w.Accounts[:2]
		if _, log, err := tryDiagnose(t, simulator.New(w, simulator.Options{}), withECS, s); err == nil || err.Error() != want {
			t.Errorf("%v: got the error %v, want %s\n%s", s, err, want, log)
		}
	}
	w := ecsWorld()
	w.Accounts[0].Roles = nil
	got, log := diagnoseWorld(t, simulator.New(w, simulator.Options{}), withECS, Selection{Clusters: []string{"shopp"}})
	if want := "default ecs 111122223333 \n"; found(got) != want || !strings.Contains(log, "shopp") {
		t.Errorf("got %s, want %s\n%s", found(got), want, log)
	}
}

// TestDiagnoseWithoutECS: without ecs, the target's own account is read with the
// target's role, and the other accounts are named as not readable.
func TestDiagnoseWithoutECS(t *testing.T) {
	t.Parallel()
	w := ecsWorld()
	w.Accounts[0].Clusters = append(w.Accounts[0].Clusters, unhealthy("own"))
	got, log := diagnoseWorld(t, simulator.New(w, simulator.Options{}), "targets: [{regions: [us-east-1], members: true}]\n", Selection{})
	if diff := cmp.Diff(`111122223333 own UNHEALTHY
  : unknown unknown
222233334444 ledger UNHEALTHY
222233334444 payments UNHEALTHY
222233334444 shop UNHEALTHY
444455556666 ledger UNHEALTHY
 ecs 222233334444 not_configured
 ecs 444455556666 not_configured
`, found(got)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, log)
	}
}

func TestDiagnoseStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	cancel(stop)
	cfg, err := config.Parse("test.yaml", []byte(ambient))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Diagnose(ctx, DiagnoseOptions{
		Config: cfg, Logger: discard(),
		Simulator: &session.Simulator{Endpoint: "http://127.0.0.1:1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
	})
	if !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
