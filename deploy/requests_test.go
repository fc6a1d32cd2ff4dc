package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"guardduty_coverage_exporter/internal/config"
	"guardduty_coverage_exporter/internal/coverage"
	"guardduty_coverage_exporter/internal/guardduty"
	"guardduty_coverage_exporter/internal/refresh"
	"guardduty_coverage_exporter/internal/session"
	"guardduty_coverage_exporter/internal/simulator"
)

const (
	perSecond = 50.0
	member    = "222233334444"
)

// measuredRows is the fleet that the simulator counts the calls of.
func measuredRows() map[string]int {
	return map[string]int{"us-east-1": 120, "eu-west-1": 100, "eu-north-1": 0, "ap-southeast-2": noDetector}
}

func measuredWorld() *simulator.World {
	owner := &simulator.Account{ID: member, Roles: []*simulator.Role{{Name: "guardduty-coverage"}}}
	for region, rows := range measuredRows() {
		if rows != noDetector {
			owner.Detectors = append(owner.Detectors, &simulator.Detector{Region: region})
		}
		for i := range rows {
			owner.Clusters = append(owner.Clusters, &simulator.Cluster{Region: region, Name: fmt.Sprintf("cluster-%03d", i)})
		}
	}
	caller := &simulator.Account{ID: "444455556666", Keys: simulator.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "example"}}
	return &simulator.World{Accounts: []*simulator.Account{caller, owner}}
}

// The simulator counts what is called in a first refresh and in a later one.
func TestCallsOfARefresh(t *testing.T) {
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
		Logger: slog.New(slog.DiscardHandler), Metrics: session.NewMetrics(func(string, error) string { return "error" }),
	})
	if err != nil {
		t.Fatal(err)
	}

	clients := map[string]*guardduty.Client{}
	role := session.Role{ARN: "arn:aws:iam::" + member + ":role/guardduty-coverage", SessionName: "cost"}
	for region := range measuredRows() {
		s := sessions.Session(role, region)
		clients[region] = guardduty.NewClient(guardduty.Options{
			Region: region, AccountID: s.AccountID, Config: s.Config, Logger: slog.New(slog.DiscardHandler),
		})
	}

	first := refreshAll(t, server, clients)
	if first["AssumeRole"] != 1 {
		t.Errorf("the role was assumed %d times for all its Regions", first["AssumeRole"])
	}
	delete(first, "AssumeRole")
	for region, rows := range measuredRows() {
		want := refreshCalls(rows)
		if rows != noDetector {
			want++ // ListDetectors
		}
		if first[region] != want {
			t.Errorf("%s, first refresh: %d calls, want %d", region, first[region], want)
		}
	}
	want := map[string]int{}
	for region, rows := range measuredRows() {
		want[region] = refreshCalls(rows)
	}
	if diff := cmp.Diff(want, refreshAll(t, server, clients)); diff != "" {
		t.Errorf("later refresh, calls expected (-) and made (+):\n%s", diff)
	}
}

// refreshAll reads every target once and returns the number of GuardDuty calls by Region, of others by operation.
func refreshAll(t *testing.T, server *simulator.Server, clients map[string]*guardduty.Client) map[string]int {
	t.Helper()
	server.ResetCalls()
	for region, client := range clients {
		before, started := len(server.Calls()), time.Now()
		_, _, err := client.Read(t.Context())
		took := time.Since(started)
		rows := measuredRows()[region]
		if missing := rows == noDetector; missing != errors.Is(err, guardduty.ErrNoDetector) || !missing && err != nil {
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

// In a hundred hours of made-up time a target is refreshed as often as the bounds of docs/cost.md say.
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
			Drop:    func(coverage.Target) {},
			StateOf: guardduty.StateOf,
			Metrics: refresh.NewMetrics(),
			Logger:  slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithTimeout(t.Context(), hours*time.Hour)
		defer cancel()
		settings := refresh.Settings{
			Interval: cfg.Refresh.Interval, Timeout: cfg.Refresh.Timeout, MaxStaleness: cfg.Refresh.MaxStaleness,
		}
		r.Set(ctx, settings, []refresh.Target{{
			Name: "one", Region: "us-east-1", Asks: 1,
			Read: func(context.Context) (string, *coverage.Snapshot, error) {
				refreshes++
				return member, &coverage.Snapshot{}, nil
			},
		}})
		<-ctx.Done()
		r.Wait()
		least := hours * float64(time.Hour/cfg.Refresh.Interval)
		perHour := float64(refreshes) / hours
		t.Logf("%.2f refreshes per hour, between %.2f and %.2f", perHour, least/hours, least/earliest/hours)
		if n := float64(refreshes); n < least || n > least/earliest+1 {
			t.Errorf("%d refreshes in %d hours, want %.0f to %.0f", refreshes, hours, least, least/earliest)
		}
	})
}
