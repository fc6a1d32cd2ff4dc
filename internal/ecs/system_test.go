package ecs_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestAccountsOfATarget reads one account that can be read, one without the role
// and one that denies an action.
func TestAccountsOfATarget(t *testing.T) {
	const roleless = "777788889999"
	denying, without := shop(3), shop(3)
	denying.ID, denying.Roles = member, []*simulator.Role{{Name: "coverage", Deny: []string{"ecs:DescribeTasks"}}}
	without.ID, without.Roles = roleless, []*simulator.Role{}
	unlisted := &simulator.Cluster{Region: region, Name: "unlisted"}
	good := shop(3)
	good.Clusters = append(good.Clusters, unlisted, &simulator.Cluster{Region: "eu-west-1", Name: "elsewhere"})
	w := newWorld(t, good, denying, without)

	reports := make(chan diagnosis.Report, 10)
	m := ecs.NewMonitor(ecs.MonitorOptions{
		Diagnose: diagnosis.Diagnose, Put: func(r diagnosis.Report) { reports <- r }, Drop: func(_, _, _ string) {}, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer m.Wait()
	defer cancel()
	m.Set(ctx, []ecs.Target{{
		Name: "organization", All: true, Interval: time.Hour, Open: func(accountID, _ string) ecs.Reader { return w.client(accountID) },
	}})
	m.Observe(reportOf(row(home, "shop", coverage.Unhealthy, 1), row(member, "shop", coverage.Unhealthy, 1), row(roleless, "shop", coverage.Unhealthy, 1)))
	got := map[string]diagnosis.Report{}
	for range 3 {
		r := <-reports
		got[r.AccountID] = r
	}
	if r := got[home]; !r.Up || len(r.Clusters) != 2 || !r.Clusters[0].Listed || r.Clusters[0].Services[0].Tasks[diagnosis.AgentMissing] != 3 || r.Clusters[1].Listed {
		t.Errorf("%+v", r)
	}
	for _, id := range []string{member, roleless} {
		if r := got[id]; r.Up || len(r.Clusters) != 1 || !r.LastSuccess.IsZero() {
			t.Errorf("%+v", r)
		}
	}
}

func TestMoreThan10000Clusters(t *testing.T) {
	account := &simulator.Account{ID: home}
	for i := range 10_001 {
		account.Clusters = append(account.Clusters, &simulator.Cluster{Region: region, Name: fmt.Sprintf("c%05d", i)})
	}
	w := newWorld(t, account)
	names, truncated, err := w.client(home).List(t.Context())
	if err != nil || len(names) != 10_000 || !truncated {
		t.Errorf("%d clusters, truncated %v, %v", len(names), truncated, err)
	}
	w.Update(func(w *simulator.World) { w.Accounts[0].Clusters = w.Accounts[0].Clusters[:10_000] })
	if names, truncated, err := w.client(home).List(t.Context()); err != nil || len(names) != 10_000 || truncated {
		t.Errorf("%d clusters, truncated %v, %v", len(names), truncated, err)
	}
}
