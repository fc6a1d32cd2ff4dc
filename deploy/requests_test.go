package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/organizations"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	perSecond = 50.0
	member    = "222233334444"
)

// measured returns the fleet whose calls the simulator counts.
func measured() map[string]capacity.Listing {
	return map[string]capacity.Listing{
		"us-east-1": clusters(120), "eu-west-1": clusters(100), "eu-north-1": clusters(0),
		"ap-southeast-2": {NoDetector: true},
		"us-west-2":      {Rows: map[coverage.ResourceType]int{"EC2": 101}},
		"eu-west-2":      {Rows: map[coverage.ResourceType]int{"EC2": 101, "EKS": 0}, AllEC2: true},
		"eu-central-1": {
			Rows:     map[coverage.ResourceType]int{"ECS": 51, "EC2": 10, "EKS": 60},
			Detector: true, Members: 120, Enabled: 100,
		},
	}
}

// memberID is the account ID of the i-th member account.
func memberID(i int) string { return fmt.Sprintf("7%011d", i) }

func measuredWorld() *simulator.World {
	owner := &simulator.Account{ID: member, Name: "security", Roles: []*simulator.Role{{Name: "guardduty-coverage"}}}
	organization := &simulator.Organization{ManagementAccount: "123456789012", Delegated: []string{member}}
	world := &simulator.World{Organization: organization, Accounts: []*simulator.Account{
		owner,
		{ID: organization.ManagementAccount, Name: "management"},
		{ID: "444455556666", Keys: simulator.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "example"}},
	}}
	for region, t := range measured() {
		if t.NoDetector {
			continue
		}
		detector := &simulator.Detector{Region: region, Relationships: map[string]string{}}
		owner.Detectors = append(owner.Detectors, detector)
		for i := range t.Rows["ECS"] {
			owner.Clusters = append(owner.Clusters, &simulator.Cluster{Region: region, Name: fmt.Sprintf("cluster-%03d", i)})
		}
		for i := range t.Rows["EC2"] {
			owner.Instances = append(owner.Instances, &simulator.Instance{Region: region, ID: fmt.Sprintf("i-%017d", i)})
		}
		for i := range t.Rows["EKS"] {
			owner.EKSClusters = append(owner.EKSClusters, &simulator.EKSCluster{Region: region, Name: fmt.Sprintf("eks-%03d", i)})
		}
		for i := range t.Members {
			id := memberID(i)
			detector.Members, organization.Accounts = append(detector.Members, id), append(organization.Accounts, id)
			world.Accounts = append(world.Accounts, &simulator.Account{
				ID: id, Name: "member", Detectors: []*simulator.Detector{{Region: region}},
			})
			if i >= t.Enabled {
				detector.Relationships[id] = "Disabled"
			}
		}
	}
	return world
}

// open starts the simulator, and returns it with a session of the role.
func open(t *testing.T) (*simulator.Server, *session.Session) {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	server := simulator.New(measuredWorld(), simulator.Options{})
	running, err := server.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	sessions, err := session.Open(t.Context(), session.Options{
		RequestsPerSecond: perSecond,
		Simulator: &session.Simulator{
			Endpoint:    running.URL,
			Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "example", ""),
		},
		Logger: slog.New(slog.DiscardHandler), Metrics: session.NewMetrics(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, sessions.Session(session.Role{ARN: "arn:aws:iam::" + member + ":role/guardduty-coverage", SessionName: "cost"}, "us-east-1")
}

// The first and a later refresh make the expected calls.
func TestCallsOfARefresh(t *testing.T) {
	server, home := open(t)
	clients := map[string]*guardduty.Client{}
	for region, asked := range measured() {
		s := home.InRegion(region)
		clients[region] = guardduty.NewClient(guardduty.Options{
			Region: region, AccountID: s.AccountID, Config: s.Config, Logger: slog.New(slog.DiscardHandler),
			Types: slices.Collect(maps.Keys(asked.Rows)), OnlyECS: !asked.AllEC2,
			Detector: asked.Detector, Members: asked.Members > 0,
		})
	}

	first := refreshAll(t, server, clients)
	if first["AssumeRole"] != 1 {
		t.Errorf("the role was assumed %d times, want once for all Regions", first["AssumeRole"])
	}
	delete(first, "AssumeRole")
	for region, asked := range measured() {
		want := asked.Calls()
		if !asked.NoDetector {
			want++ // ListDetectors
		}
		if first[region] != want {
			t.Errorf("%s, first refresh: %d calls, want %d", region, first[region], want)
		}
	}
	want := map[string]int{}
	for region, asked := range measured() {
		want[region] = asked.Calls()
	}
	if diff := cmp.Diff(want, refreshAll(t, server, clients)); diff != "" {
		t.Errorf("later refresh, calls expected (-) and made (+):\n%s", diff)
	}
}

// refreshAll refreshes every target once. It returns the number of GuardDuty calls by Region and of others by operation.
func refreshAll(t *testing.T, server *simulator.Server, clients map[string]*guardduty.Client) map[string]int {
	t.Helper()
	server.ResetCalls()
	for region, client := range clients {
		before, started := len(server.Calls()), time.Now()
		_, _, err := client.Read(t.Context(), nil)
		took := time.Since(started)
		if missing := measured()[region].NoDetector; missing != errors.Is(err, awserr.ErrNoDetector) || !missing && err != nil {
			t.Fatalf("%s: %v", region, err)
		}
		calls := 0
		for _, call := range server.Calls()[before:] {
			if call.Service == "guardduty" {
				calls++
			}
		}
		if least := time.Duration(float64(calls-1) / perSecond * float64(time.Second)); took < least {
			t.Errorf("%s: %d calls took %s, which is faster than %g per second", region, calls, took, perSecond)
		}
	}
	counts := map[string]int{}
	for _, call := range server.Calls() {
		if call.Service == "guardduty" {
			counts[call.Region]++
		} else {
			counts[call.Operation]++
		}
	}
	return counts
}

// Reading the account names of an organization makes the expected calls.
func TestCallsOfAccountNames(t *testing.T) {
	server, home := open(t)
	names, err := organizations.Names(t.Context(), home.Config(member))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, call := range server.Calls() {
		if call.Operation == "ListAccounts" {
			calls++
		}
	}
	if want := capacity.Pages(len(names), accountsPerPage); len(names) != 122 || calls != want {
		t.Errorf("%d calls for the names of %d accounts, want %d for 122", calls, len(names), want)
	}
}

// The number of refreshes in a hundred hours of fake time is within the bounds in docs/cost.md.
func TestRefreshesPerHour(t *testing.T) {
	const hours = 100
	cfg, err := config.Parse("defaults", nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		refreshes := 0
		r := refresh.New(refresh.Options{
			Put:     func(coverage.Report) {},
			Drop:    func(coverage.TargetID) {},
			Metrics: refresh.NewMetrics(nil),
			Logger:  slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithTimeout(t.Context(), hours*time.Hour)
		defer cancel()
		settings := refresh.Settings{
			Interval: cfg.Refresh.Interval, Timeout: cfg.Refresh.Timeout, MaxStaleness: cfg.Refresh.MaxStaleness,
		}
		r.Set(ctx, settings, []refresh.Target{{
			Name: "one", Region: "us-east-1", Key: 1,
			Source: refresh.SourceFunc(func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
				refreshes++
				return member, &coverage.Snapshot{}, nil
			}),
		}})
		<-ctx.Done()
		r.Wait()
		least := hours * float64(time.Hour/cfg.Refresh.Interval)
		perHour := float64(refreshes) / hours
		t.Logf("%.2f refreshes per hour, between %.2f and %.2f", perHour, least/hours, least/minIntervalFraction/hours)
		if n := float64(refreshes); n < least || n > least/minIntervalFraction+1 {
			t.Errorf("%d refreshes in %d hours, want %.0f to %.0f", refreshes, hours, least, least/minIntervalFraction)
		}
	})
}
